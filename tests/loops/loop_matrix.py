"""The table of docs/own_loop.md: {trainer} x {1, 2 processes} x {index, no index} x {epoch whole, left early}.

`python tests/loops/loop_matrix.py` runs every cell and writes the table.
"""

import itertools
import re
import tempfile
from pathlib import Path

import torch
from logged_program import STEPS_EARLY
from loop_programs import PAGE, TRAINERS, Log, check_losses, check_orders, check_presentations, check_record, launch, logs_of

# Rows of the table: the program, and what is different from how it is printed (a word of logged_program's CHANGES).
ROWS = {
    **{trainer: (trainer, "printed") for trainer in TRAINERS},
    "Accelerate, the loader prepared too": ("Accelerate", "prepared"),
    "Lightning, its `DistributedSampler` inside": ("Lightning", "injected"),
}
COLUMNS = [(processes, key, length) for processes in (1, 2) for key in ("index", "labels") for length in ("whole", "early")]
BEGIN, END = "<!-- Written by tests/loops/loop_matrix.py: -->\n", "<!-- End. -->\n"
EQUAL = "equal"
KEYS = {"index": "index", "labels": "no index"}
LENGTHS = {"whole": "whole epochs", "early": "epochs left early"}

# The names of the variants that are stopped.
STOPPED = {"HuggingFace's Trainer": ["stopped", "stopped-midway"]}

Cell = tuple[str, int, str, str]


def run(trainer: str, processes: int, folder: Path) -> None:
    """Run a trainer's rows, and its program stopped and started again, each in a folder of its name."""
    names = [*cells_of(trainer, processes).values(), *STOPPED.get(trainer, ["stopped"])]
    done = launch(trainer, folder, processes, "variants", *names)
    assert done.returncode == 0, done.stdout + done.stderr


def cells_of(trainer: str, processes: int) -> dict[Cell, str]:
    """The cells of a trainer's rows, and the names of their variants."""
    return {
        (row, processes, key, length): f"{change}-{key}-{length}"
        for row, (own, change) in ROWS.items()
        for count, key, length in COLUMNS
        if own == trainer and count == processes
    }


def outcomes(trainer: str, processes: int, folder: Path) -> dict[Cell, str]:
    """What became of the cells of a trainer's rows."""
    cells = cells_of(trainer, processes)
    return {cell: outcome(folder / name, logs_of(folder / name, processes), name, trainer) for cell, name in cells.items()}


def outcome(folder: Path, logs: list[Log], name: str, trainer: str) -> str:
    """EQUAL to the plain loop in one process, or the sentence that refuses it. Raises AssertionError for anything else."""
    refused = {sentence for log in logs for sentence in log.refused}
    if refused:
        assert all(log.refused for log in logs), f"{name}: refused by some processes alone: {refused}"
        # Processes name other samples.
        return min(re.sub(r"\[[\d, ]*\]", "[...]", sentence) for sentence in refused)
    if "injected" not in name or len(logs) == 1:
        check_orders(logs, STEPS_EARLY if "early" in name else None)
    elif "whole" in name:
        check_presentations(logs, twice=len(logs) - 1)
    assert {with_index for log in logs for _, _, with_index, _ in log.steps} == {"index" in name}, name
    check_losses(logs, mixed=trainer == "Mixed precision")
    check_record(folder, logs)
    return EQUAL


def table(cells: dict[Cell, str]) -> str:
    """The cells as a table, with the sentences below it."""
    sentences = sorted({text for text in cells.values() if text != EQUAL})
    heads = [f"{count} process{'es' * (count > 1)}, {KEYS[key]}, {LENGTHS[length]}" for count, key, length in COLUMNS]
    lines = [f"| | {' | '.join(heads)} |", "|" + "---|" * (len(COLUMNS) + 1)]
    for row in ROWS:
        told = [cells[row, *column] for column in COLUMNS]
        shown = [EQUAL if text == EQUAL else f"refused ({sentences.index(text) + 1})" for text in told]
        lines.append(f"| {row} | {' | '.join(shown)} |")
    notes = [f'{number}. "{sentence}"' for number, sentence in enumerate(sentences, 1)]
    return "\n".join(["", *lines, "", *notes, ""])


def cells_on(page: str) -> dict[Cell, str]:
    """What the table of a page says of every cell."""
    (written,) = re.findall(f"(?s)(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", page)
    sentences = dict(re.findall(r'(?m)^(\d+)\. "(.*)"$', written))
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in written.splitlines() if line.startswith("| ")]
    cells = {}
    for row, *told in rows[1:]:
        for column, text in zip(COLUMNS, told, strict=True):
            number = re.search(r"\d+", text)
            cells[row, *column] = sentences[number[0]] if number else text
    return cells


def with_table(page: str, written: str) -> str:
    """The text of the page with a table between its marks."""
    return re.sub(f"(?s)(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", lambda _: f"{written}\n", page)


if __name__ == "__main__":
    torch.set_num_threads(1)
    measured: dict[Cell, str] = {}
    with tempfile.TemporaryDirectory() as made:
        for number, (trainer, count) in enumerate(itertools.product(TRAINERS, (1, 2))):
            run(trainer, count, Path(made) / str(number))
            measured |= outcomes(trainer, count, Path(made) / str(number))
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table(measured)), encoding="utf-8")
