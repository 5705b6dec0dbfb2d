"""Which runs a grid stands for, and what makes a run another run."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from noisylab.core.registries import DATA_SETS, METHODS, MODELS
from noisylab.data.image_data import ImageData, load_data
from noisylab.methods.provenance import Recipe
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
    assert len(configs) == 90
    assert len({config.id for config in configs}) == 90
    assert {config.seed for config in configs} == {0, 1, 2, 3, 4}
    assert {(config.budget, config.training.epochs) for config in configs} == {("images", 40)}
    assert [config.method.split("(")[0] for config in configs[:3]] == ["ce", "repeat", "dlb"]
    assert all(config.noise_seed == config.seed for config in configs)


def test_runs_are_ordered_by_seed_so_that_an_interrupted_study_holds_whole_comparisons(digits: ImageData) -> None:
    assert [config.seed for config in plan(Grid(training=TRAINING), digits).configs] == [
        seed for seed in range(5) for _ in range(18)
    ]


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
        ({"noise_seed": None}, {"noise_seed": 3}),
        ({"data_root": None}, {"data_root": Path()}),
    ],
    ids=str,
)
def test_equal_settings_written_differently_are_the_same_runs(
    digits: ImageData, one: dict[str, Any], two: dict[str, Any]
) -> None:
    base: dict[str, Any] = {"methods": ("dlb",), "noise": ("asymmetric:0.4",), "seeds": (3,)}
    assert ids(digits, **(base | one)) == ids(digits, **(base | two))


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
    whole, part, again = (ids(data, seeds=(0,)) for data in (digits, digits.subset(1000), digits.subset(1000)))
    assert set(whole).isdisjoint(part)
    assert part == again


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
    assert len(ids(digits, methods=(known,), noise=noise)) == 15
    assert len(ids(digits, methods=("forward_correction",), noise=("instance:0.4",), seeds=(0,))) == 1
    with pytest.raises(ValueError, match=r"known'.* under 'instance:0.4': .*not known for this noise"):
        plan(Grid(methods=("ce", known), noise=("symmetric:0.4", "instance:0.4"), training=TRAINING), digits)


def test_a_budget_that_does_not_fit_is_refused_before_training(digits: ImageData) -> None:
    grid = Grid(
        methods=("ce", "dlb", "tf_kd_self", "ban(generations=3)"), noise=("symmetric:0",), seeds=(0,), training=TRAINING
    )
    configs = plan(grid, digits).configs
    assert [config.epochs_trained for config in configs] == [40, 20, 40, 40], "teachers are runs of their own"
    assert len({config.comparison_key for config in configs}) == 1, "they can be compared"
    under_compute = plan(dataclasses.replace(grid, budget="compute"), digits).configs
    assert [config.epochs_trained for config in under_compute] == [40, 20, 13, 8]
    with pytest.raises(ValueError, match=r"multiple of 2 for dlb under budget images, got 5; take 4 or 6, or --budget epochs"):
        plan(dataclasses.replace(grid, training=TrainConfig(epochs=5, device="cpu")), digits)


PAPER = Recipe("of this test", learning_rate=0.02, weight_decay=1e-3)
ON_DIGITS = Recipe("of this test", optimizer="adam", learning_rate=0.001)
SAME = Recipe("of this test", learning_rate=TRAINING.learning_rate)


def methods_of(data: ImageData, *methods: str, recipe: Any, **grid: Any) -> list[str]:
    """The labels of the planned methods."""
    asked = Grid(methods=methods, recipe=recipe, noise=("symmetric:0.4",), seeds=(0,), training=TRAINING, **grid)
    return [METHODS.parse(config.method).label for config in plan(asked, data).configs]


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, held in {
        "ce": {},
        "elr": {"default": PAPER, "cifar10": SAME},
        "gce": {"default": PAPER, "digits": ON_DIGITS},
        "sce": {"cifar10": PAPER},
        "lsr": {"default": SAME},
    }.items():
        monkeypatch.setattr(METHODS.load(name), "recipe", held)


@pytest.mark.usefixtures("recipes")
def test_the_paper_s_recipe_is_written_out_with_the_method(digits: ImageData) -> None:
    asked = "ce", "elr", "gce", "sce", "lsr"
    assert methods_of(digits, *asked, recipe="common") == list(asked)
    published = ["ce", "elr@learning_rate=0.02,weight_decay=0.001", "gce@optimizer=adam,learning_rate=0.001", "sce", "lsr"]
    assert methods_of(digits, *asked, recipe="paper") == published
    assert methods_of(digits, *asked, recipe="both") == ["ce", "elr", published[1], "gce", published[2], "sce", "lsr"]


@pytest.mark.usefixtures("recipes")
def test_overrides_of_the_user_hold_over_a_recipe(digits: ImageData) -> None:
    asked = "elr@learning_rate=0.5"
    assert methods_of(digits, asked, recipe="paper") == ["elr@learning_rate=0.5,weight_decay=0.001"]
    assert methods_of(digits, "elr", "elr@weight_decay=1e-3,learning_rate=0.02", recipe="both") == [
        "elr",
        "elr@learning_rate=0.02,weight_decay=0.001",
    ], "what comes to the same is run once"


@pytest.mark.usefixtures("recipes")
def test_a_recipe_is_no_part_of_a_run(digits: ImageData) -> None:
    def planned(*methods: str, recipe: Any) -> set[str]:
        return set(ids(digits, methods=methods, recipe=recipe, noise=("symmetric:0.4",)))

    written = "elr@learning_rate=0.02,weight_decay=0.001"
    assert planned("elr", recipe="paper") == planned(written, recipe="common")
    assert planned("elr", recipe="both") == planned("elr", written, recipe="common")
    with pytest.raises(ValueError, match=r"both recipes are run by recipe='both'"):
        Grid(over={"recipe": ("common", "paper")})


def test_a_study_s_file_keeps_the_settings_of_the_grid() -> None:
    grid = Grid(recipe="both", validation=0.1, select="validation", test_size=100, evaluate_every=5, budget="updates")
    assert Grid.from_mapping(grid.as_json()) == grid


def test_what_a_run_is_measured_on_is_part_of_it(digits: ImageData) -> None:
    base: dict[str, Any] = {"methods": ("ce",), "noise": ("symmetric:0.4",), "seeds": (0,)}
    grids = [{}, {"validation": 0.1}, {"validation": 0.1, "select": "validation"}, {"test_size": 100}, {"evaluate_every": 2}]
    found = [ids(digits, **base, **other)[0] for other in grids]
    assert len(set(found)) == len(grids)
    assert ids(digits, **base, test_size=len(digits.test_labels)) == found[:1], "the whole test set is the default"


def test_each_number_of_test_samples_is_another_data_set_of_the_plan(digits: ImageData) -> None:
    grid = Grid(methods=("ce",), noise=("symmetric:0.4",), seeds=(0,), training=TRAINING, over={"test_size": (100, 200)})
    planned = plan(grid, digits)
    assert [config.test_size for config in planned.configs] == [100, 200]
    assert [len(planned.data[config.data_digest].test_labels) for config in planned.configs] == [100, 200]
    assert all(len(data.train_labels) == len(digits.train_labels) for data in planned.data.values())


@pytest.mark.parametrize("size", [9, 451])
def test_too_few_or_too_many_test_samples_are_refused(digits: ImageData, size: int) -> None:
    with pytest.raises(ValueError, match=rf"test size must be between 10 \(the classes\) and 450 \(the samples\), got {size}"):
        ids(digits, test_size=size)


def test_a_split_that_leaves_a_class_without_samples_is_refused_before_training(digits: ImageData) -> None:
    few = digits.subset(20)
    with pytest.raises(
        ValueError, match=r"validation=0.8 under 'symmetric:0' .* leaves no training sample of class \d: all 2 "
    ):
        ids(few, methods=("ce",), noise=("symmetric:0",), seeds=(0,), validation=0.8)
    assert len(ids(few, methods=("ce",), noise=("symmetric:0",), seeds=(0,), validation=0.1)) == 1
    with pytest.raises(ValueError, match=r"validation=0\.01 holds out"):
        ids(few, methods=("ce",), noise=("symmetric:0",), seeds=(0,), validation=0.01)


def test_selection_without_validation_samples_is_refused_before_training(digits: ImageData) -> None:
    with pytest.raises(ValueError, match="select 'validation' needs validation samples"):
        ids(digits, select="validation")


def test_two_ways_to_write_one_method_are_one_too_many() -> None:
    with pytest.raises(ValueError, match=r"names 'dlb' and 'dlb\(alpha=1\)', which are the same"):
        Grid(methods=("ce", "dlb", "dlb(alpha=1)"))


def test_a_method_without_a_loss_for_mixed_images_is_refused(digits: ImageData) -> None:
    assert len(ids(digits, methods=("ce", "dlb"), augment="cutmix", noise=("symmetric:0.4",), seeds=(0,))) == 2
    with pytest.raises(ValueError, match=r"method 'elr' under 'symmetric:0.4': its loss takes no mixed images"):
        ids(digits, methods=("ce", "elr"), augment="cutmix", noise=("symmetric:0.4",))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"data_root": 5}, "data_root must be the path of a folder, got 5"), ({"decay": 10**400}, "too large")],
)
def test_settings_of_a_file_that_no_grid_can_have(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Grid.from_mapping(settings)
