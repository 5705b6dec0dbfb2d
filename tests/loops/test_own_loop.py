"""The programs of docs/own_loop.md: what they share with the plain loop in one process, and the page's table says it."""

from pathlib import Path

import pytest
from logged_program import SAVED_MIDWAY, STOP_AFTER
from loop_matrix import COLUMNS, ROWS, cells_of, cells_on, outcomes, run
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


@pytest.fixture(scope="module", params=[(t, n) for t in TRAINERS for n in (1, 2)], ids=lambda case: f"{case[0]}, {case[1]}")
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int, Path]:
    """A trainer, a number of processes, and the folder in which every variant ran."""
    trainer, processes = request.param
    pytest.importorskip(TRAINERS[trainer])
    folder = tmp_path_factory.mktemp("loops")
    run(trainer, processes, folder)
    return trainer, processes, folder


@pytest.mark.slow
def test_batches_losses_and_records_are_those_of_the_plain_loop_or_refused_as_the_table_says(
    ran: tuple[str, int, Path],
) -> None:
    trainer, processes, folder = ran
    written = cells_on(PAGE.read_text(encoding="utf-8"))
    assert outcomes(trainer, processes, folder) == {cell: written[cell] for cell in cells_of(trainer, processes)}


@pytest.mark.slow
def test_a_training_that_was_stopped_in_an_epoch_goes_on_from_its_last_checkpoint_with_the_same_bits(
    ran: tuple[str, int, Path],
) -> None:
    trainer, processes, folder = ran
    before = logs_of(folder / "stopped" / "before", processes)
    assert [len(log.steps) for log in before] == [STOP_AFTER] * processes
    saved = before[0].ends[-1]
    assert 0 < saved < STOP_AFTER
    logs = [joined(*pair, saved) for pair in zip(before, logs_of(folder / "stopped", processes), strict=True)]
    check_orders(logs)
    lost = saved if processes > 1 and trainer in SAVE_THE_FIRST else -1
    check_losses(logs, mixed=trainer == "Mixed precision", first_memory_at=lost)
    check_record(folder / "stopped", logs)


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
def test_huggingface_s_trainer_goes_on_in_the_middle_of_an_epoch(ran: tuple[str, int, Path]) -> None:
    trainer, processes, folder = ran
    if trainer != "HuggingFace's Trainer":
        pytest.skip("it alone promises this")
    both = [logs_of(folder / "stopped-midway" / name, processes) for name in ("before", ".")]
    logs = [joined(*pair, SAVED_MIDWAY) for pair in zip(*both, strict=True)]
    check_orders(logs)
    check_losses(logs, first_memory_at=SAVED_MIDWAY if processes > 1 else -1)
    # The record lacks what was shown before the stop in the epoch that was interrupted.
    record = nl.load_dynamics(folder / "stopped-midway" / "my_run")
    shown = (record["prediction"] != record.attrs["missing"]).mean("sample").values > 0.99
    interrupted = sum(stop <= SAVED_MIDWAY for stop in logs[0].ends)
    assert list(shown) == [epoch != interrupted for epoch in range(EPOCHS)]
