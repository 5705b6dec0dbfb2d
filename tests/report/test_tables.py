"""Tables for papers: what is in them, and that they are read back as they were meant."""

import re
import shutil
import subprocess
from pathlib import Path

import pandas
import pytest

from noisylab.analysis.statistics import percent
from noisylab.report.tables import accuracy_table, difference_table, latex_text, protocol, to_latex, to_markdown

VALUES = {"ce": [0.80, 0.82, 0.81], "dlb(alpha=3.0)": [0.95, 0.96, 0.95], "tf_kd_self": [0.85, 0.861, 0.85]}


@pytest.fixture
def results() -> pandas.DataFrame:
    rows = [
        {"id": f"{method}-{noise}-{seed}", "data": "digits", "train_size": 1347, "model": "small_cnn", "method": method}
        | {"noise": noise, "noise_kind": "symmetric", "nominal_rate": 0.4, "realised_rate": 0.4, "seed": seed}
        | {"noise_seed": seed, "batch_size": 64, "budget": "40 epochs", "settings": "", "memorised": 0.1, "steps": 880}
        | {"images_processed": 53_880, "test_accuracy_last": value - shift, "test_accuracy_last10": value}
        for noise, shift in (("symmetric:0.4", 0.0), ("symmetric:0.6", 0.1))
        for method, values in VALUES.items()
        for seed, value in enumerate(values)
    ]
    # One method without runs under the second noise.
    return pandas.DataFrame(rows)[lambda x: ~((x["method"] == "tf_kd_self") & (x["noise"] == "symmetric:0.6"))]


def test_the_table_has_means_in_percent_exposure_and_marks_the_significant_best(results: pandas.DataFrame) -> None:
    table, bold = accuracy_table(results)
    assert table.columns.tolist() == ["method", "symmetric:0.4", "symmetric:0.6", "images", "steps"]
    assert table.loc[0].tolist() == ["ce", "81.0 ± 2.5", "71.0 ± 2.5", "53,880", "880"]
    assert table.loc[2, "symmetric:0.6"] == "-"
    assert bold.to_numpy().nonzero() == (pytest.approx([1, 1]), pytest.approx([1, 2]))


def test_differences_are_in_points_with_holm_s_p(results: pandas.DataFrame) -> None:
    table = difference_table(results, "ce")
    assert table["method"].tolist() == ["dlb(alpha=3.0)", "tf_kd_self"]
    assert re.fullmatch(r"\+14\.3 ± 1\.4 \(\.\d{3}\)", table.loc[0, "symmetric:0.4"])
    assert table.loc[1, "symmetric:0.6"] == "-"


def test_percent_says_what_there_is() -> None:
    assert percent(0.912, 0.004) == "91.2 ± 0.4"
    assert percent(0.912, float("nan")) == "91.2"
    assert percent(float("nan"), float("nan")) == "-"
    assert percent(-0.01, 0.02, sign="+") == "-1.0 ± 2.0"


def test_markdown_sets_the_best_in_bold_and_keeps_the_text(results: pandas.DataFrame) -> None:
    lines = to_markdown(*accuracy_table(results)).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["method", "symmetric:0.4", "symmetric:0.6", "images", "steps"]
    assert cells[3][:2] == ["dlb(alpha=3.0)", "**95.3 ± 1.4**"]
    assert sum("**" in line for line in lines) == 1


def test_latex_is_escaped_and_whole(results: pandas.DataFrame, tmp_path: Path) -> None:
    table, bold = accuracy_table(results)
    text = to_latex(table, f"{protocol(results)}, 95 % & more.", bold)
    assert r"tf\_kd\_self" in text
    assert r"\textbf{95.3 $\pm$ 1.4}" in text
    assert r"\toprule" in text
    assert "±" not in text
    assert not re.search(r"(?<!\\)[%_]", text)
    # tabular lines have as many cells as columns
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {4}
    if shutil.which("pdflatex"):
        document = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + text + r"\end{document}"
        (tmp_path / "t.tex").write_text(document)
        subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True)


def test_special_characters_are_text_for_latex() -> None:
    assert latex_text("a_b 5 % & {x} < #1") == r"a\_b 5 \% \& \{x\} $<$ \#1"
    assert latex_text("a\\b~c^d") == r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"


def test_the_protocol_names_what_a_reader_asks_for(results: pandas.DataFrame) -> None:
    said = protocol(results)
    for part in ("digits", "1,347", "small_cnn", "40 epochs", "batch 64", "last epoch", "95 %", "3 seeds"):
        assert part in said
