"""The cost table as its users make it: a command, a printed table, a CSV and a LaTeX file."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from rich.console import Console

from noisylab.costs.measure import Costs
from noisylab.costs.passes import Passes
from noisylab.costs.speed import Ratio
from noisylab.costs.table import COLUMNS, PAPER, cells, cost_table

ROOT = Path(__file__).parents[2]
SMALL = "--data digits --model small_cnn --batch-size 16 --turns 2"


def study(options: str, status: int = 0) -> tuple[str, str]:
    """What the study prints to its output and to its errors."""
    done = subprocess.run(
        [sys.executable, "studies/cost_table.py", *options.split()],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout, done.stderr


def costs(method: str = "dlb", name: str = "dlb") -> Costs:
    return Costs(method, name, 0, 0, Passes(1, 1, 1, 2.0), "batch", Ratio(1.01, 0.99, 1.02), 1.001, 0.2, 10**8)


def test_the_study_prints_the_table_and_writes_it(tmp_path: Path) -> None:
    out, err = study(f"{SMALL} --methods ce dlb(two_forward=True) repeat dlb --out {tmp_path}")
    assert err == ""
    *lines, files = out.splitlines()
    assert str(tmp_path / "cost_table.tex") in files
    assert max(map(len, lines)) <= 128
    (printed,) = [line for line in out.splitlines() if line.startswith(" dlb ")]
    assert printed.split()[:12] == ["dlb", "(yes)", "yes", "(yes)", "yes", "(yes)", "1", "(1)", "1", "(1)", "1", "(1)"]
    assert re.search(r" batch +2\.00 +1 ", printed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cost_table.csv", "cost_table.tex"]
    table = pandas.read_csv(tmp_path / "cost_table.csv", keep_default_na=False).set_index("method")
    assert list(table.index) == ["ce", "dlb(two_forward=True)", "repeat", "dlb"]
    assert list(table["forward"]) == [1, 2, 1, 1]
    assert list(table["update"]) == ["-", "batch", "-", "batch"]
    assert list(table["paper_update"]) == ["", "batch", "", "batch"]
    assert (table["time_ratio"] > 0).all()
    assert table.loc["ce", "memory_ratio"] == 1
    assert table.loc["dlb", "memory_ratio"] <= 1.02 * table.loc["repeat", "memory_ratio"]
    assert set(table["shape"]) == {"1x8x8"}


def test_the_printed_table_fits_128_columns_with_long_names_and_paper_entries() -> None:
    many = Costs(
        "mr_kd(copies=3, interval=2, adjust=[True])",
        "mr_kd",
        1,
        1,
        Passes(4, 1, 4, 4.0),
        "12 epochs",
        Ratio(4.1, 4.0, 4.2),
        4.2,
        1.0,
        1,
    )
    console = Console(width=80, file=io.StringIO())
    cost_table([costs(), many], "every [bracket] as it is").print(console, padding=0)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "every [bracket] as it is" in text
    assert "[True]" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 128
    for shown in ("4 (≥2)", "4.10 [4.00\N{EN DASH}4.20]", "4.200", "12", "(epoch)"):
        assert shown in text


def test_latex_has_a_row_per_method_and_as_many_cells_as_columns() -> None:
    text = cost_table([costs(), costs("byot(note='50% & #_')", "byot")], "A_b").latex(two_columns=True)
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    assert r"\begin{table*}" in text
    rows = text[text.index(r"\midrule") : text.index(r"\bottomrule")].splitlines()[1:]
    assert [len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows] == [len(COLUMNS)] * 2
    assert all(row.endswith(r" \\") for row in rows)
    assert r"1 ($\geq$2)" in rows[1]
    assert r"50\% \& \#\_" in rows[1]
    assert r"\caption{A\_b.}" in text


def test_the_papers_entries_stand_in_brackets_and_nothing_where_it_has_none() -> None:
    assert cells(costs())[:8] == ["dlb", "(yes)", "yes (yes)", "yes (yes)", "1 (1)", "1 (1)", "1 (1)", "batch (batch)"]
    assert cells(costs("other", "other"))[:8] == ["other", "", "yes", "yes", "1", "1", "1", "batch"]


def test_the_papers_table_has_its_nine_methods() -> None:
    assert list(PAPER) == ["lsr", "tf_kd_self", "tf_kd_reg", "cs_kd", "ps_kd", "mr_kd", "ddgsd", "byot", "dlb"]
    assert [entry.update for entry in PAPER.values()].count("batch") == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--methods dlbb", "did you mean 'dlb'?"),
        ("--methods", "--methods must name at least one"),
        ("--methods ce dlb dlb(alpha=1)", "--methods names 'dlb' twice"),
        ("--baseline cee", "unknown method 'cee'"),
        ("--model resnet", "unknown model 'resnet'"),
        ("--data digit", "did you mean 'digits'?"),
        ("--data-root /nowhere", "'/nowhere'"),
        ("--batch-size 7", "batch_size must be even"),
        ("--shape 3 0 32", "shape must be"),
        ("--shape 3 32", "--shape"),
        ("--classes 1", "classes must be a number >= 2, got 1"),
        ("--epochs 1", "epochs must be a number >= 2, got 1"),
        ("--turns 1", "turns must be a number >= 2, got 1"),
        ("--threads 0", "threads must be a number >= 1, got 0"),
        ("--device gpu", "'gpu'"),
        ("--out README.md", "'README.md' is not a folder"),
        ("--shape 1 2 2 --model small_cnn", "cannot take images of 1x2x2"),
    ],
)
def test_a_bad_command_line_is_one_line_and_status_2(options: str, named: str, tmp_path: Path) -> None:
    out, err = study(options if "--out" in options else f"{options} --out {tmp_path / 'out'}", status=2)
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("cost_table.py: error: ")
    assert named in err
    assert list(tmp_path.iterdir()) == []


def test_help_and_what_is_refused_by_name_need_no_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    for options, status in (("--help", 0), ("--methods dlbb", 2)):
        command = [sys.executable, "studies/cost_table.py", *options.split()]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == status
        assert "torch was imported" not in done.stdout + done.stderr
    assert (
        "methods:"
        in subprocess.run(
            [sys.executable, "studies/cost_table.py", "--help"], cwd=ROOT, env=environment, capture_output=True, text=True
        ).stdout
    )
