"""Tables of hard studies fit a terminal of 80 columns and a page of LaTeX, and keep their rows apart."""

import io
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas
import pytest
from helpers_cli import noisylab
from rich.console import Console

from noisylab.analysis.comparisons import compare, primary_contrasts, usual_contrasts
from noisylab.analysis.tables import MEASURES
from noisylab.costs.measure import Costs
from noisylab.costs.passes import Passes
from noisylab.costs.speed import Ratio
from noisylab.costs.table import COLUMNS, PAPER, SHOWN, cost_table
from noisylab.report.comparison_tables import points_table
from noisylab.report.study_report import print_tables
from noisylab.report.table import Table
from noisylab.report.tables import accuracy_table, results_table, states_table

WIDTH = 80
ELEVEN = ["ce", "repeat", "dlb", "lsr", "elr", "gce", "sce", "tf_kd_self", "bootstrap_soft", "temporal_ensembling", "ps_kd"]
LONG = [
    "ce",
    "elr@learning_rate=0.02,weight_decay=0.001,optimizer=adamw",
    "elr@learning_rate=0.02,weight_decay=0.001,optimizer=adam",
    "soft_target_memory(age=1, unit='epochs', momentum=0.9, schedule='constant')",
    "soft_target_memory(age=1, unit='epochs', momentum=0.9, schedule='linear')",
    "dlb(on='a_loss_with_a_name_that_is_much_too_long_for_any_table_at_all')",
    "dlb(on='a_loss_with_a_name_that_is_much_too_long_for_any_table_either')",
]
VARIANTS = [f"dlb(alpha={alpha})" for alpha in (0.1, 0.3, 1.5, 5.0, 9.0)]
RATES = ["symmetric:0", *(f"symmetric:{rate}" for rate in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8))]
FEW = ["symmetric:0.4", "asymmetric:0.2"]
FILES = ["file(path='/home/someone/labels/crowd_workers.csv')", "instance(rate=0.4, temperature=0.25, saturated=True)"]

# By name: methods, noises and seeds.
STUDIES = {
    "default": (["ce", "repeat", "dlb"], RATES[:6], 5),
    "eleven_methods": (ELEVEN, FEW, 3),
    "long_names": (LONG, FEW, 3),
    "eleven_methods_and_five_noises": (ELEVEN, RATES[:1] + RATES[-4:], 3),
    "five_variants": (["ce", *VARIANTS], FEW, 3),
    "thirteen_rates": (["ce", "dlb"], RATES, 3),
    "one_seed": (["ce", "dlb"], FEW, 1),
    "file_noise": (["ce", "dlb"], FILES, 3),
}


def fake(methods: list[str], noises: list[str], seeds: int, **more: Any) -> pandas.DataFrame:
    """Results of runs with wide intervals, with every measure and exposure."""
    rows = [
        {
            "id": f"{m}-{n}-{seed}",
            "data": "npz:/home/someone/pets.npz",
            "train_size": 1347,
            "model": "small_cnn",
            "method": method,
        }
        | {"noise": noise, "noise_kind": "symmetric", "nominal_rate": 0.4, "realised_rate": 0.4012, "seed": seed}
        | {"noise_seed": seed, "batch_size": 64, "budget": "images", "epochs": 40, "comparison_key": "", "updates": 888_880}
        | {"images_processed": 1_053_880, "images_total": 1_053_880 * (1 + m % 2), "fidelity": "paper"}
        | {name: min(1.0, 0.1 + 0.31 * seed + 0.013 * m + 0.001 * n) for name in MEASURES}
        for n, noise in enumerate(noises)
        for m, method in enumerate(methods)
        for seed in range(seeds)
    ]
    return pandas.DataFrame(rows).assign(**more)


def narrow() -> Console:
    return Console(file=io.StringIO(), width=WIDTH)


def said(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def blocks_of(text: str) -> list[list[str]]:
    """For each printed block of rows their names, each with its further lines and the name of its section."""
    blocks = []
    for block in re.split(r"─+\n", text)[1:]:
        section, labels = "", [""]
        for line in block.splitlines():
            name = re.sub(r"(\s+(-|[-+<]?[\d.,]*\d(±[\d.]+)?( [kM])?))+$", "", line)
            if name != line and line.startswith("  "):
                labels.append(f"{section}: {name.strip()}")
            elif line.startswith("    "):
                labels[-1] += line.strip()
            else:
                section = line if not line.startswith("  ") else section + line.strip()
        blocks.append(labels[1:])
    return blocks


def check(text: str) -> None:
    assert [line for line in text.splitlines() if len(line.rstrip()) > WIDTH] == []
    for labels in blocks_of(text):
        assert len(labels) == len(set(labels)), labels
    assert "/home" not in text
    assert not re.search(r"\b1 (runs|seeds|tests|epochs)\b", text)


@pytest.fixture(params=STUDIES)
def study(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_a_sweep_prints_fits_80_columns_and_keeps_rows_apart(study: str) -> None:
    console = narrow()
    results = fake(*STUDIES[study])
    primary = primary_contrasts(results, usual_contrasts(results, [("dlb", "repeat"), ("dlb", "ce")]))
    print_tables(results, primary, compare(results, baselines=["ce"]), console=console)
    text = said(console)
    check(text)
    methods, noises, _ = STUDIES[study]
    first, *others = blocks_of(text)
    assert len(first) == len(methods) * len(noises)
    assert len(others[-1]) == (len(methods) - 1) * len(noises)


def test_all_columns_that_are_asked_for_are_there_below_each_other_if_need_be() -> None:
    console = narrow()
    results = fake(*STUDIES["long_names"])
    print_tables(results, results.iloc[:0], results.iloc[:0], columns=MEASURES, console=console)
    text = said(console)
    check(text)
    heads = " ".join(line for line in text.splitlines() if not line.startswith("  "))
    for name in ("last 10", "selected", "peak †", "gap", "memorised", "cons.", "images", "updates"):
        assert name in heads
    assert len(blocks_of(text)) > 1
    # No column stands alone below the others.
    widths = [len(line) for line in text.splitlines() if set(line) == {"─"}]
    assert min(widths) > max(widths) / 2
    # Nothing is broken within a number.
    assert len(re.findall(r"\d±\d", text)) == len(MEASURES) * len(results) // 3


def test_a_narrow_terminal_has_fewer_columns_and_the_caption_names_the_others() -> None:
    results = fake(*STUDIES["eleven_methods"])
    table = results_table(results, width=WIDTH)
    names = [column.name for column in table.columns]
    assert names[2:4] == ["seeds", "last"]
    assert "cons. clean" not in names
    assert "More columns (noisylab compare --columns): " in table.caption
    assert "consistency_clean" in table.caption
    assert "cons.:" not in table.caption
    assert len(results_table(results, width=200).columns) == len(results_table(results).columns) > len(names)


def test_the_last_ten_stand_only_where_there_are_ten() -> None:
    few = fake(["ce", "dlb"], FEW, 2, test_accuracy_last10=float("nan"))
    assert "last 10" not in [column.name for column in results_table(few, width=WIDTH).columns]
    some = few.assign(test_accuracy_last10=few["test_accuracy_last"].where(few["method"] == "ce"))
    table = results_table(some, width=WIDTH)
    place = [column.name for column in table.columns].index("last 10")
    assert [row[place] == "-" for row in table.rows] == [False, True] * 2


def test_one_of_a_thing_is_no_plural() -> None:
    caption = results_table(fake(["ce", "dlb"], FEW, 1)).caption
    assert "one seed each" in caption
    assert "±" not in caption
    assert "over" not in accuracy_table(fake(["ce", "dlb"], FEW, 1, epochs=1)).caption.partition(". ")[0]
    assert ", images of 1 epoch, " in accuracy_table(fake(["ce", "dlb"], FEW, 1, epochs=1)).caption


def test_compare_names_methods_as_it_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    results = fake(*STUDIES["five_variants"])
    monkeypatch.setattr("noisylab.plotting.study_runs._finished", lambda _: results)
    answer = noisylab(capsys, "compare", str(tmp_path), "--label", "dlb(alpha=9)=DLB, strong", "--label", "ce=baseline")
    check(answer.out)
    assert "\n  DLB, strong - baseline " in answer.out
    assert "\n  dlb(alpha=5.0) - baseline " in answer.out
    said = noisylab(capsys, "compare", str(tmp_path), "--label", "elr=x").err
    assert "'elr'" in said


def test_status_counts_by_method_and_names_what_failed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    planned = fake(*STUDIES["long_names"])[["id", "method", "noise", "seed"]]
    states = planned.assign(state=["done", "failed", "planned"] * (len(planned) // 3), where="", epoch=0, epochs=0, reason="")
    monkeypatch.setattr("noisylab.api.open_study", lambda *_: SimpleNamespace(status=lambda: states))
    text = noisylab(capsys, "status", str(tmp_path)).out
    check(text)
    assert text.startswith("14 done, 14 failed, 14 planned, of 42 runs\n")
    assert len(blocks_of(text)[0]) == 14
    failed = text.partition("failed:\n")[2].splitlines()
    assert failed == states["id"][states["state"] == "failed"].to_list()
    assert [column.name for column in states_table(states).columns[2:]] == ["done", "failed", "planned"]


@pytest.mark.parametrize("kind", ["methods", "noise", "models", "data", "augmentations", "scores", "figures", "studies"])
def test_lists_fit_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    text = noisylab(capsys, "list", kind).out
    check(text)
    names = [line.split()[0] for line in text.splitlines() if not line.startswith(" ")]
    for name in names:
        check(noisylab(capsys, "list", kind, name).out)


def test_the_report_of_a_corruption_fits_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    birds = [f"northern cardinal of the {age} year, {sex}" for age in ("first", "second") for sex in ("male", "female")]
    (tmp_path / "birds.csv").write_text("label\n" + "\n".join(f'"{bird}"' for bird in birds * 30))
    text = noisylab(capsys, "corrupt", "--labels", str(tmp_path / "birds.csv"), "--noise", "symmetric:0.6").out
    check(text)
    rows = text.partition("true class")[2].splitlines()[1:]
    names = [row[:22].strip() for row in rows if row[:22].strip()]
    assert len(set(names)) == 4
    # Every wrong label is there, whole.
    assert len(re.findall(r"\S \(\d+\)", "\n".join(rows))) == 12
    check(noisylab(capsys, "corrupt", "--data", "digits", "--noise", "symmetric:0.4").out)


def test_a_run_prints_percentages_within_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    text = noisylab(capsys, *f"train --epochs 1 --train-size 40 --test-size 40 --method ce --out {tmp_path}".split()).out
    heading, row, *ran = text.splitlines()[1:]
    check("\n".join([heading, row, *ran]))
    assert heading.split()[2:4] == ["test", "%"]
    accuracy = row.split()[2]
    assert f"test accuracy {accuracy} % at the last epoch" in " ".join(ran)
    assert len(heading) == len(row)


def costs(method: str, name: str) -> Costs:
    return Costs(method, name, 1, 0, Passes(4, 1, 4, 1.0, 44.0), "12 epochs", Ratio(4.1, 4.0, 4.2), 4.2, 0.2, 10**8)


def test_costs_fit_80_columns_and_a_page() -> None:
    rows = [costs(name, name) for name in PAPER] + [costs(method, "dlb") for method in LONG]
    console = narrow()
    cost_table(rows, "Costs", SHOWN).print(console)
    check(said(console))
    assert len(re.findall(r"^─+$", said(console), re.MULTILINE)) == 1
    console = narrow()
    cost_table(rows, "Costs", COLUMNS).print(console)
    check(said(console))


@pytest.mark.parametrize("width", [20, 40, 61, 79])
def test_numbers_stay_whole_in_any_terminal(width: int) -> None:
    table = results_table(fake(*STUDIES["long_names"]))
    text = table.terminal(width).plain
    cells = [cell.replace(" ± ", "±") for row in table.rows for cell in row[2:]]
    assert all(cell in text for cell in cells)
    if width > 40:
        assert max(map(len, text.splitlines())) <= width


LATEX = r"""
\documentclass[OPTIONS]{article}
\usepackage{booktabs}
\usepackage{siunitx}
GEOMETRY
\begin{document}
TABLES
\end{document}
"""


def tables_of(study: str) -> list[Table]:
    results = fake(*STUDIES[study])
    every = ["ce", "repeat", "dlb"] if "dlb" in STUDIES[study][0] and "repeat" in STUDIES[study][0] else ["ce"]
    return [accuracy_table(results), points_table(results, every), results_table(results)]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
@pytest.mark.parametrize(
    ("options", "width"), [("10pt", ""), ("12pt", ""), ("10pt,twocolumn", ""), ("10pt,twocolumn", "6.75in"), ("10pt", "5.5in")]
)
def test_latex_tables_fit_the_page(options: str, width: str, tmp_path: Path) -> None:
    tables = [table for study in STUDIES for table in tables_of(study)]
    tables.append(cost_table([costs(name, name) for name in PAPER], "Costs of 5 % & more_of {it}"))
    # Each on a page of its own.
    text = "\\clearpage\n".join(table.latex(f"tab:{number}") for number, table in enumerate(tables))
    text += "".join(f"\\ref{{tab:{number}}} " for number in range(len(tables)))
    geometry = rf"\usepackage[textwidth={width},textheight=9in]{{geometry}}" if width else ""
    source = LATEX.replace("OPTIONS", options).replace("GEOMETRY", geometry).replace("TABLES", text)
    (tmp_path / "t.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    for _ in range(2):
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300)
        assert ran.returncode == 0, ran.stdout[-2000:]
    log = (tmp_path / "t.log").read_text(encoding="latin-1")
    assert re.findall(r"Overfull \\hbox.*|.*too large for page.*|.*undefined.*", log) == []
    assert "/home" not in text
    numbers = re.findall(r"\\newlabel\{tab:(\d+)\}\{\{(\d+)\}", (tmp_path / "t.aux").read_text())
    assert numbers == [(str(number), str(number + 1)) for number in range(len(tables))], "what continues a table has its number"


def layouts_of(text: str) -> list[list[str]]:
    """For each width of a page, the headings of the blocks."""
    return [re.findall(r"\\toprule\n(.*?) \\\\\n", layout) for layout in text.split(r"\else")]


def test_the_layout_of_a_latex_table_follows_the_width_of_the_text() -> None:
    table = accuracy_table(fake(*STUDIES["eleven_methods_and_five_noises"]))
    text = table.latex("tab:it")
    layouts, limits = layouts_of(text), [float(em) for em in re.findall(r"\\ifdim\\textwidth>([\d.]+)", text)]
    # The text of ICML's page is 487 pt wide, and that of `article` 345.
    assert any(345 / 8.5 < em < 487 / 8.5 for em in limits)
    assert sorted(limits, reverse=True) == limits
    assert [len(blocks) for blocks in layouts] == sorted(len(blocks) for blocks in layouts)
    for blocks in layouts:
        assert all(f"symmetric:{rate}" in " ".join(blocks) for rate in ("0.5", "0.6", "0.7", "0.8"))
        assert all(block.startswith("{method} & {from} & ") for block in blocks)
        # No column stands alone below the others.
        assert all(block.count("&") > 2 for block in blocks)
    assert text.count(r"\label{tab:it}") == 1


def test_a_latex_table_that_is_higher_than_a_page_is_continued() -> None:
    methods = [f"dlb(alpha={n}.5)" for n in range(60)]
    text = accuracy_table(fake(["ce", *methods], ["symmetric:0.4"], 3)).latex("tab:it")
    tables = re.findall(r"\\begin\{table\*?\}.*?\\end\{table\*?\}", text, re.DOTALL)
    assert len(tables) == 3
    assert all(r"\addtocounter{table}{-1}" in table and "(continued)" in table for table in tables[1:])
    rows = [re.findall(r"dlb\(alpha=[\d.]+\)", table) for table in tables]
    assert [method for table in rows for method in table] == methods
    assert max(map(len, rows)) - min(map(len, rows)) <= 2


def test_the_heading_of_a_noise_from_a_file_keeps_its_name() -> None:
    for table in tables_of("file_noise"):
        heading = re.sub(r"\\shortstack|\\\\|\\_|[{}]", "", table.latex())
        assert "file:crowdworkers" in heading.replace("_", "")
