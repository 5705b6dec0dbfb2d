"""The time left of a study, on a simulated clock."""

import dataclasses
import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from noisylab.core.lines import duration
from noisylab.report import progress
from noisylab.report.progress import ConsoleProgress
from noisylab.report.time_left import TimeLeft
from noisylab.study.grid import Grid
from noisylab.study.plan import Plan, plan
from noisylab.study.stacks import stacks_of
from noisylab.training.config import TrainConfig

# Seconds per epoch of a stack: DLB shows every image twice, and `repeat` takes less than that.
SECONDS = {"ce": 0.5, "repeat": 0.9, "dlb": 1.1}


@pytest.fixture(scope="module")
def planned() -> Plan:
    training = TrainConfig(epochs=20, device="cpu", stack=5)
    return plan(Grid(noise=("symmetric:0", "symmetric:0.2", "symmetric:0.4"), training=training))


def per_epoch(method: str) -> float:
    return next(seconds for name, seconds in SECONDS.items() if method.startswith(name))


def simulated(planned: Plan, jobs: int, seconds: float) -> tuple[list[float], float]:
    """The estimates after so many seconds of a study, every quarter of a second, and what was left at the end of them."""
    configs, stacks = planned.configs, stacks_of(planned.configs)
    lengths = [configs[numbers[0]].epochs_trained * per_epoch(configs[numbers[0]].method) for numbers in stacks]
    free, starts = [0.0] * jobs, []
    for length in lengths:
        place = free.index(min(free))
        starts.append(free[place])
        free[place] += length
    left, estimates = TimeLeft(configs, stacks, (), jobs), []
    for tick in range(int(seconds * 4)):
        now, epochs = tick / 4, [0] * len(configs)
        for numbers, start in zip(stacks, starts, strict=True):
            config = configs[numbers[0]]
            done = int(max(0.0, now - start) / per_epoch(config.method))
            for number in numbers:
                epochs[number] = min(done, config.epochs_trained)
        left.see(epochs, now)
        if (known := left.seconds()) is not None:
            estimates.append((known, max(free) - now))
    return [estimate / true for estimate, true in estimates], max(free)


def test_the_time_left_is_nearly_right_from_the_first_seconds_on(planned: Plan) -> None:
    ratios, _ = simulated(planned, 2, 20)
    assert len(ratios) > 60
    assert all(0.75 < ratio < 1.3 for ratio in ratios)


def test_it_is_right_once_every_method_has_been_seen(planned: Plan) -> None:
    _, whole = simulated(planned, 2, 1)
    ratios, _ = simulated(planned, 2, 0.9 * whole)
    assert all(0.85 < ratio < 1.15 for ratio in ratios[-40:])


def test_a_run_that_cannot_be_stacked_counts_as_one_place(planned: Plan) -> None:
    configs = [planned.configs[0], *(config for config in planned.configs if config.method.startswith("dlb"))][:2]
    together = TimeLeft(configs, [(0,), (1,)], (), 1)
    apart = TimeLeft(configs, [(0,), (1,)], [configs[1].method], 1)
    for left in (together, apart):
        left.see([1, 0], 1.0)
        assert left.seconds() is None
        left.see([2, 0], 2.0)
    rest, method = 18.0, configs[1].epochs_trained * 2.0
    assert together.seconds() == pytest.approx(rest + method)
    assert apart.seconds() == pytest.approx(rest + method / 5)


def test_a_log_says_the_stacks_once_and_the_time_left_before_a_run_ends(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(planned, monkeypatch, [[0] * 45, [1] * 15 + [0] * 30, [4] * 15 + [0] * 30, [8] * 15 + [0] * 30])
    assert lines[0].startswith("45 runs, 0 already done")
    assert lines[1] == "in stacks of 5, trained as one network: ce, repeat, dlb"
    assert lines[2].startswith("60 of 600 epochs done, about ")
    # The next line is due a minute later.
    assert len(lines) == 3


def test_runs_by_themselves_are_not_called_a_stack(planned: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    training = dataclasses.replace(planned.configs[0].training, stack=1)
    alone = dataclasses.replace(planned, configs=tuple(dataclasses.replace(c, training=training) for c in planned.configs))
    assert len(printed(alone, monkeypatch, [])) == 1


def printed(planned: Plan, monkeypatch: pytest.MonkeyPatch, seen: Sequence[Sequence[int]]) -> list[str]:
    """The lines of a log in which the epochs are seen in turn, three seconds apart."""
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    console = Console(file=io.StringIO(), width=200)
    observer = ConsoleProgress(console)
    observer.on_stacks(stacks_of(planned.configs), ())
    observer.on_start(planned.configs, planned.configs, 2)
    for epochs in seen:
        observer.on_progress(epochs)
    observer.on_end()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (95, "2 min"), (5400, "1 h 30 min"), (9000, "2 h 30 min"), (360_000, "4 days")],
)
def test_a_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
