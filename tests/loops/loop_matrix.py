"""The table of docs/own_loop.md: {trainer} x {1, 2 processes} x {index, no index} x {epoch whole, left early}.

`python tests/loops/loop_matrix.py` runs every cell and writes the table.
"""

import importlib.util
import re
import tempfile
from pathlib import Path

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

Outcomes = dict[tuple[str, int, str, str], str]


def installed(trainer: str) -> bool:
    return importlib.util.find_spec(TRAINERS[trainer]) is not None


def outcomes(trainer: str, processes: int, folder: Path) -> Outcomes:
    """The cells of a trainer's rows for this number of processes: "equal", or the sentence that refuses it."""
    rows = {row: change for row, (own, change) in ROWS.items() if own == trainer}
    names = {
        (row, processes, key, length): f"{change}-{key}-{length}"
        for row, change in rows.items()
        for count, key, length in COLUMNS
        if count == processes
    }
    done = launch(trainer, folder, processes, "variants", *names.values())
    assert done.returncode == 0, done.stdout + done.stderr
    return {cell: outcome(folder / name, logs_of(folder / name, processes), name, trainer) for cell, name in names.items()}


def outcome(folder: Path, logs: list[Log], name: str, trainer: str) -> str:
    """What became of a variant, next to the plain loop in one process. Raises AssertionError if it is something else."""
    refused = {sentence for log in logs for sentence in log.refused}
    if refused:
        # Processes may name other samples.
        assert all(log.refused for log in logs), f"{name}: refused by some processes alone: {refused}"
        return min(re.sub(r"\[[\d, ]*\]", "[...]", sentence) for sentence in refused)
    if "injected" in name and len(logs) > 1:
        if "whole" in name:
            check_presentations(logs, twice=len(logs) - 1)
    else:
        check_orders(logs, STEPS_EARLY if "early" in name else None)
    assert {with_index for log in logs for _, _, with_index, _ in log.steps} == {"index" in name.split("-")}
    check_losses(logs, mixed=trainer == "Mixed precision")
    check_record(folder, logs)
    return EQUAL


def table(cells: Outcomes) -> str:
    """The cells as a table, with the sentences below it."""
    sentences = sorted({text for text in cells.values() if text != EQUAL})
    lines = ["| trainer | " + " | ".join(f"{n}, {'index' if key == 'index' else 'no index'}, {length}" for n, key, length in COLUMNS)]
    lines = [f"{lines[0]} |", "|" + "---|" * (len(COLUMNS) + 1)]
    for row in ROWS:
        told = [cells[row, *column] for column in COLUMNS]
        shown = [EQUAL if text == EQUAL else f"refused ({sentences.index(text) + 1})" for text in told]
        lines.append(f"| {row} | {' | '.join(shown)} |")
    notes = [f"({number}) \"{sentence}\"\n" for number, sentence in enumerate(sentences, 1)]
    return "\n".join(["", *lines, "", *notes])


def with_table(page: str, written: str) -> str:
    """The text of the page with a table between its marks."""
    return re.sub(f"(?s)(?<={re.escape(BEGIN)}).*(?={re.escape(END)})", lambda _: f"{written}\n", page)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        cells: Outcomes = {}
        for number, trainer in enumerate(TRAINERS):
            for processes in (1, 2):
                cells |= outcomes(trainer, processes, Path(folder) / f"{number}-{processes}")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table(cells)), encoding="utf-8")
