"""The programs of docs/own_loop.md: what they share with the plain loop in one process, and the page's table says it."""

from pathlib import Path

import pytest
from logged_program import SAVED_MIDWAY, STOP_AFTER
from loop_matrix import COLUMNS, ROWS, STOPPED, cells_of, cells_on, outcomes, run
from loop_programs import (
    EPOCHS,
    PAGE,
    TRAINERS,
    check_losses,
    check_orders,
    check_record,
    joined,
    launch,
    logs_of,
    program,
)

import noisylab as nl

# These trainers save the memory of the first process alone.
SAVE_THE_FIRST = ["Lightning", "HuggingFace's Trainer"]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_program_is_short_and_whole(trainer: str) -> None:
    source = program(trainer)
    assert len(source.splitlines()) <= 40
    assert max(map(len, source.splitlines())) <= 128
    compile(source, trainer, "exec")


def test_the_table_has_every_cell() -> None:
    assert list(cells_on(PAGE.read_text(encoding="utf-8"))) == [(row, *column) for row in ROWS for column in COLUMNS]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_trainer_does_what_the_plain_loop_does_as_the_table_says_and_goes_on_after_a_stop(
    trainer: str, processes: int, tmp_path: Path
) -> None:
    pytest.importorskip(TRAINERS[trainer])
    # In one process for all variants, because most of the time is that of imports.
    run(trainer, processes, tmp_path)
    written = cells_on(PAGE.read_text(encoding="utf-8"))
    assert outcomes(trainer, processes, tmp_path) == {cell: written[cell] for cell in cells_of(trainer, processes)}
    check_stopped(trainer, processes, tmp_path / "stopped")
    if "stopped-midway" in STOPPED.get(trainer, []):
        check_stopped_midway(processes, tmp_path / "stopped-midway")


def check_stopped(trainer: str, processes: int, folder: Path) -> None:
    """A training that was stopped in an epoch goes on from its last checkpoint with the same bits."""
    before = logs_of(folder / "before", processes)
    assert [len(log.steps) for log in before] == [STOP_AFTER] * processes
    saved = before[0].ends[-1]
    assert 0 < saved < STOP_AFTER
    logs = [joined(*pair, saved) for pair in zip(before, logs_of(folder, processes), strict=True)]
    check_orders(logs)
    lost = saved if processes > 1 and trainer in SAVE_THE_FIRST else -1
    check_losses(logs, mixed=trainer == "Mixed precision", first_memory_at=lost)
    check_record(folder, logs)


def check_stopped_midway(processes: int, folder: Path) -> None:
    """A training goes on in the middle of an epoch; the record of that epoch lacks what was shown before the stop."""
    both = [logs_of(folder / name, processes) for name in ("before", ".")]
    logs = [joined(*pair, SAVED_MIDWAY) for pair in zip(*both, strict=True)]
    check_orders(logs)
    check_losses(logs, first_memory_at=SAVED_MIDWAY if processes > 1 else -1)
    record = nl.load_dynamics(folder / "my_run")
    shown = (record["prediction"] != record.attrs["missing"]).mean("sample").values > 0.99
    interrupted = sum(stop <= SAVED_MIDWAY for stop in logs[0].ends)
    assert list(shown) == [epoch != interrupted for epoch in range(EPOCHS)]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_the_plain_program_survives_that_its_processes_are_killed(processes: int, tmp_path: Path) -> None:
    killed = launch("Plain PyTorch", tmp_path, processes, str(STOP_AFTER))
    assert killed.returncode != 0
    before = logs_of(tmp_path, processes)
    done = launch("Plain PyTorch", tmp_path, processes)
    assert done.returncode == 0, done.stderr
    logs = [joined(*pair, before[0].ends[-1]) for pair in zip(before, logs_of(tmp_path, processes), strict=True)]
    check_orders(logs)
    check_losses(logs)
    check_record(tmp_path, logs)


@pytest.mark.slow
@pytest.mark.parametrize("trainer", SAVE_THE_FIRST)
def test_a_program_that_is_killed_before_its_first_checkpoint_begins_anew(trainer: str, tmp_path: Path) -> None:
    pytest.importorskip(TRAINERS[trainer])
    assert launch(trainer, tmp_path, 1, "10").returncode != 0
    done = launch(trainer, tmp_path, 1)
    assert done.returncode == 0, done.stderr
    assert nl.load_dynamics(tmp_path / "my_run").sizes["epoch"] == EPOCHS
