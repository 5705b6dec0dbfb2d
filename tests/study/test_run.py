"""One run: from a configuration to a finished folder, cut off anywhere or not."""

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from filelock import FileLock

from noisylab.core.interrupts import Stopped
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.corruption import NoisyLabels
from noisylab.data.image_data import ImageData, load_data
from noisylab.methods import Method
from noisylab.recording import load_dynamics
from noisylab.study.failure import RunLockedError
from noisylab.study.run import build_method, run_one
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import read_result
from noisylab.study.run_log import RunLog
from noisylab.training.callback import EpochSummary
from noisylab.training.config import TrainConfig
from noisylab.training.loop import DivergedError, train_together

TIMINGS = ["seconds", "images_per_second"]


@pytest.fixture(scope="module")
def data() -> ImageData:
    return load_data(DATA_SETS.parse("digits"), None, 80)


def config(data: ImageData, method: str = "dlb", noise: str = "symmetric:0.4", **changes: Any) -> RunConfig:
    training = TrainConfig(epochs=4, batch_size=32, device="cpu")
    made = RunConfig(
        data=str(DATA_SETS.parse("digits")),
        data_digest=data.digest(),
        noise_digest="",
        train_size=80,
        test_size=len(data.test_labels),
        model=str(MODELS.parse("small_cnn(width=4)")),
        method=str(METHODS.parse(method)),
        noise=str(NOISES.parse(noise, data.noise_defaults)),
        noise_seed=0,
        seed=0,
        augment=str(AUGMENTATIONS.parse(data.augment)),
        record="online",
        training=training,
        budget="epochs",
    )
    return replace(made, **changes)


def untimed(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in TIMINGS}


def records(folder: Path) -> dict[str, bytes]:
    loaded = load_dynamics(folder)
    return {str(name): loaded[name].to_numpy().tobytes() for name in [*loaded.data_vars, *loaded.coords]}


def assert_equal_runs(one: Path, two: Path) -> None:
    results = [read_result(folder) for folder in (one, two)]
    assert results[0] is not None
    assert results[1] is not None
    np.testing.assert_equal(untimed(results[0]), untimed(results[1]))
    tables = [pandas.read_csv(folder / "metrics.csv").drop(columns=TIMINGS) for folder in (one, two)]
    pandas.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert (one / "predictions.npz").read_bytes() == (two / "predictions.npz").read_bytes()
    assert records(one) == records(two)
    assert NoisyLabels.load(one / "noise.npz") == NoisyLabels.load(two / "noise.npz")


class CutOffError(Stopped):
    """Ends a run as a signal would."""


def cut_off_at(epoch: int) -> Callable[[int], None]:
    def on_progress(done: int) -> None:
        if done == epoch:
            raise CutOffError

    return on_progress


# A method for each kind of state: none, a memory by sample, a second network, an average, teachers.
FEW = ("ce", "dlb", "elr", "coteaching", "mean_teacher", "hinton_kd")


@pytest.mark.parametrize(
    ("method", "record"),
    [
        *((name, "eval") for name in ("dlb", "coteaching")),
        *(pytest.param(name, "online", marks=[] if name in FEW else pytest.mark.slow) for name in METHODS.entries()),
        *(pytest.param(name, "eval", marks=pytest.mark.slow) for name in FEW if name not in {"dlb", "coteaching"}),
    ],
)
def test_a_run_cut_off_after_any_epoch_ends_with_the_same_numbers(
    data: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, record: str
) -> None:
    run = config(data, method, record=record)
    run_one(run, data, tmp_path / "whole")
    monkeypatch.setattr("noisylab.study.run.train_together", functools.partial(train_together, checkpoint_seconds=0))
    for epoch in (1, 2, 4):
        with pytest.raises(CutOffError):
            run_one(run, data, tmp_path / "cut", cut_off_at(epoch))
        assert read_result(tmp_path / "cut" / run.id) is None
    heard: list[int] = []
    run_one(run, data, tmp_path / "cut", heard.append)
    # The last cut was after the epoch, before it was saved.
    assert heard == [3, 4]
    assert_equal_runs(tmp_path / "whole" / run.id, tmp_path / "cut" / run.id)


def test_a_finished_run_is_not_touched_again(data: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = config(data)
    first = run_one(run, data, tmp_path)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("noisylab.study.run.train_together", fail)
    np.testing.assert_equal(run_one(run, data, tmp_path), first)


@pytest.mark.parametrize(
    "damage", ["result", "checkpoint", "short checkpoint", "records", "a record", "metrics", "everything but records"]
)
def test_a_damaged_run_is_done_again_with_the_same_numbers(data: ImageData, tmp_path: Path, damage: str) -> None:
    import shutil

    run = config(data)
    run_one(run, data, tmp_path / "whole")
    run_one(run, data, tmp_path / "damaged")
    folder = tmp_path / "damaged" / run.id
    result = folder / "result.json"
    result.write_text(result.read_text()[:-20])
    checkpoint = folder / "checkpoint.pt"
    if "checkpoint" in damage:
        content = bytearray(checkpoint.read_bytes())
        content[len(content) // 2] ^= 0x10
        checkpoint.write_bytes(content[: len(content) // 2] if "short" in damage else content)
    if damage == "records":
        shutil.rmtree(folder / "dynamics.zarr")
    if damage == "a record":
        (chunk,) = (path for path in (folder / "dynamics.zarr" / "el2n" / "c").rglob("*") if path.is_file())
        content = bytearray(chunk.read_bytes())
        content[3] ^= 1
        chunk.write_bytes(content)
    if damage == "metrics":
        (folder / "metrics.csv").write_text("epoch\n")
    if damage.startswith("everything"):
        for name in ("config.json", "noise.npz", "metrics.csv", "checkpoint.pt"):
            (folder / name).write_bytes(b"?")
    run_one(run, data, tmp_path / "damaged")
    assert_equal_runs(tmp_path / "whole" / run.id, folder)


def test_leftovers_of_a_killed_run_are_removed(data: ImageData, tmp_path: Path) -> None:
    run = config(data)
    folder = tmp_path / run.id
    (folder / ".dynamics.zarr.partial" / "given").mkdir(parents=True)
    (folder / ".dynamics.zarr.partial" / "given" / "0.1234.partial").touch()
    (folder / ".checkpoint.pt.1234.partial").write_bytes(b"half")
    run_one(run, data, tmp_path)
    assert not list(folder.rglob("*.partial"))


def test_a_run_that_another_process_is_at_is_left_to_it(data: ImageData, tmp_path: Path) -> None:
    run = config(data)
    (tmp_path / run.id).mkdir()
    with FileLock(tmp_path / run.id / ".lock"), pytest.raises(RunLockedError):
        run_one(run, data, tmp_path)
    assert [path.name for path in (tmp_path / run.id).iterdir() if path.name != ".lock"] == []
    run_one(run, data, tmp_path)


def test_a_run_that_diverges_has_no_result_and_can_be_tried_again(data: ImageData, tmp_path: Path) -> None:
    run = config(data, training=TrainConfig(epochs=2, batch_size=32, learning_rate=1e30, device="cpu"))
    for _ in range(2):
        with pytest.raises(DivergedError, match="learning rate"):
            run_one(run, data, tmp_path)
        assert read_result(tmp_path / run.id) is None


@pytest.mark.parametrize("noise", ["symmetric:0", "symmetric:0.4", "asymmetric:0.4", "pair_flip:0.45"])
def test_a_result_describes_its_run(data: ImageData, tmp_path: Path, noise: str) -> None:
    run = config(data, "dlb(alpha=2)", noise)
    result = run_one(run, data, tmp_path)
    assert result == pytest.approx(json.loads((tmp_path / run.id / "result.json").read_text())["result"], nan_ok=True)
    assert result["id"] == run.id
    assert (result["method"], result["noise"], result["data"]) == ("dlb(alpha=2.0)", noise, "digits")
    assert result["noise_kind"] == noise.split(":")[0]
    assert result["nominal_rate"] == float(noise.split(":")[1])
    noisy = NoisyLabels.load(tmp_path / run.id / "noise.npz")
    assert result["realised_rate"] == noisy.rate == float((noisy.given != data.train_labels).mean())
    assert np.isnan(result["memorised"]) == (noisy.rate == 0)


def test_labels_depend_on_the_noise_seed_and_networks_on_the_seed(data: ImageData, tmp_path: Path) -> None:
    def labels(**changes: Any) -> NoisyLabels:
        run = config(data, training=TrainConfig(epochs=1, batch_size=32, device="cpu"), **changes)
        run_one(run, data, tmp_path)
        return NoisyLabels.load(tmp_path / run.id / "noise.npz")

    def weights(**changes: Any) -> torch.Tensor:
        method = build_method(config(data, **changes), data, num_samples=80)
        return torch.cat([parameter.detach().flatten() for parameter in method.parameters()])

    assert labels(seed=1) == labels(seed=2)
    assert labels(noise_seed=1) != labels(noise_seed=2)
    assert torch.equal(weights(noise_seed=1), weights(noise_seed=2))
    assert not torch.equal(weights(seed=1), weights(seed=2))


def test_the_methods_of_a_comparison_start_from_the_same_network(data: ImageData) -> None:
    methods = [build_method(config(data, name), data, num_samples=80) for name in ("ce", "repeat", "dlb")]
    for one, *others in zip(*(method.parameters() for method in methods), strict=True):
        assert all(torch.equal(one, other) for other in others)


def test_a_run_leaves_the_generators_and_threads_of_the_process_alone(data: ImageData, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    run_one(config(data), data, tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


# Teachers


def teachers(study: Path) -> list[Path]:
    return sorted((study / ".teachers").iterdir())


def test_a_teacher_is_a_run_on_the_same_given_labels_from_an_own_initialisation(data: ImageData, tmp_path: Path) -> None:
    student = config(data, "tf_kd_self")
    result = run_one(student, data, tmp_path)
    (folder,) = teachers(tmp_path)
    taught = NoisyLabels.load(tmp_path / student.id / "noise.npz")
    assert NoisyLabels.load(folder / "noise.npz") == taught
    assert taught.rate == pytest.approx(0.4, abs=0.02)
    held, own = (json.loads((path / "config.json").read_text()) for path in (folder, tmp_path / student.id))
    same = {"data", "data_digest", "train_size", "model", "noise", "noise_seed", "augment", "training", "budget"}
    assert {key: held[key] for key in same} == {key: own[key] for key in same}
    assert held["method"] == str(METHODS.parse("ce"))
    assert held["seed"] != own["seed"]
    assert (result["images_processed"], result["updates"]) == (4 * 80, 4 * 3), "its own, without the teacher's"
    another = config(data, "tf_kd_self", seed=1)
    run_one(another, data, tmp_path)
    seeds = {json.loads((path / "config.json").read_text())["seed"] for path in teachers(tmp_path)}
    assert len(seeds) == 2, "each seed has a teacher of its own"


def test_students_of_a_seed_share_a_teacher_and_what_it_says_is_what_they_learn_from(data: ImageData, tmp_path: Path) -> None:
    run_one(config(data, "tf_kd_self"), data, tmp_path)
    (folder,) = teachers(tmp_path)
    before = (folder / "checkpoint.pt").stat().st_mtime_ns
    run_one(config(data, "hinton_kd"), data, tmp_path)
    run_one(config(data, "ban"), data, tmp_path)
    assert teachers(tmp_path) == [folder]
    assert (folder / "checkpoint.pt").stat().st_mtime_ns == before
    teacher = torch.load(folder / "checkpoint.pt", weights_only=True)["method"]
    student = config(data, "tf_kd_self")
    held = torch.load(tmp_path / student.id / "checkpoint.pt", weights_only=True)["method"]
    found = {name: value for name, value in held.items() if name.startswith("teacher.")}
    assert found
    for name, value in teacher.items():
        assert any(name in other and torch.equal(value, same) for other, same in found.items()), name


def test_a_damaged_teacher_is_trained_again_to_the_same_numbers(data: ImageData, tmp_path: Path) -> None:
    expected = untimed(run_one(config(data, "hinton_kd"), data, tmp_path / "whole"))
    run_one(config(data, "tf_kd_self"), data, tmp_path / "damaged")
    (folder,) = teachers(tmp_path / "damaged")
    content = bytearray((folder / "checkpoint.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "checkpoint.pt").write_bytes(bytes(content))
    np.testing.assert_equal(untimed(run_one(config(data, "hinton_kd"), data, tmp_path / "damaged")), expected)


def test_a_run_cut_off_in_its_teacher_s_training_goes_on_to_the_same_numbers(
    data: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = config(data, "ban(generations=3)")
    expected = untimed(run_one(run, data, tmp_path / "whole"))
    epochs = []

    def cut(self: RunLog, summary: EpochSummary, method: Method) -> None:
        on_epoch(self, summary, method)
        epochs.append(summary.epoch)
        if len(epochs) in (2, 5):
            raise KeyboardInterrupt

    on_epoch = RunLog.on_epoch
    monkeypatch.setattr(RunLog, "on_epoch", cut)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_one(run, data, tmp_path / "cut")
    np.testing.assert_equal(untimed(run_one(run, data, tmp_path / "cut")), expected)


def test_a_teacher_that_another_process_trains_is_waited_for_elsewhere(data: ImageData, tmp_path: Path) -> None:
    student = config(data, "tf_kd_self")
    run_one(student, data, tmp_path)
    (folder,) = teachers(tmp_path)
    (folder / "result.json").unlink()
    with FileLock(folder / ".lock"), pytest.raises(RunLockedError):
        run_one(config(data, "hinton_kd"), data, tmp_path)


def test_a_teacher_that_diverges_is_named(data: ImageData, tmp_path: Path) -> None:
    training = TrainConfig(epochs=2, batch_size=32, device="cpu", learning_rate=1e30)
    with pytest.raises(DivergedError, match="the teacher ce: the training diverged"):
        run_one(config(data, "tf_kd_self", training=training), data, tmp_path)
