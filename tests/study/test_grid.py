"""Which runs a grid stands for, and what makes a run another run."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from noisylab.core.registries import DATA_SETS, MODELS
from noisylab.data.image_data import ImageData, load_data
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run_config import RunConfig
from noisylab.training.config import TrainConfig

TRAINING = TrainConfig(device="cpu")


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data(DATA_SETS.parse("digits"), None)


def ids(data: ImageData, training: TrainConfig = TRAINING, **grid: Any) -> list[str]:
    return [config.id for config in plan(Grid(**grid, training=training), data).configs]


def test_a_network_that_cannot_take_the_images_is_refused_before_training(
    digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODELS, "create", lambda *_: nn.Conv2d(1, 4, 9))
    with pytest.raises(ValueError, match=r"model 'resnet18' cannot take images of 1x8x8 \(channels, height, width\): "):
        ids(digits, model="resnet18")


def test_the_default_grid_is_the_promised_one(digits: ImageData) -> None:
    configs = plan(Grid(training=TRAINING), digits).configs
    assert len(configs) == 54
    assert len({config.id for config in configs}) == 54
    assert {config.seed for config in configs} == {0, 1, 2}
    assert [config.method.split("(")[0] for config in configs[:3]] == ["ce", "repeat", "dlb"]
    assert all(config.noise_seed == config.seed for config in configs)


def test_runs_are_ordered_by_seed_so_that_an_interrupted_study_holds_whole_comparisons(digits: ImageData) -> None:
    assert [config.seed for config in plan(Grid(training=TRAINING), digits).configs] == [0] * 18 + [1] * 18 + [2] * 18


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"methods": ("dlb",)}, {"methods": ("dlb(alpha=1)",)}),
        ({"methods": ("dlb(alpha=1, temperature=3)",)}, {"methods": ("dlb( temperature = 3.0 )",)}),
        ({"noise": ("symmetric:0.4",)}, {"noise": ("symmetric(rate=.4)",)}),
        ({"noise": ("symmetric:0",)}, {"noise": ("symmetric:0.0",)}),
        ({"noise": ("asymmetric:0.4",)}, {"noise": ("asymmetric(mapping='digits', rate=0.4)",)}),
        ({"augment": "auto"}, {"augment": "crop(padding=1, flip=False)"}),
        ({"model": "small_cnn"}, {"model": "small_cnn(width=16)"}),
        ({"noise_seed": None, "seeds": (3,)}, {"noise_seed": 3, "seeds": (3,)}),
        ({"data_root": None}, {"data_root": Path()}),
    ],
    ids=str,
)
def test_equal_settings_written_differently_are_the_same_runs(
    digits: ImageData, one: dict[str, Any], two: dict[str, Any]
) -> None:
    assert ids(digits, **one) == ids(digits, **two)


@pytest.mark.parametrize(
    "changed",
    [
        {"methods": ("dlb(alpha=2)",)},
        {"noise": ("symmetric(rate=0.4, include_true=True)",)},
        {"noise": ("symmetric(rate=0.4, sampling='iid')",)},
        {"seeds": (4,)},
        {"noise_seed": 4},
        {"augment": "none"},
        {"model": "small_cnn(width=8)"},
        {"record": "eval"},
    ],
    ids=str,
)
def test_whatever_changes_a_number_is_another_run(digits: ImageData, changed: dict[str, Any]) -> None:
    base: dict[str, Any] = {"methods": ("dlb",), "noise": ("symmetric:0.4",), "seeds": (0,)}
    assert set(ids(digits, **base)).isdisjoint(ids(digits, **(base | changed)))


def test_where_and_how_many_at_once_is_not_part_of_a_run() -> None:
    fields = {field.name for field in dataclasses.fields(RunConfig)} | {f.name for f in dataclasses.fields(TrainConfig)}
    assert fields.isdisjoint({"out", "jobs", "data_root"})


def test_another_training_subset_is_another_run(digits: ImageData) -> None:
    assert set(ids(digits)).isdisjoint(ids(digits.subset(1000)))
    assert ids(digits.subset(1000)) == ids(digits.subset(1000))


@pytest.mark.parametrize("array", ["train_images", "train_labels", "test_images", "test_labels"])
def test_a_file_whose_content_changed_is_another_run(tmp_path: Path, array: str) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 256, (40, 8, 8), dtype=np.uint8),
        "train_labels": np.arange(40) % 4,
        "test_images": rng.integers(0, 256, (20, 8, 8), dtype=np.uint8),
        "test_labels": np.arange(20) % 4,
    }
    path = tmp_path / "data.npz"

    def written() -> list[str]:
        np.savez(path, **arrays)
        data = load_data(DATA_SETS.parse(f"npz:{path}"), None)
        return ids(data, methods=("ce",), noise=("symmetric:0.4",), seeds=(0,))

    before = written()
    assert written() == before
    changed = arrays[array].copy()
    changed.flat[0] = 3
    arrays[array] = changed
    assert written() != before


def test_a_label_file_whose_content_changed_is_another_run(tmp_path: Path, digits: ImageData) -> None:
    given = digits.train_labels.copy()
    found = []
    for change in range(2):
        given[change] = (given[change] + 1) % 10
        np.save(tmp_path / "given.npy", given)
        found.append(set(ids(digits, noise=(f"file:{tmp_path / 'given.npy'}",), seeds=(0,))))
    assert found[0].isdisjoint(found[1])


def test_a_method_that_needs_the_matrix_of_the_noise_gets_it_or_is_refused(digits: ImageData) -> None:
    known = "forward_correction(transition='known')"
    noise = ("symmetric:0", "symmetric:0.4", "asymmetric:0.4")
    assert len(ids(digits, methods=(known,), noise=noise)) == 9
    assert len(ids(digits, methods=("forward_correction",), noise=("instance:0.4",), seeds=(0,))) == 1
    with pytest.raises(ValueError, match=r"known'.* under 'instance:0.4': .*not known for this noise"):
        plan(Grid(methods=("ce", known), noise=("symmetric:0.4", "instance:0.4"), training=TRAINING), digits)


def test_a_budget_of_images_divides_the_epochs_or_says_that_it_cannot(digits: ImageData) -> None:
    grid = Grid(methods=("ce", "dlb", "tf_kd_self", "ban(generations=3)"), noise=("symmetric:0",), seeds=(0,), budget="images")
    configs = plan(dataclasses.replace(grid, training=TrainConfig(epochs=12, device="cpu")), digits).configs
    assert [config.epochs_trained for config in configs] == [12, 6, 6, 4]
    assert len({config.comparison_key for config in configs}) == 1, "they can be compared"
    with pytest.raises(ValueError, match=r"ban:3 processes 3 times .* multiple of 3, got 10"):
        plan(dataclasses.replace(grid, training=TrainConfig(epochs=10, device="cpu")), digits)


def test_two_ways_to_write_one_method_are_one_too_many() -> None:
    with pytest.raises(ValueError, match=r"names 'dlb' and 'dlb\(alpha=1\)', which are the same"):
        Grid(methods=("ce", "dlb", "dlb(alpha=1)"))


def test_a_method_without_a_loss_for_mixed_images_is_refused(digits: ImageData) -> None:
    assert len(ids(digits, methods=("ce", "dlb"), augment="cutmix", noise=("symmetric:0.4",), seeds=(0,))) == 2
    with pytest.raises(ValueError, match=r"method 'elr' under 'symmetric:0.4': its loss takes no mixed images"):
        ids(digits, methods=("ce", "elr"), augment="cutmix", noise=("symmetric:0.4",))
