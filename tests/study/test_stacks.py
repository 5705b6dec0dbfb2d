"""A study whose runs share networks: the same files as run by run, whatever is killed and however it goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from noisylab.cli import sweep
from noisylab.core.registries import METHODS
from noisylab.methods.dlb import DLB
from noisylab.recording import load_dynamics
from noisylab.study.grid import Grid
from noisylab.study.plan import Plan, plan
from noisylab.study.run import run_one
from noisylab.study.run_folder import read_result
from noisylab.study.run_log import RunLog
from noisylab.study.runner import Observer, run_plan
from noisylab.study.stacks import busy_to_the_end, stacks_of
from noisylab.training.callback import EpochSummary
from noisylab.training.config import TrainConfig
from noisylab.training.loop import train_together

TIMINGS = {"seconds", "images_per_second"}


def planned(**changes: Any) -> Plan:
    training = TrainConfig(epochs=4, batch_size=32, device="cpu", stack=3)
    settings: dict[str, Any] = {
        "methods": ("ce", "dlb"),
        "noise": ("symmetric:0", "symmetric:0.4"),
        "seeds": (0, 1),
        "train_size": 80,
        "test_size": 60,
        "model": "small_cnn(width=4)",
        "budget": "epochs",
        "training": training,
    }
    return plan(Grid(**settings | changes))


def same_files(one: Path, other: Path) -> bool:
    """Whether two folders of a run hold the same results, metrics, predictions and records."""
    results = [read_result(folder) for folder in (one, other)]
    if None in results:
        return False
    first, second = ({k: v for k, v in (held or {}).items() if k not in TIMINGS} for held in results)
    metrics = [pandas.read_csv(folder / "metrics.csv").drop(columns=list(TIMINGS)) for folder in (one, other)]
    with np.load(one / "predictions.npz") as a, np.load(other / "predictions.npz") as b:
        predictions = all(np.array_equal(a[name], b[name]) for name in a.files)
    records = load_dynamics(one).identical(load_dynamics(other))
    return repr(first) == repr(second) and metrics[0].equals(metrics[1]) and predictions and records


@pytest.fixture(scope="module")
def by_themselves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each run of the study by itself, in a stack of spare networks."""
    folder = tmp_path_factory.mktemp("single")
    the_plan = planned()
    for config in the_plan.configs:
        run_one(config, the_plan.data[config.data_digest], folder)
    return folder


def test_runs_are_stacked_that_differ_in_seed_and_noise_only() -> None:
    configs = planned(seeds=(0, 1, 2), over={"batch_size": (16, 32)}).configs
    stacks = stacks_of(configs)
    assert sorted(number for numbers in stacks for number in numbers) == list(range(len(configs)))
    # 2 methods x 2 batch sizes, each with 6 runs.
    assert [len(numbers) for numbers in stacks] == [3] * 8
    for numbers in stacks:
        assert len({(configs[number].method, configs[number].training.batch_size) for number in numbers}) == 1
    # The first seeds come first.
    assert {configs[number].seed for numbers in stacks[:4] for number in numbers} == {0, 1}
    assert {len(numbers) for numbers in stacks_of(configs, {configs[0].method})} == {1, 3}


def test_the_last_stacks_begin_with_the_longest_so_that_all_cores_are_busy_to_the_end() -> None:
    noises = tuple(f"symmetric:0.{digit}" for digit in range(4))
    the_plan = planned(methods=("dlb", "ce"), noise=noises, seeds=(0, 1, 2), test_size=None, budget="images")
    configs, stacks = the_plan.configs, stacks_of(the_plan.configs)
    order = busy_to_the_end(stacks, configs, 2)
    assert order[:4] == stacks[:4]
    assert sorted(order) == sorted(stacks)
    # CE has as many images as DLB, and twice as many evaluations.
    assert [configs[numbers[0]].method for numbers in order[4:]] == ["ce()"] * 2 + [configs[0].method] * 2
    # Runs of a stack that is not full take less time.
    fewer = [stacks[0][:1], *stacks[1:]]
    assert busy_to_the_end(fewer, configs, 8)[-1] == stacks[0][:1]
    assert busy_to_the_end(stacks, configs, 1) == stacks


@pytest.mark.slow
def test_a_study_in_this_process_is_that_of_its_runs(by_themselves: Path, tmp_path: Path) -> None:
    the_plan = planned()
    assert run_plan(the_plan, tmp_path, jobs=1) == []
    assert all(same_files(by_themselves / config.id, tmp_path / config.id) for config in the_plan.configs)


class Interrupts(Observer):
    """Ends the study in its second epoch."""

    def on_progress(self, epochs: Any) -> None:
        if max(epochs) >= 2:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_study_that_is_started_again_in_processes_goes_on_to_the_bit(
    by_themselves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_together, "__kwdefaults__", {"checkpoint_seconds": -1.0})
    with pytest.raises(KeyboardInterrupt):
        run_plan(planned(), tmp_path, jobs=1, observer=Interrupts())
    # Another grid gives the same runs other neighbours.
    fewer = planned(seeds=(1,))
    assert run_plan(fewer, tmp_path, jobs=2) == []
    assert run_plan(planned(), tmp_path, jobs=2) == []
    assert all(same_files(by_themselves / config.id, tmp_path / config.id) for config in planned().configs)


def test_a_run_that_fails_leaves_the_others_of_its_stack(
    by_themselves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_epoch = RunLog.on_epoch

    def fail(self: RunLog, summary: EpochSummary, method: Any) -> None:
        if summary.epoch == 1 and type(method) is DLB and np.array_equal(self.noisy.given, self.noisy.true):
            raise OSError("no room")
        on_epoch(self, summary, method)

    monkeypatch.setattr(RunLog, "on_epoch", fail)
    failures = run_plan(planned(), tmp_path, jobs=1)
    assert [(failure.config.method[:3], failure.config.seed) for failure in failures] == [("dlb", 0), ("dlb", 1)]
    assert all("no room" in failure.reason for failure in failures)
    failed = {failure.config.id for failure in failures}
    monkeypatch.undo()
    for config in planned().configs:
        assert (read_result(tmp_path / config.id) is None) == (config.id in failed)
    assert run_plan(planned(), tmp_path, jobs=1) == []
    assert all(same_files(by_themselves / config.id, tmp_path / config.id) for config in planned().configs)


def test_methods_that_cannot_be_stacked_are_named_and_run(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="stack has no effect on byot: the loss needs more than the logits"):
        the_plan = planned(methods=("ce", "byot"), noise=("symmetric:0.4",))
    assert the_plan.alone == {str(METHODS.parse("byot"))}
    assert run_plan(the_plan, tmp_path, jobs=1) == []
    assert all(read_result(tmp_path / config.id) for config in the_plan.configs)


def test_teachers_are_those_of_runs_without_a_stack(tmp_path: Path) -> None:
    teachers = []
    for stack in (1, 3):
        training = TrainConfig(epochs=2, batch_size=32, device="cpu", stack=stack)
        the_plan = planned(methods=("hinton_kd",), noise=("symmetric:0.4",), training=training)
        assert run_plan(the_plan, tmp_path / str(stack), jobs=1) == []
        teachers.append({folder.name for folder in (tmp_path / str(stack) / ".teachers").iterdir()})
    assert teachers[0] == teachers[1] != set()


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"model": "cnn9", "data": "digits"}, r"stack 3 with model 'cnn9': networks with dropout cannot be stacked")],
)
def test_networks_that_cannot_be_stacked_are_refused_before_any_training(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        planned(**changes)


@pytest.mark.slow
def test_a_killed_sweep_ends_with_the_same_bits(by_themselves: Path, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "noisylab", "sweep", "--methods", "ce", "dlb", "--noise", "symmetric:0", "symmetric:0.4"),
        *("--seeds", "2", "--train-size", "80", "--test-size", "60", "--model", "small_cnn(width=4)", "--epochs", "4"),
        *("--batch-size", "32", "--device", "cpu", "--budget", "epochs", "--stack", "3", "--jobs", "2", "--out", str(tmp_path)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while not list(tmp_path.glob("*/dynamics.zarr")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert all(same_files(by_themselves / config.id, tmp_path / config.id) for config in planned().configs)


@pytest.mark.parametrize(
    ("options", "stack"),
    [
        ("", 5),
        ("--epochs 4 --device cpu", 5),
        ("--stack 2", 2),
        ("--model resnet20", 1),
        ("--over model=resnet20,resnet32", 1),
        ("--model resnet20 --stack 4", 4),
        ("--compile", 1),
        ("--precision fp16", 1),
    ],
)
def test_the_default_study_stacks_its_own_network(options: str, stack: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grids: list[Grid] = []

    def keep(grid: Grid, **_: object) -> None:
        grids.append(grid)
        raise KeyboardInterrupt

    monkeypatch.setattr("noisylab.study.plan.plan", keep)
    with pytest.raises(KeyboardInterrupt):
        sweep.main(options.split())
    assert grids[0].training.stack == stack
