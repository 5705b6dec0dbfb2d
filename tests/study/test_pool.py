"""Runs over several processes: whatever happens to one of them, the others go on."""

import os
import platform
import signal
import time
import warnings
from collections import Counter
from concurrent.futures import Future
from contextlib import closing
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from noisylab.core.registries import ENGINES
from noisylab.study import pool
from noisylab.study.engines.engine import Engine
from noisylab.study.engines.local import Local
from noisylab.study.leftovers import leftovers
from noisylab.study.pool import Failure, Locked, Outcome, run_pool
from noisylab.study.progress import Notes
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


ATTEMPTS = Local.attempts


def act_all(configs: list[RunConfig], client: Path, *_: Any) -> list[Outcome]:
    return [act(config, client.parent.parent) for config in configs]


def act(config: RunConfig, study: Path) -> Outcome:
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
    if config.noise_digest == "at epoch 2":
        (study / config.id).mkdir()
        Notes(study / config.id, 3).note(2)
        while not (study / "seen").exists():
            time.sleep(0.01)
    return {"position": config.seed, "pid": os.getpid()}


def starts(study: Path) -> Counter[str]:
    """How often each run was started, by its id."""
    return Counter(path.name.rsplit(".", 2)[0] for path in study.iterdir() if path.is_file())


class Told:
    """What the caller heard."""

    def __init__(self) -> None:
        self.results: list[tuple[RunConfig, dict[str, Any]]] = []
        self.progress: list[list[int]] = []

    def run(
        self, configs: list[RunConfig], study: Path, jobs: int, stacks: list[tuple[int, ...]] | None = None
    ) -> list[Failure]:
        with closing(Local(jobs=jobs)) as engine:
            return run_pool(
                configs,
                stacks or [(number,) for number in range(len(configs))],
                study,
                engine,
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
    assert starts(tmp_path) == {c.id: 1 for c in configs}
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
    started = starts(tmp_path)
    assert [started[config.id] for config in configs] == [1, 1, ATTEMPTS, ATTEMPTS, 2, 2, 1]


@pytest.mark.slow
def test_a_worker_warns_in_one_line_and_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # The server of workers keeps the streams that it began with.
    forkserver._forkserver._stop()
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
    started = starts(tmp_path)
    # What was locked is tried again alone, and the runs of a process that dies too often one by one.
    assert [started[config.id] for config in configs] == [1, 1, 2, ATTEMPTS + 1, 2 * ATTEMPTS, 1]
    assert told.progress[-1] == [3, 0, 3, 3, 0, 3]


def test_an_error_of_the_caller_ends_the_workers_and_passes_through(tmp_path: Path) -> None:
    def on_progress(epochs: list[int]) -> None:
        if starts(tmp_path):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), closing(Local(jobs=2)) as engine:
        run_pool(
            [config("slow", 0), config("slow", 1)],
            [(0,), (1,)],
            tmp_path,
            engine,
            on_result=lambda *_: None,
            on_progress=on_progress,
        )
    for path in tmp_path.glob("*.*.*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.rsplit(".")[-1]), 0)


def test_a_worker_says_what_went_wrong_and_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()

    def fail(*_: Any, **__: Any) -> None:
        raise ArithmeticError("no number")

    monkeypatch.setattr("noisylab.study.run.run_stack", fail)
    monkeypatch.setattr(pool, "_open_data", lambda folder: None)
    with pool._client_file(tmp_path) as client:
        (reason,) = pool._work([config("fine")], client, platform.node(), Local.wanted)
    assert isinstance(reason, str)
    assert reason.startswith("ArithmeticError: no number (test_pool.py:")


def test_a_worker_says_that_another_process_is_at_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    from noisylab.study.failure import RunLockedError

    def elsewhere(*_: Any, **__: Any) -> list[Any]:
        return [RunLockedError("0"), {"id": 1}]

    monkeypatch.setattr("noisylab.study.run.run_stack", elsewhere)
    monkeypatch.setattr(pool, "_open_data", lambda folder: None)
    with pool._client_file(tmp_path) as client:
        outcomes = pool._work([config("fine"), config("fine", 1)], client, platform.node(), Local.wanted)
    assert outcomes == [Locked(), {"id": 1}]


def test_a_worker_elsewhere_names_its_host_and_refuses_a_folder_that_is_not_shared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()

    def fail(*_: Any, **__: Any) -> None:
        raise ArithmeticError("no number")

    monkeypatch.setattr("noisylab.study.run.run_stack", fail)
    monkeypatch.setattr(pool, "_open_data", lambda folder: None)
    here = platform.node()
    with pool._client_file(tmp_path) as client:
        (reason,) = pool._work([config("fine")], client, "another", Local.wanted)
    assert str(reason).startswith("ArithmeticError: no number")
    assert str(reason).endswith(f"(on {here})")
    # The file of the study's process is gone, as it is in another folder at the same path.
    (reason,) = pool._work([config("fine")], client, "another", Local.wanted)
    assert reason == f"host {here} does not see the folder {str(tmp_path)!r} of the study; it must be shared"
    assert not [*tmp_path.glob("*seed*")]


def test_a_run_that_the_study_does_not_wait_for_ends_after_its_epoch_but_not_after_the_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()

    def train(configs: list[RunConfig], data: None, study: Path, on_progress: Any, **_: Any) -> list[Any]:
        on_progress(0, 3)
        on_progress(0, 2)
        return [{"id": 1}]

    monkeypatch.setattr("noisylab.study.run.run_stack", train)
    monkeypatch.setattr(pool, "_open_data", lambda folder: None)
    with pool._client_file(tmp_path) as client:
        (reason,) = pool._work([config("fine")], client, platform.node(), lambda: False)
        (result,) = pool._work([config("fine", 1)], client, platform.node(), lambda: True)
    assert reason == "the study does not wait for this run any more"
    assert result == {"id": 1}


def test_progress_is_told_while_a_run_trains(tmp_path: Path) -> None:
    def on_progress(epochs: list[int]) -> None:
        if epochs == [2]:
            (tmp_path / "seen").touch()

    with closing(Local(jobs=1)) as engine:
        failures = run_pool(
            [config("at epoch 2")], [(0,)], tmp_path, engine, on_result=lambda *_: None, on_progress=on_progress
        )
    assert not failures
    assert (tmp_path / "seen").exists()


class Dying(Engine):
    """Workers that do not start at first, and then die with every other task."""

    def __init__(self) -> None:
        self.asked, self.submitted = 0, 0

    def places(self) -> int:
        self.asked += 1
        return min(self.asked - 1, 2)

    def submit(self, function: Any, /, *args: Any) -> Future[Any]:
        self.submitted += 1
        future: Future[Any] = Future()
        if self.submitted % 2:
            future.set_exception(EOFError("gone"))
        else:
            future.set_result(function(*args))
        return future

    def died(self, error: BaseException) -> str | None:
        return "too bad" if isinstance(error, EOFError) else None

    def close(self) -> None:
        pass


def test_an_engine_can_have_no_workers_yet_and_a_task_that_cannot_be_sent_fails_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results: list[RunConfig] = []
    configs = [config("fine", seed) for seed in range(3)]

    def run(engine: Engine) -> list[Failure]:
        results.clear()
        told: dict[str, Any] = {"on_result": lambda config, _: results.append(config), "on_progress": lambda _: None}
        return run_pool(configs, [(0,), (1,), (2,)], tmp_path, engine, **told)

    failures = run(Dying())
    assert [(failure.config, failure.reason) for failure in failures] == [
        (configs[0], "its process ended (too bad)"),
        (configs[2], "its process ended (too bad)"),
    ]
    assert results == configs[1:2]
    monkeypatch.setattr(Dying, "died", lambda *_: None)
    assert [failure.reason for failure in run(Dying())] == ["EOFError: gone"] * 2


def test_each_gpu_has_a_pool_whose_processes_see_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    for visible, seen in ((None, {"0", "2"}), ("4,6,GPU-9", {"4", "GPU-9"})):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        # At least one process for each.
        with closing(ENGINES.create("local(gpus=(0, 2))", jobs=1)) as engine:
            assert engine.places() == 2
            assert {future.result() for future in [engine.submit(os.getenv, "CUDA_VISIBLE_DEVICES") for _ in range(2)]} == seen
    for wrong, said in (("(0, 3)", "gpus names 3, and this machine has 3"), ("(1, 1)", "gpus names one twice")):
        with pytest.raises(ValueError, match=said):
            ENGINES.create(f"local(gpus={wrong})", jobs=1)


def test_the_file_of_a_killed_study_is_a_leftover_and_that_of_one_at_work_is_not(tmp_path: Path) -> None:
    with pool._client_file(tmp_path) as client:
        left = client.with_name("killed.client")
        left.touch()
        for file in (client, left):
            os.utime(file, (time.time() - 120,) * 2)
        assert [*leftovers(tmp_path)] == [left]
    assert not client.exists()
