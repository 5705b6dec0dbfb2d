"""Runs over several processes: whatever happens to one of them, the others go on."""

import os
import signal
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from noisylab.study import pool
from noisylab.study.pool import ATTEMPTS, Failure, Locked, Outcome, run_pool
from noisylab.study.run_config import RunConfig
from noisylab.training.config import TrainConfig


def config(name: str, seed: int = 0) -> RunConfig:
    """A run that is known by the digest of its noise."""
    return RunConfig(
        data="digits()",
        data_digest="",
        noise_digest=name,
        train_size=1,
        test_size=1,
        model="small_cnn()",
        method="ce()",
        noise="symmetric(rate=0.4)",
        noise_seed=0,
        seed=seed,
        augment="none()",
        record="online",
        training=TrainConfig(epochs=3, device="cpu"),
        budget="epochs",
    )


def act_all(numbers: tuple[int, ...], configs: list[RunConfig], study: Path) -> list[Outcome]:
    return [act(number, config, study) for number, config in zip(numbers, configs, strict=True)]


def act(position: int, config: RunConfig, study: Path) -> Outcome:
    """What a worker does in these tests, by the name of the run; every start leaves a file."""
    earlier = len(list(study.glob(f"{config.id}.*")))
    (study / f"{config.id}.{earlier}.{os.getpid()}").touch()
    if config.noise_digest == "dies" or (config.noise_digest == "dies once" and earlier == 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if config.noise_digest == "leaves":
        os._exit(7)
    if config.noise_digest == "fails":
        return "ValueError: of its own"
    if config.noise_digest == "raises":
        raise RuntimeError("beyond what a worker catches")
    if config.noise_digest == "elsewhere once" and earlier == 0:
        return Locked()
    if config.noise_digest == "warns":
        warnings.warn("two\nlines", stacklevel=1)
    if config.noise_digest == "slow":
        time.sleep(60)
    pool._epochs[position] = config.epochs_trained
    return {"position": position, "pid": os.getpid()}


class Told:
    """What the caller heard."""

    def __init__(self) -> None:
        self.results: list[tuple[RunConfig, dict[str, Any]]] = []
        self.progress: list[list[int]] = []

    def run(
        self, configs: list[RunConfig], study: Path, jobs: int, stacks: list[tuple[int, ...]] | None = None
    ) -> list[Failure]:
        return run_pool(
            configs,
            stacks or [(number,) for number in range(len(configs))],
            study,
            jobs,
            on_result=lambda config, result: self.results.append((config, result)),
            on_progress=self.progress.append,
        )


@pytest.fixture(autouse=True)
def _act(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_work", act_all)


def test_every_run_is_done_once_and_told_of_once(tmp_path: Path) -> None:
    configs, told = [config("fine", seed) for seed in range(6)], Told()
    assert told.run(configs, tmp_path, 2) == []
    assert sorted(result["position"] for _, result in told.results) == list(range(6))
    assert all(configs[result["position"]] is config for config, result in told.results)
    assert Counter(path.name.rsplit(".", 2)[0] for path in tmp_path.iterdir()) == {c.id: 1 for c in configs}
    assert os.getpid() not in {result["pid"] for _, result in told.results}
    assert told.progress[-1] == [3] * 6


def test_what_goes_wrong_in_a_run_stays_with_it(tmp_path: Path) -> None:
    names = ["fine", "fails", "dies", "leaves", "dies once", "elsewhere once", "fine"]
    configs, told = [config(name, seed) for seed, name in enumerate(names)], Told()
    failures = told.run(configs, tmp_path, 2)
    assert {failure.config.noise_digest for failure in failures} == {"fails", "dies", "leaves"}
    reasons = {failure.config.noise_digest: failure.reason for failure in failures}
    assert reasons["fails"] == "ValueError: of its own"
    assert reasons["dies"] == f"its process ended {ATTEMPTS} times (exit code {-signal.SIGKILL})"
    assert reasons["leaves"] == f"its process ended {ATTEMPTS} times (exit code 7)"
    assert sorted(config.noise_digest for config, _ in told.results) == ["dies once", "elsewhere once", "fine", "fine"]
    starts = Counter(path.name.rsplit(".", 2)[0] for path in tmp_path.iterdir())
    assert [starts[config.id] for config in configs] == [1, 1, ATTEMPTS, ATTEMPTS, 2, 2, 1]


def test_a_worker_warns_in_one_line_and_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert not Told().run([config("warns", seed) for seed in range(3)], tmp_path, 1)
    assert capfd.readouterr().err == "noisylab: warning: two lines\n"


def test_what_goes_wrong_in_a_run_of_a_stack_stays_with_it(tmp_path: Path) -> None:
    names = ["fine", "fails", "elsewhere once", "fine", "dies", "fine"]
    configs, told = [config(name, seed) for seed, name in enumerate(names)], Told()
    failures = told.run(configs, tmp_path, 2, [(0, 1, 2), (3, 4, 5)])
    reasons = {failure.config.noise_digest: failure.reason for failure in failures}
    assert reasons == {
        "fails": "ValueError: of its own",
        "dies": f"its process ended {ATTEMPTS} times (exit code {-signal.SIGKILL})",
    }
    assert sorted(config.seed for config, _ in told.results) == [0, 2, 3, 5]
    starts = Counter(path.name.rsplit(".", 2)[0] for path in tmp_path.iterdir())
    # What was locked is tried again alone, and the runs of a process that dies too often one by one.
    assert [starts[config.id] for config in configs] == [1, 1, 2, ATTEMPTS + 1, 2 * ATTEMPTS, 1]
    assert told.progress[-1] == [3, 0, 3, 3, 0, 3]


def test_an_error_of_the_caller_ends_the_workers_and_passes_through(tmp_path: Path) -> None:
    def on_progress(epochs: list[int]) -> None:
        if list(tmp_path.iterdir()):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_pool(
            [config("slow", 0), config("slow", 1)],
            [(0,), (1,)],
            tmp_path,
            2,
            on_result=lambda *_: None,
            on_progress=on_progress,
        )
    for path in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.rsplit(".")[-1]), 0)


def test_a_worker_says_what_went_wrong_and_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()

    def fail(*_: Any, **__: Any) -> None:
        raise ArithmeticError("no number")

    monkeypatch.setattr("noisylab.study.run.run_stack", fail)
    monkeypatch.setattr(pool, "_open_data", lambda folder: None)
    (reason,) = pool._work((0,), [config("fine")], tmp_path)
    assert isinstance(reason, str)
    assert reason.startswith("ArithmeticError: no number (test_pool.py:")


def test_a_worker_says_that_another_process_is_at_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    from noisylab.study.failure import RunLockedError

    def elsewhere(*_: Any, **__: Any) -> list[Any]:
        return [RunLockedError("0"), {"id": 1}]

    monkeypatch.setattr("noisylab.study.run.run_stack", elsewhere)
    monkeypatch.setattr(pool, "_open_data", lambda folder: None)
    assert pool._work((0, 1), [config("fine"), config("fine", 1)], tmp_path) == [Locked(), {"id": 1}]
