"""`noisylab compare` and `noisylab report`: measures by name, primary contrasts, and differences under each noise."""

import shutil
from pathlib import Path

import pandas
import pytest

from noisylab.api import open_study, sweep
from noisylab.cli import main
from noisylab.plotting.study_runs import study_runs
from noisylab.report.page import build_page
from noisylab.report.table_files import TABLES


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study. Not to be changed."""
    out = tmp_path_factory.mktemp("compared") / "study"
    settings = {"epochs": 2, "train_size": 100, "device": "cpu", "progress": False}
    sweep(out, methods=["ce", "repeat", "dlb"], noise=["symmetric:0.4", "symmetric:0"], seeds=2, **settings)
    return out


def test_primary_contrasts_stand_before_the_differences_under_each_noise(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(study), "--out", str(tmp_path / "tables")]) == 0
    said = capsys.readouterr().out
    flat = " ".join(said.split())
    places = [flat.index(text) for text in ("last epoch, shares", "Primary contrasts", "probability", "Under each noise")]
    assert places == sorted(places)
    assert "Budget: equal images through the measured network" in flat
    assert len(pandas.read_csv(tmp_path / "tables" / "comparisons.csv")) == 6
    tables = ("summary", "contrasts", "comparisons")
    files = [str(tmp_path / "tables" / f"{name}.{suffix}") for name in tables for suffix in ("csv", "md", "tex")]
    assert sorted(said.partition("Tables:\n")[2].splitlines()) == sorted(files)
    assert all(Path(file).is_file() for file in files)


def test_chosen_methods_are_shown_in_their_order_with_the_p_values_of_the_study(study: Path, tmp_path: Path) -> None:
    for name, more in (("all", []), ("two", ["--methods", "DLB", "CE"])):
        assert main(["compare", str(study), *more, "--format", "csv", "tex", "--out", str(tmp_path), "--name", name]) == 0
    for table, keys in (("comparisons", ["noise", "method", "baseline"]), ("contrasts", ["method", "baseline"])):
        whole, chosen = (pandas.read_csv(tmp_path / f"{name}-{table}.csv").set_index(keys) for name in ("all", "two"))
        assert 0 < len(chosen) < len(whole)
        pandas.testing.assert_frame_equal(chosen, whole.loc[chosen.index], check_dtype=False)
    assert pandas.read_csv(tmp_path / "two-summary.csv")["method"].tolist() == ["dlb", "ce"] * 2
    # The same call from Python.
    other = tmp_path / "python"
    written = open_study(study).write_tables(other, ["csv", "tex"], methods=["DLB", "CE"], name="two")
    assert [path.name for path in written] == [f"two-{name}.{kind}" for kind in ("csv", "tex") for name in TABLES]
    assert all(path.read_bytes() == (tmp_path / path.name).read_bytes() for path in written)


def test_own_names_and_other_spellings_are_understood_wherever_specs_are(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["--label", "dlb=Ours", "--baselines", "CE", "--contrasts", "Ours - Repeat", "--methods", "Ours", "CE", "repeat"]
    assert main(["compare", str(study), *named]) == 0
    said = capsys.readouterr().out
    assert "\nOurs - repeat " in said
    assert "\n  Ours - CE " in said
    # The power is stated at the level of the study's tests, whichever are shown.
    assert main(["compare", str(study), "--methods", "DLB", "CE"]) == 0
    assert "p < .05 / 2, Holm's strictest" in " ".join(capsys.readouterr().out.split())
    for noise in ("Symmetric:0.4", "symmetric(rate=0.4)", "symmetric:.4"):
        assert study_runs(study, noise=noise).noise == "symmetric:0.4"
    with pytest.raises(ValueError, match=r"got 'symetric:0.4' \(did you mean 'symmetric:0.4'"):
        study_runs(study, noise="symetric:0.4")


def test_two_choices_have_files_and_labels_of_their_own(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("high", "low"):
        assert main(["compare", str(study), "--format", "tex", "--out", str(tmp_path), "--name", name]) == 0
        assert main(["figure", "differences", str(study), "--format", "pdf", "--out", str(tmp_path), "--name", name]) == 0
        for table in TABLES:
            assert rf"\label{{tab:{name}-{table}}}" in (tmp_path / f"{name}-{table}.tex").read_text()
        assert rf"\label{{fig:{name}}}" in (tmp_path / f"{name}.tex").read_text()
    assert len(list(tmp_path.glob("*.tex"))) == 8
    capsys.readouterr()
    for command, said in (
        (["compare", str(study), "--name", "x"], "--name x needs a folder for the files; add --out FOLDER"),
        (["figure", "differences", str(study), "--name", "../x"], "got '../x'; write 'x'"),
    ):
        with pytest.raises(SystemExit):
            main(command)
        assert said in capsys.readouterr().err


def test_the_first_table_begins_with_the_measure_that_is_compared(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for measure, heading in (("memorised", "memorised"), ("test_nll", "test nll")):
        assert main(["compare", str(study), "--measure", measure, "--format", "csv", "--out", str(tmp_path)]) == 0
        first = capsys.readouterr().out.partition("\nmethod")[2].splitlines()[0]
        assert " ".join(first.split()).startswith(f"seeds {heading} last")
        assert measure in pandas.read_csv(tmp_path / "summary.csv")


def test_tables_are_written_in_the_formats_asked_for_from_the_shell_and_from_python(study: Path, tmp_path: Path) -> None:
    options = ["--format", "tex", "--columns", "memorised", "--label", "dlb=ours", "--out", str(tmp_path / "shell")]
    assert main(["compare", str(study), *options]) == 0
    more = {"baselines": ["ce", "repeat"], "columns": ["memorised"], "labels": {"dlb": "ours"}}
    written = open_study(study).write_tables(tmp_path / "python", ["tex"], **more)
    assert [path.name for path in written] == ["summary.tex", "contrasts.tex", "comparisons.tex"]
    for path in written:
        assert path.read_text() == (tmp_path / "shell" / path.name).read_text()
    assert {path.name for path in (tmp_path / "shell").iterdir()} == {path.name for path in written}
    assert "memorised" in written[0].read_text()
    assert r"\label{tab:study-summary}" in written[0].read_text()
    with pytest.raises(ValueError, match="formats"):
        open_study(study).write_tables(tmp_path / "none", ["latex"])
    assert not (tmp_path / "none").exists()


def test_noises_and_methods_stand_everywhere_in_the_order_in_which_they_were_asked_for(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [[noise, method] for noise in ("symmetric:0.4", "symmetric:0") for method in ("ce", "repeat", "dlb")]
    opened = open_study(study)
    pairs = ["noise", "method"]
    assert opened.summary()[pairs].to_numpy().tolist() == asked
    for rows in (opened.results, pandas.read_csv(study / "results.csv"), study_runs(study).results):
        assert rows[pairs].drop_duplicates().to_numpy().tolist() == asked
    compared = opened.compare()
    with_ce = compared.loc[compared["baseline"] == "ce", pairs]
    assert with_ce.to_numpy().tolist() == [pair for pair in asked if pair[1] != "ce"]
    assert list(dict.fromkeys(opened.figure("noise_robustness").numbers["method"])) == ["ce", "repeat", "dlb"]
    assert main(["compare", str(study)]) == 0
    first = capsys.readouterr().out.partition("Primary contrasts")[0]
    known = {"CE": "ce", "repeat": "repeat", "DLB": "dlb"}
    printed = [line.split()[0] for line in first.splitlines() if line.strip()]
    assert [known.get(word, word) for word in printed if word in known or word.startswith("symmetric:")] == [
        "symmetric:0.4",
        "ce",
        "repeat",
        "dlb",
        "symmetric:0",
        "ce",
        "repeat",
        "dlb",
    ]


def test_the_contrasts_of_a_named_study_are_those_of_all_that_is_shown_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["--noise", "symmetric:0.4", "--seeds", "1", "--epochs", "2", "--train-size", "100"]
    named = ["composition(bases=['gce', 'sce'])", "--jobs", "1", *settings]
    assert main(["sweep", *named, "--out", str(tmp_path / "study")]) == 0
    wanted = [[f"dlb(on='{base}')", f"repeat(on='{base}')"] for base in ("gce", "sce")]
    pairs = ["method", "baseline"]
    # The same grid without the name of the study forgets nothing.
    assert main(["sweep", "--config", str(tmp_path / "study" / "study.json")]) == 0
    study = open_study(tmp_path / "study")
    assert pandas.read_csv(tmp_path / "study" / "contrasts.csv")[pairs].to_numpy().tolist() == wanted
    assert study.contrasts()[pairs].to_numpy().tolist() == wanted
    assert study.compare()[pairs].to_numpy().tolist() == wanted
    drawn = study.figure("differences").numbers
    assert drawn[pairs].drop_duplicates().to_numpy().tolist() == wanted
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "study"), "--out", str(tmp_path / "tables")]) == 0
    for name in ("contrasts", "comparisons"):
        assert pandas.read_csv(tmp_path / "tables" / f"{name}.csv")[pairs].to_numpy().tolist() == wanted
    # The tables of the page alone.
    monkeypatch.setattr("noisylab.report.page._figures", lambda *_: ([], []))
    page = build_page(study_runs(tmp_path / "study"))
    assert "dlb(on=&#39;sce&#39;) - repeat(on=&#39;sce&#39;)" in page
    assert "dlb(on=&#39;sce&#39;) - repeat(on=&#39;gce&#39;)" not in page


def test_tables_of_an_unfinished_study_say_how_many_runs_are_in(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(study)]) == 0
    assert "unfinished" not in capsys.readouterr().out
    shutil.copytree(study, tmp_path / "study")
    (next((tmp_path / "study").glob("dlb-*")) / "result.json").unlink()
    assert main(["compare", str(tmp_path / "study")]) == 0
    assert "the study is unfinished: the tables are of 11 of 12 runs\n" in capsys.readouterr().out


def test_contrasts_measure_and_columns_are_chosen_by_name(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--contrasts", "repeat - CE", "--measure", "test_nll", "--columns", "test_nll", "test_ece"]
    assert main(["compare", str(study), *options]) == 0
    said = capsys.readouterr().out
    primary = said[said.index("Primary contrasts") : said.index("Under each noise")]
    assert "test nll, mean over the noisy settings" in " ".join(primary.split())
    assert "repeat - CE" in primary
    assert "dlb" not in primary
    # Power is said for shares alone, whose unit is known.
    assert "probability" not in said
    assert "test ece" in said
    assert "memorised" not in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["compare", "--columns", "test_nl"], "columns must name columns of numbers, got 'test_nl' (did you mean 'test_nll'?)"),
        (
            ["compare", "--columns", "test_acc"],
            "got 'test_acc' (did you mean 'test_accuracy_last', 'test_accuracy_last10' or 'test_accuracy_peak'?); there are",
        ),
        (["compare", "--columns", "gap"], "got 'gap' (did you mean 'test_accuracy_gap'?); there are"),
        (["compare", "--columns", "test_nll,memorised"], "got 'test_nll,memorised'; write them apart, test_nll memorised;"),
        (["compare", "--format", "tex"], "--format tex needs a folder for the files; add --out FOLDER"),
        (["compare", "--format", "latex", "--out", "x"], "--format must be one of 'csv', 'md', 'tex', got 'latex'"),
        (["compare", "--out", "tables.csv"], "got 'tables.csv'; write --out . --format csv"),
        (["compare", "--measure", "method"], "measure must name columns of numbers, got 'method'"),
        (
            ["compare", "--contrasts", "dlb-ce"],
            'a contrast must be "METHOD - BASELINE", such as "dlb - repeat", got \'dlb-ce\'',
        ),
        (["compare", "--contrasts", "dlb - repaet"], "no run is of method 'repaet' (did you mean 'repeat'?)"),
        (["report", "--no-samples", "--columns", "memorized"], "got 'memorized' (did you mean 'memorised'?)"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_one(
    study: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = options
    with pytest.raises(SystemExit) as refused:
        main([command, str(study), *rest])
    assert refused.value.code == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert not captured.out
    assert not (study / "report.html").exists()


@pytest.mark.slow
def test_the_contrasts_are_those_of_the_named_study_that_was_run_last(tmp_path: Path) -> None:
    settings = ["--noise", "symmetric:0.4", "--seeds", "1", "--epochs", "2", "--train-size", "100", "--jobs", "1"]
    other = ["predictions", "--methods", "ce", "repeat", "dlb"]
    for named in (["composition(bases=['ce', 'gce'])"], other, ["composition(bases=['ce', 'gce'])"]):
        assert main(["sweep", *named, *settings, "--out", str(tmp_path)]) == 0
    wanted = [["dlb", "repeat"], ["dlb(on='gce')", "repeat(on='gce')"]]
    assert open_study(tmp_path).contrasts()[["method", "baseline"]].to_numpy().tolist() == wanted
    # The default study, whose contrasts are others, only lends its name here.
    assert main(["sweep", "--config", str(tmp_path / "study.json"), "--jobs", "1"]) == 0
    assert open_study(tmp_path).contrasts()[["method", "baseline"]].to_numpy().tolist() == wanted


def test_a_difference_has_one_p_wherever_a_named_study_shows_it(tmp_path: Path) -> None:
    settings = ["--noise", "symmetric:0.4", "--seeds", "3", "--epochs", "2", "--train-size", "100", "--jobs", "1"]
    assert main(["sweep", "composition(bases=['ce', 'gce'])", *settings, "--out", str(tmp_path)]) == 0
    study = open_study(tmp_path)
    shown = [pandas.read_csv(tmp_path / "comparisons.csv"), study.compare()]
    shown += [study.figure(name).numbers for name in ("differences", "memorisation")]
    columns = ["p_holm", "p_holm", "p_holm", "difference_p_holm"]
    for pair in (("dlb", "repeat"), ("dlb(on='gce')", "repeat(on='gce')")):
        rows = [
            each[(each["noise"] == "symmetric:0.4") & (each["method"] == pair[0]) & (each["baseline"] == pair[1])]
            for each in shown
        ]
        values = [row[column].item() for row, column in zip(rows, columns, strict=True)]
        assert values == pytest.approx([values[0]] * 4)
