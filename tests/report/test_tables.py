"""Tables for papers: what is in them, and that they are read back as they were meant."""

import io
import re
from pathlib import Path

import pandas
import pytest
from rich.console import Console

from noisylab.analysis.comparisons import compare, primary_contrasts
from noisylab.analysis.statistics import format_interval, format_p
from noisylab.analysis.tables import MEASURES
from noisylab.analysis.variance import DEPENDENT
from noisylab.core.foreign_text import for_latex
from noisylab.core.registries import FIGURES
from noisylab.report.analysis_table import analysis_table
from noisylab.report.comparison_tables import contrasts_table, differences_table, points_table, power_lines
from noisylab.report.study_report import show
from noisylab.report.table_files import TABLES
from noisylab.report.tables import accuracy_table, results_table
from noisylab.report.wording import BUDGETS, measured, protocol, short_count

VALUES = {"ce": [0.80, 0.82, 0.81], "dlb(alpha=3.0)": [0.95, 0.96, 0.95], "tf_kd_self": [0.85, 0.861, 0.85]}


@pytest.fixture
def results() -> pandas.DataFrame:
    rows = [
        {"id": f"{method}-{noise}-{seed}", "data": "digits", "train_size": 1347, "model": "small_cnn", "method": method}
        | {"noise": noise, "noise_kind": "symmetric", "nominal_rate": 0.4, "realised_rate": 0.4, "seed": seed}
        | {
            "noise_seed": seed,
            "batch_size": 64,
            "budget": "epochs",
            "epochs": 40,
            "comparison_key": "",
            "memorised": 0.1,
            "updates": 880,
        }
        | {"images_processed": 53_880, "test_accuracy_last": value - shift, "test_accuracy_last10": value}
        for noise, shift in (("symmetric:0.4", 0.0), ("symmetric:0.6", 0.1))
        for method, values in VALUES.items()
        for seed, value in enumerate(values)
    ]
    # One method without runs under the second noise.
    return pandas.DataFrame(rows)[lambda x: ~((x["method"] == "tf_kd_self") & (x["noise"] == "symmetric:0.6"))]


def cells_of(lines: list[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_has_means_in_percent_exposure_and_marks_the_significant_best(results: pandas.DataFrame) -> None:
    table = accuracy_table(results)
    assert [column.name for column in table.columns] == [
        "method",
        "symmetric:0.4 (40.0 %)",
        "symmetric:0.6 (40.0 %)",
        "images",
        "updates",
    ]
    assert table.rows[0] == ("CE", "81.0 ± 2.5", "71.0 ± 2.5", "53.9 k", "880")
    assert table.rows[2][2] == "-"
    assert table.bold == {(1, 1), (1, 2)}


def test_differences_are_in_points_with_holm_s_p(results: pandas.DataFrame) -> None:
    table = points_table(results, ["ce"])
    assert [row[0] for row in table.rows] == ["dlb(alpha=3.0) - CE", "tf_kd_self - CE"]
    assert re.fullmatch(r"\+14\.3 ± 1\.4 \(\.\d{3}\)", table.rows[0][1])
    assert table.rows[1][2] == "-"


def test_the_first_table_has_the_measures_that_there_are_and_says_which_is_no_result(results: pandas.DataFrame) -> None:
    peak = results.assign(
        test_accuracy_peak=0.97, test_accuracy_gap=0.02, test_accuracy_last10=float("nan"), images_total=90_000
    )
    table = results_table(peak.assign(consistency_clean=0.9, consistency_mislabelled=0.5, budget="images"))
    assert [column.name for column in table.columns] == [
        # No run has ten epochs, so there is no mean of the last ten.
        *("noise", "method", "seeds", "last", "peak †", "gap", "memorised", "cons. clean", "cons. misl."),
        *("images", "all images", "updates"),
    ]
    alone = results_table(peak.assign(images_total=peak["images_processed"]))
    assert "all images" not in [column.name for column in alone.columns]
    assert table.rows[0][0] == "symmetric:0.4 (40.0 %)"
    assert table.rows[0][3:7] == ("81.0 ± 2.5", "97.0 ± 0.0", "2.0 ± 0.0", "10.0 ± 0.0")
    assert "†: selected on the test data, so it is no result" in table.caption
    assert "Budget: equal images through the measured network and equal updates" in table.caption
    assert "†" not in results_table(results).caption
    assert r"$\dagger$" in table.latex()


@pytest.mark.parametrize("budget", ["images", "updates", "epochs", "compute"])
def test_captions_say_what_the_budget_makes_equal(results: pandas.DataFrame, budget: str) -> None:
    said = BUDGETS[budget]
    for table in (results_table, accuracy_table, lambda rows: points_table(rows, ["ce"])):
        assert said in table(results.assign(budget=budget)).caption


def test_any_column_of_numbers_can_be_in_the_first_table(results: pandas.DataFrame) -> None:
    more = results.assign(test_nll=0.25, fidelity="code", test_top5=0.99, selection_recall=None)
    table = results_table(more, columns=["test_nll", "test_top5", "memorised", "selection_recall"])
    assert [column.name for column in table.columns][3:7] == ["test nll", "test top5", "memorised", "selection recall"]
    assert table.rows[0][3:7] == ("0.2500 ± 0", "99.0 ± 0.0", "10.0 ± 0.0", "-")
    for value, shown in ((2.28, "2.280 ± 0"), (3.0, "3 ± 0"), (123_456.7, "123,457 ± 0")):
        assert results_table(more.assign(test_nll=value), columns=["test_nll"]).rows[0][3] == shown
    with pytest.raises(ValueError, match=r"columns must name columns of numbers, got 'test_nl' \(did you mean 'test_nll'\?\)"):
        results_table(more, columns=["test_nl"])
    with pytest.raises(ValueError, match="got 'fidelity'; there are nominal_rate, "):
        results_table(more, columns=["fidelity"])
    with pytest.raises(ValueError, match=r"columns must be a list, got 'memorised'; write \['memorised'\]"):
        results_table(more, columns="memorised")


def test_a_table_of_another_measure_says_so_and_marks_no_best(results: pandas.DataFrame) -> None:
    table = accuracy_table(results.assign(memorised=results["test_accuracy_last"]), "memorised")
    assert "memorised in percent, mean" in table.caption
    assert "test accuracy" not in table.caption
    assert not table.bold
    assert "Bold" not in table.caption
    losses = points_table(results.assign(test_nll=2 * results["test_accuracy_last"]), ["ce"], "test_nll")
    assert "test nll, mean" in losses.caption
    assert "points" not in losses.caption
    assert losses.rows[0][1].startswith("+0.287 ± 0.029 (")


def test_a_number_has_the_digits_of_its_interval_and_a_setting_none() -> None:
    assert measured("test_nll", 0.02890, 0.0088) == "0.0289 ± 0.0088"
    assert measured("test_nll", 0.5905, 0.049) == "0.591 ± 0.049"
    assert measured("seconds", 23_140.2, 2_387.1) == "23,140 ± 2,387"
    assert measured("test_nll", 0.25, float("nan")) == "0.2500"
    assert measured("learning_rate", 0.05, 0.0) == "0.05"
    assert measured("updates", 880.0, 0.0) == "880"
    assert measured("test_accuracy_last", 0.97, 0.0) == "97.0 ± 0.0"


def test_no_figure_has_the_name_of_a_table() -> None:
    assert not set(TABLES) & set(FIGURES.entries())


def test_the_origin_of_a_method_stands_beside_it(results: pandas.DataFrame) -> None:
    origin = {"ce": "ours", "dlb(alpha=3.0)": "code", "tf_kd_self": "paper"}
    table = accuracy_table(results.assign(fidelity=results["method"].map(origin)))
    assert [column.name for column in table.columns][:3] == ["method", "from", "symmetric:0.4 (40.0 %)"]
    assert [row[1] for row in table.rows] == ["o", "c*", "p"]
    assert table.bold == {(1, 2), (1, 3)}
    assert "From: p: as printed in its paper, c: as its public code, o: ours" in table.caption
    # A variant is not as published.
    varied = results.replace({"method": {"tf_kd_self": "tf_kd_self(alpha=0.5)"}})
    origin = {"ce": "ours", "dlb(alpha=3.0)": "code", "tf_kd_self(alpha=0.5)": "paper"}
    table = accuracy_table(varied.assign(fidelity=varied["method"].map(origin)))
    assert [row[1] for row in table.rows] == ["o", "c*", "p*"]
    assert table.caption.endswith("o: ours, *: with other options than the usual ones")


def test_a_comparison_stands_beside_the_exposure_of_its_methods(results: pandas.DataFrame) -> None:
    double = results.assign(images_processed=results["images_processed"] * (1 + (results["method"] != "ce")))
    for table in (
        contrasts_table(primary_contrasts(double)),
        differences_table(compare(double, baselines=["ce"])),
        points_table(double, ["ce"]),
    ):
        assert [column.name for column in table.columns][-2:] == ["images ratio", "updates ratio"]
        assert table.rows[0][-2:] == ("2.00", "1.00")


def test_the_power_of_a_contrast_is_a_sentence(results: pandas.DataFrame) -> None:
    table = primary_contrasts(results, [("dlb(alpha=3.0)", "ce")])
    (line,) = power_lines(table)
    sd = 100 * table["difference_sd"].iloc[0]
    power, needed = table["power"].iloc[0], table["n_for_power"].iloc[0]
    shown = "over .99" if power > 0.995 else f"{power:.2f}".removeprefix("0")
    assert line == (
        f"dlb(alpha=3.0) - CE: 3 seeds find 2 points with probability {shown} (sd {sd:.1f}, p < .05); {needed} seeds with .8"
    )
    two = power_lines(primary_contrasts(results))
    assert all(", p < .05 / 2, Holm's strictest)" in line for line in two)
    partial = results[~((results["method"] == "ce") & (results["noise"] == "symmetric:0.6") & (results["seed"] == 0))]
    assert "seeds left out, because they lack a noisy setting: 1" in power_lines(primary_contrasts(partial))[0]
    # One seed has no spread.
    assert power_lines(primary_contrasts(results[results["seed"] == 0])) == []


def test_axes_are_the_first_columns_of_every_table(results: pandas.DataFrame) -> None:
    parts = [results.assign(batch_size=size, comparison_key=str(size)) for size in (128, 64)]
    both, by = pandas.concat(parts, ignore_index=True), ["batch_size"]
    shown = [
        results_table(both, by),
        contrasts_table(primary_contrasts(both, by=by), by),
        differences_table(compare(both, baselines=["ce"], by=by), by),
        accuracy_table(both, by=by),
        points_table(both, ["ce"], by=by),
    ]
    for table in shown:
        assert table.columns[0].name == "batch size"
        # Numbers rise.
        assert list(dict.fromkeys(row[0] for row in table.rows)) == ["64", "128"]
    assert shown[3].rows[0][1:] == shown[3].rows[3][1:] == accuracy_table(results).rows[0]
    assert "batch" not in protocol(both)


def test_a_mean_its_interval_and_p_say_what_there_is() -> None:
    assert format_interval(0.912, 0.004) == "91.2 ± 0.4"
    assert format_interval(0.912, float("nan")) == "91.2"
    assert format_interval(float("nan"), float("nan")) == "-"
    assert format_interval(-0.01, 0.02, sign="+") == "-1.0 ± 2.0"
    assert [format_p(p) for p in (0.0004, 0.0416, 1, float("nan"))] == ["<.001", ".042", "1.000", "-"]


def test_markdown_sets_the_best_in_bold_and_keeps_the_text(results: pandas.DataFrame) -> None:
    caption, empty, *lines = accuracy_table(results).markdown().splitlines()
    assert (caption.endswith("(paired t-tests, Holm over 3 tests, p < .05)."), empty) == (True, "")
    cells = cells_of(lines)
    assert cells[0] == ["method", "symmetric:0.4 (40.0 %)", "symmetric:0.6 (40.0 %)", "images", "updates"]
    assert cells[1] == [":--", *["--:"] * 4]
    assert cells[3][:2] == ["dlb(alpha=3.0)", "**95.3 ± 1.4**"]
    assert sum("**" in line for line in lines) == 1


def test_latex_is_escaped_and_whole(results: pandas.DataFrame) -> None:
    text = accuracy_table(results).latex()
    assert r"tf\_kd\_self" in text
    assert r"\bfseries 95.3 & $\pm$ & \bfseries 1.4 &" in text
    assert r"\toprule" in text
    assert "±" not in text
    needs, whole = text.split("\n", 1)
    assert needs.startswith("% needs ")
    assert not re.search(r"(?<!\\)[%_]", whole)
    # tabular lines have as many cells as columns
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows[1:]} == {8}
    assert rows[0].count(r"\multicolumn{3}{c}{\shortstack{symmetric:0.") == 2
    assert r"\label" not in text
    assert r"\label{tab:mine}" in accuracy_table(results).latex("tab:mine")


def test_special_characters_are_text_for_latex() -> None:
    assert for_latex("a_b 5 % & {x} < #1") == r"a\_b 5 \% \& \{x\} $<$ \#1"
    assert for_latex("a\\b~c^d") == r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"


def test_the_protocol_names_what_a_reader_asks_for(results: pandas.DataFrame) -> None:
    said = protocol(results)
    for part in ("digits", "1,347", "small_cnn", "40 epochs", "batch 64", "last epoch", "95 %", "3 seeds"):
        assert part in said


def test_tables_that_stand_alone_tell_the_protocol_and_the_realised_rates(results: pandas.DataFrame) -> None:
    whole = results.assign(budget="images", realised_rate=results["noise"].map({"symmetric:0.4": 0.398, "symmetric:0.6": 0.6}))
    contrasts = primary_contrasts(whole, [("dlb(alpha=3)", "ce")])
    tables = [
        accuracy_table(whole),
        results_table(whole),
        points_table(whole, ["ce"]),
        contrasts_table(contrasts, results=whole),
    ]
    for table in tables:
        for part in ("digits", "1,347 training samples", "small_cnn", "40 epochs", "batch 64", BUDGETS["images"], "3 seeds"):
            assert part in table.caption
        assert "95 % interval (Student t)" in table.caption
    for table in (tables[0], tables[2]):
        assert {"symmetric:0.4 (39.8 %)", "symmetric:0.6 (60.0 %)"} <= {column.name for column in table.columns}
        assert "in brackets behind a noise: its realised rate" in table.caption
    # Runs that differ in a setting may have other rates.
    fewer = whole.assign(train_size=100, realised_rate=0.41, comparison_key="100")
    both = pandas.concat([whole, fewer], ignore_index=True)
    assert "symmetric:0.4 (39.8 to 41.0 %)" in [column.name for column in accuracy_table(both, by=["train_size"]).columns]


def test_what_all_contrasts_have_alike_is_in_the_caption_so_that_they_fit_a_column(results: pandas.DataFrame) -> None:
    table = contrasts_table(primary_contrasts(results, [("dlb(alpha=3)", "ce"), ("tf_kd_self", "ce")]), results=results)
    # Of different numbers of noises.
    assert [column.name for column in table.columns] == ["difference", "noises", "mean ± 95 % interval", "p"]
    assert "images ratio 1.00 in all rows, updates ratio 1.00 in all rows" in table.caption
    few = results[results["noise"] == "symmetric:0.4"].assign(updates=results["method"].map(len))
    named = few.replace({"tf_kd_self": "soft_target_memory(repeat=True)"})
    text = contrasts_table(
        primary_contrasts(named, [("dlb(alpha=3.0)", "ce"), ("soft_target_memory(repeat=True)", "dlb(alpha=3.0)")]),
        results=named,
    ).latex()
    assert r"\begin{table}[tbp]" in text
    assert r"\begin{table*}" not in text
    assert "ldots" not in text
    assert r"soft\_target\_memory" in text
    assert r"\quad (repeat=True)" in text


def printed(results: pandas.DataFrame, out: Path, **options: object) -> str:
    console = Console(file=io.StringIO(), width=80)
    show(results, out, console=console, **options)  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_study_shows_whole_tables_and_says_where_all_is(results: pandas.DataFrame, tmp_path: Path) -> None:
    results.to_csv(tmp_path / "results.csv")
    said = printed(
        results,
        tmp_path,
        figures=["noise_robustness", "axis_comparison"],
        formats=["csv", "md", "tex"],
        failures={"ce-7": "DivergedError: loss [nan]"},
        missing=["ce-7", "ce-8"],
    )
    names = {f"{stem}.{kind}" for stem in ("summary", "contrasts", "comparisons") for kind in ("csv", "md", "tex")}
    figure = {f"noise_robustness.{kind}" for kind in ("pdf", "png", "csv", "tex")}
    assert {path.name for path in tmp_path.iterdir()} == names | figure | {"results.csv"}
    assert all(str(tmp_path / name) in said for name in {*names, "results.csv"} | figure - {"noise_robustness.csv"})
    assert "failed: ce-7: DivergedError: loss [nan]" in said
    assert "no figure axis_comparison: " in said
    assert said.endswith("\nNot run, and not in the tables and figures:\nce-7\nce-8\n")
    files = said.partition("One row per run, tables and figures:\n")[2].splitlines()
    # A file a line.
    assert files[0] == str(tmp_path / "results.csv")
    rows = [line.split() for line in said.splitlines()]
    # A section names its noise once, on a line of its own.
    assert ["symmetric:0.4", "(40.0", "%)"] in rows
    assert ["CE", "3", "81.0±2.5", "81.0±2.5", "10.0±0.0", "53.9", "k", "880"] in rows
    assert sum(row[:1] == ["symmetric:0.4"] for row in rows) == 2
    assert pandas.read_csv(tmp_path / "comparisons.csv")["baseline"].unique().tolist() == ["ce"]
    # None of the usual contrasts was run, so all methods are compared with the first one.
    contrasts = pandas.read_csv(tmp_path / "contrasts.csv")
    assert contrasts[["method", "baseline", "noises"]].to_numpy().tolist() == [
        ["dlb(alpha=3.0)", "ce", 2],
        ["tf_kd_self", "ce", 1],
    ]
    assert "seeds find 2 points with probability" in said
    assert said.index("training samples, ") < said.index("Primary contrasts") < said.index("Under each noise")


def test_the_first_table_fits_a_terminal(results: pandas.DataFrame) -> None:
    measures = {name: 0.912 for name in MEASURES if name not in results}
    published = results["method"].replace("tf_kd_self", "coteaching@optimizer=adam,learning_rate=0.001")
    whole = results.assign(**measures, method=published, images_total=1_078_000, noise="asymmetric:0.4")
    console = Console(file=io.StringIO(), width=80)
    results_table(
        whole.drop_duplicates(["method", "seed"]), columns=[name for name in MEASURES if "selected" not in name]
    ).print(console)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 80
    # A long name breaks only where its parts end; nothing is cut off.
    place = next(place for place, line in enumerate(lines) if line.startswith("  coteaching@"))
    assert lines[place + 1].strip() == "learning_rate=0.001"
    # What has no room beside the others stands below.
    places = [number for number, line in enumerate(lines) if line.startswith("  coteaching@")]
    assert len(places) == 2
    assert "1.08 M" in lines[places[1]]


@pytest.mark.parametrize(
    ("count", "shown"), [(842, "842"), (9_999, "9,999"), (10_000, "10.0 k"), (999_949, "999.9 k"), (999_950, "1.00 M")]
)
def test_large_counts_are_short(count: int, shown: str) -> None:
    assert short_count(count) == shown


def test_a_study_shows_the_contrasts_that_it_asks_for(results: pandas.DataFrame, tmp_path: Path) -> None:
    said = printed(results, tmp_path, contrasts=[("tf_kd_self", "dlb(alpha=3)"), ("dlb", "ce")], columns=["memorised"])
    contrasts = pandas.read_csv(tmp_path / "contrasts.csv")
    assert contrasts[["method", "baseline"]].to_numpy().tolist() == [["tf_kd_self", "dlb(alpha=3.0)"]]
    assert "memorised_ci95_half" in pandas.read_csv(tmp_path / "summary.csv")
    assert "last 10" not in said


def test_a_study_without_runs_or_pairs_says_so(results: pandas.DataFrame, tmp_path: Path) -> None:
    assert printed(results.iloc[:0], tmp_path) == "no run has finished, so there is nothing to show\n"
    assert not list(tmp_path.iterdir())
    alone = results[results["method"] == "dlb(alpha=3.0)"]
    assert "no differences: all finished runs are of dlb(alpha=3.0)" in printed(alone, tmp_path)
    apart = results[(results["method"] == "ce") == (results["seed"] == 0)]
    said = " ".join(printed(apart, tmp_path).split())
    assert "no differences: no two methods have finished runs of one seed under one noise; CE has 2 runs of seed 0; " in said
    assert "Primary contrasts" not in said
    one = " ".join(printed(results[results["seed"] == 0], tmp_path).split())
    assert "paired by seed (no p, which needs two seeds; ratios: " in one
    assert "over 0 tests" not in one
    clean = " ".join(printed(results.assign(realised_rate=0.0), tmp_path).split())
    assert "no primary contrasts, which are over noisy settings: no run has mislabelled samples" in clean


def test_the_names_of_differences_are_whole_in_a_table_of_an_analysis_as_wide_as_a_terminal() -> None:
    columns = ["noise_seeds", "seeds", "mean", "sd", "share_noise_seed", "share_seed", "share_rest", "p_noise_seed", "p_seed"]
    numbers = {column: [0.1234, 0.5678] for column in [*columns, "n_for_power"]}
    analysed = pandas.DataFrame({"noise": "symmetric:0.4", "method": ["dlb - repeat", "dlb - ce"], **numbers})
    shown = analysis_table("seed_variance", analysed).terminal(80).plain
    assert "dlb - repeat" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_every_table_says_that_runs_which_share_seeds_are_not_independent(results: pandas.DataFrame) -> None:
    crossed = pandas.concat([results.assign(noise_seed=seed, id=results["id"] + str(seed)) for seed in range(2)])
    for rows, said in ((results, False), (crossed, True)):
        tables = [
            accuracy_table(rows),
            results_table(rows),
            points_table(rows),
            contrasts_table(primary_contrasts(rows), results=rows),
        ]
        assert [DEPENDENT in table.caption for table in tables] == [said] * 4
        assert ["6 pairs of seeds" in table.caption for table in tables] == [said] * 4
