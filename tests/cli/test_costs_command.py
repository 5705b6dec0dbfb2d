"""`noisylab costs`: a printed table, a CSV and a LaTeX file."""

import io
import re
from pathlib import Path

import pandas
import pytest
from helpers_cli import noisylab
from rich.console import Console

from noisylab.costs.measure import Costs
from noisylab.costs.passes import Passes
from noisylab.costs.speed import Ratio
from noisylab.costs.table import PAPER, cells, cost_table

SMALL = "--data digits --model small_cnn --batch-size 16 --turns 2"


def costs(method: str = "dlb", name: str = "dlb") -> Costs:
    return Costs(method, name, 0, 0, Passes(1, 1, 1, 2.0, 2.0), "batch", Ratio(1.01, 0.99, 1.02), 1.001, 0.2, 10**8)


@pytest.mark.slow
def test_the_command_prints_the_table_and_writes_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = noisylab(capsys, "costs", *f"{SMALL} --methods ce dlb(two_forward=True) repeat dlb --out {tmp_path}".split())
    assert (answer.status, answer.err) == (0, "")
    out = answer.out
    *lines, _, csv, latex = out.splitlines()
    assert (csv, latex) == (str(tmp_path / "cost_table.csv"), str(tmp_path / "cost_table.tex"))
    assert max(map(len, lines)) <= 80
    (printed,) = [line for line in out.splitlines() if line.startswith("dlb ")]
    assert printed.split()[:9] == ["dlb", "1", "(1)", "1", "(1)", "1", "(1)", "2.00", "2.00"]
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


def test_the_printed_table_fits_a_terminal_with_long_names_and_paper_entries() -> None:
    many = Costs(
        "mr_kd(copies=3, interval=2, adjust=[True])",
        "mr_kd",
        1,
        1,
        Passes(4, 1, 4, 1.0, 4.0),
        "12 epochs",
        Ratio(4.1, 4.0, 4.2),
        4.2,
        1.0,
        1,
    )
    console = Console(width=80, file=io.StringIO())
    cost_table([costs(), many], "every [bracket] as it is").print(console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "every [bracket] as it is" in text
    assert "[True]" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    for shown in ("4 (≥2)", "4.10 [4.00\N{EN DASH}4.20]", "4.200", "12", "(epoch)"):
        assert shown in text


def test_latex_has_a_row_per_method_and_as_many_cells_as_columns() -> None:
    text = cost_table([costs(), costs("byot(note='50% & #_')", "byot")], "A_b").latex("tab:costs")
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert r"\begin{table*}" in text
    parts = re.findall(r"\\midrule\n(.*?)\\bottomrule", text, re.DOTALL)
    rows = [" & ".join(part.splitlines()[number] for part in parts) for number in range(2)]
    for part in parts:
        cells = [len(re.findall(r"(?<!\\)&", row)) for row in part.splitlines()]
        assert len(cells) == 2
        assert len(set(cells)) == 1
        assert all(row.endswith(r" \\") for row in part.splitlines())
    assert r"1 & ($\geq$2)" in rows[1]
    assert r"50\% \& \#\_" in rows[1]
    assert r"\caption{A\_b.}" in text


def test_the_papers_entries_stand_in_brackets_and_nothing_where_it_has_none() -> None:
    assert cells(costs())[:8] == ["dlb", "(yes)", "yes (yes)", "yes (yes)", "1 (1)", "1 (1)", "1 (1)", "batch (batch)"]
    assert cells(costs("other", "other"))[:8] == ["other", "", "yes", "yes", "1", "1", "1", "batch"]


def test_the_papers_table_has_its_nine_methods() -> None:
    assert list(PAPER) == ["lsr", "tf_kd_self", "tf_kd_reg", "cs_kd", "ps_kd", "mr_kd", "ddgsd", "byot", "dlb"]
    assert [entry.update for entry in PAPER.values()].count("batch") == 1
