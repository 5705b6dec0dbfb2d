"""Every figure of the catalogue, drawn from a small study in both widths, read as a reader would."""

import dataclasses
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
from drawn_page import Page, assert_readable
from filelock import FileLock
from helpers_cli import noisylab
from matplotlib.lines import Line2D

from noisylab.analysis import clean_probability, detection_table, score
from noisylab.analysis.scoring import is_high
from noisylab.core.registries import DATA_SETS, FIGURES
from noisylab.data.image_data import load_data
from noisylab.plotting.catalogue import draw_figure
from noisylab.plotting.consistency import consistency_distribution, distribution
from noisylab.plotting.data_map import confidence_map
from noisylab.plotting.detection import roc_and_pr, score_curves
from noisylab.plotting.detection_summary import score_heatmap
from noisylab.plotting.forgetting import cumulative, shares_of
from noisylab.plotting.loss_separation import loss_histograms, loss_shares
from noisylab.plotting.study_runs import StudyRuns, study_runs
from noisylab.plotting.style import WIDTHS, Width
from noisylab.recording import load_dynamics
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run import run_one
from noisylab.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
# Figures of a study whose runs agree in all settings.
NAMES = [name for name in FIGURES.entries() if name not in ("axis_comparison", "option_map")]
# Figures of all noises, which need no mislabelled samples.
OF_ALL_NOISES = ("noise_robustness", "method_ranks", "differences", "accuracy_against_cost")
GRID = Grid(
    methods=("ce", "repeat", "dlb"),
    noise=("symmetric:0", "symmetric:0.4"),
    seeds=(0, 1),
    train_size=150,
    training=TrainConfig(epochs=6, batch_size=32, device="cpu"),
)


def run_all(grid: Grid, out: Path) -> None:
    data = load_data(DATA_SETS.parse("digits"), None, grid.train_size)
    for config in plan(grid, data).configs:
        run_one(config, data, out)


# The narrow width is the hard one.
EACH_WIDTH = [pytest.param(width, marks=[] if width == "column" else pytest.mark.slow) for width in WIDTHS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(base / "drawn.lock"):
        if not (base / "drawn.done").exists():
            run_all(GRID, base / "drawn")
            (base / "drawn.done").touch()
    return base / "drawn"


@pytest.fixture(scope="module")
def runs(folder: Path) -> StudyRuns:
    """The runs of the finished study. Not to be changed."""
    return study_runs(folder)


@pytest.mark.parametrize("width", EACH_WIDTH)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("error:constrained_layout not applied")
def test_a_figure_fits_its_width_and_can_be_read(name: str, width: Width, runs: StudyRuns) -> None:
    drawn = draw_figure(name, runs, width=width)
    figure = drawn.figure
    assert figure.get_figwidth() <= WIDTHS[width] + 0.01  # type: ignore[index]
    assert figure.get_figheight() <= 9.2, "a page is not higher"
    page = assert_readable(drawn)
    assert min(text.get_fontsize() for text in page.texts) >= 6
    assert len(drawn.numbers)
    if name != "suspicious_samples":
        # A colour bar has no place in the grid.
        outer = [ax for ax in figure.axes if (place := ax.get_subplotspec()) and place.is_last_row()]
        assert all(ax.get_xlabel() or name == "consistency" for ax in outer)
        assert name in ("method_ranks", "differences") or any(ax.get_ylabel() for ax in figure.axes)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_one_method_alone_can_be_drawn(name: str, folder: Path, runs: StudyRuns) -> None:
    alone = StudyRuns(runs.results[runs.results["method"] == "dlb"], folder, runs.noise)
    if name == "differences":
        with pytest.raises(ValueError, match="need two methods, and the runs are all of dlb"):
            draw_figure(name, alone)
    else:
        assert_readable(draw_figure(name, alone))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*OF_ALL_NOISES, "data_map")])
def test_runs_without_mislabelled_samples_have_nothing_to_show_and_say_so(name: str, folder: Path) -> None:
    with pytest.raises(ValueError, match="no sample is mislabelled under symmetric:0"):
        draw_figure(name, study_runs(folder, noise="symmetric:0"))


def test_the_data_map_needs_no_mislabelled_samples_and_its_legend_names_none(folder: Path) -> None:
    drawn = draw_figure("data_map", study_runs(folder, noise="symmetric:0"))
    assert_readable(drawn)
    assert [text.get_text() for legend in drawn.figure.legends for text in legend.get_texts()] == ["clean samples"]


def test_titles_say_what_is_left_out_and_of_which_seed(runs: StudyRuns) -> None:
    noise_seed = runs.under_noise["noise_seed"].iloc[0]
    assert f", noise seed {noise_seed}" in draw_figure("transition_matrix", runs).caption
    # The number of epochs with a wrong prediction and the share of correct ones give one ranking.
    assert "scores with the same ranking are drawn once" in draw_figure("detection", runs).caption


def test_captions_say_the_size_the_seed_what_is_left_out_and_what_an_epoch_is(runs: StudyRuns) -> None:
    drawn = draw_figure("detection", runs, width="column")
    assert list(dict.fromkeys(drawn.numbers["method"])) == ["ce", "dlb"]
    for said in (
        "Runs on digits (150 training samples), small_cnn, images of 6 epochs, symmetric:0.4, 2 of 3 methods.",
        "Online records, seed 0;",
        "In an epoch, DLB shows each image twice, so that it has 3 epochs and other methods 6.",
        "Not shown: repeat.",
    ):
        assert said in drawn.caption
    whole = draw_figure("training_dynamics", runs).caption
    assert "DLB and repeat show each image twice, so that they have 3 epochs and other methods 6." in whole
    assert "Not shown" not in whole
    assert "each image" not in draw_figure("memorisation", runs).caption
    suspicious = draw_figure("suspicious_samples", runs).caption
    assert "CE, seed 0." in suspicious
    assert "equally many wrong events" in suspicious
    measure = draw_figure("differences", runs)
    assert "Last-epoch test accuracy (points); " in measure.caption
    assert "over the 2 pooled contrasts and over the 3 differences of each noise" in measure.caption
    assert measure.numbers["tests"].dropna().tolist() == [2, 2, 3, 3, 3, 3]


@pytest.mark.parametrize("width", EACH_WIDTH)
@pytest.mark.parametrize(
    "name", ["detection", "loss_separation", "forgetting", "data_map", "aum_histogram", "detection_summary"]
)
def test_the_chosen_methods_are_all_drawn(name: str, width: Width, folder: Path) -> None:
    for chosen in (("ce", "repeat"), ("dlb", "ce", "repeat")):
        drawn = draw_figure(name, study_runs(folder, methods=chosen), width=width)
        assert list(dict.fromkeys(drawn.numbers["method"])) == list(chosen)
        assert "Not shown" not in drawn.caption


@pytest.mark.parametrize(
    "name", ["detection", "loss_separation", "forgetting", "data_map", "aum_histogram", "detection_summary"]
)
def test_the_number_of_panels_limits_the_methods(name: str, runs: StudyRuns) -> None:
    drawn = draw_figure(name, runs, panels=1, width="column")
    assert list(dict.fromkeys(drawn.numbers["method"])) == ["dlb"]
    assert ", 1 of 3 methods" in drawn.caption


@pytest.mark.parametrize("width", EACH_WIDTH)
def test_no_sample_lies_beneath_the_name_of_a_region(width: Width, runs: StudyRuns) -> None:
    figure = draw_figure("data_map", runs, width=width).figure
    figure.draw_without_rendering()
    named = 0
    for ax in figure.axes[:3]:
        points = np.concatenate([ax.transData.transform(np.asarray(each.get_offsets())) for each in ax.collections])
        for text in ax.texts:
            box, named = text.get_window_extent(), named + 1
            assert box.count_contains(points) == 0, text
    assert named


def test_the_lowest_panel_of_every_method_has_numbers_on_its_axis(runs: StudyRuns) -> None:
    figure = draw_figure("loss_separation", runs).figure
    figure.draw_without_rendering()
    lowest = [ax for ax in figure.axes if ax.get_xlabel()]
    assert len(lowest) == 3
    for ax in lowest:
        assert any(tick.label1.get_visible() and tick.label1.get_text() for tick in ax.xaxis.get_major_ticks())


def test_a_figure_takes_its_own_options_alone(runs: StudyRuns) -> None:
    with pytest.raises(ValueError, match="figure 'forgetting' has no option axis; it has no options"):
        draw_figure("forgetting", runs, axis="model")
    with pytest.raises(ValueError, match="figure 'memorisation' has no option axis; its options are noises"):
        draw_figure("memorisation", runs, axis="model")
    with pytest.raises(ValueError, match="did you mean 'memorisation'"):
        draw_figure("memorization", runs)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of more methods than there is room for, with long names. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    methods = (
        *("ce", "dlb", "lsr", "gce", "elr", "sce", "ps_kd", "bootstrap_hard"),
        "dlb(temperature=4.125, alpha=3.25, two_forward=True)",
        "soft_target_memory(age=2, momentum=0.25, weight=1.5)",
    )
    with FileLock(base / "many.lock"):
        if not (base / "many.done").exists():
            training = TrainConfig(epochs=4, batch_size=32, device="cpu")
            grid = Grid(methods=methods, noise=("symmetric:0.4",), seeds=(0,), train_size=100, training=training)
            run_all(grid, base / "many")
            (base / "many.done").touch()
    return base / "many"


# All methods of such studies are drawn in the test of figures that are hard to draw.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "chosen"),
    [
        ("column", ("elr", "sce")),
        *((width, ("dlb", "dlb(temperature=4.125, alpha=3.25, two_forward=True)")) for width in WIDTHS),
    ],
)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("suspicious_samples", "accuracy_against_consistency")])
@pytest.mark.filterwarnings("error:constrained_layout not applied")
def test_many_methods_and_long_names_can_be_read(name: str, chosen: tuple[str, ...], width: Width, many: Path) -> None:
    drawn = draw_figure(name, study_runs(many, methods=chosen), width=width)
    assert_readable(drawn)
    assert not drawn.numbers.drop(columns=["p_holm", "friedman_p"], errors="ignore").empty


def test_what_was_not_recorded_is_not_drawn(tmp_path: Path) -> None:
    training = TrainConfig(epochs=2, batch_size=32, device="cpu")
    grid = Grid(methods=("ce", "dlb"), noise=("symmetric:0.4",), seeds=(0,), train_size=100, augment="mixup", training=training)
    run_all(grid, tmp_path)
    runs = study_runs(tmp_path)
    for name in NAMES:
        if name == "accuracy_against_consistency":
            with pytest.raises(ValueError, match="have no consistency_clean"):
                draw_figure(name, runs)
        elif name in (*OF_ALL_NOISES, "transition_matrix"):
            draw_figure(name, runs)
        else:
            with pytest.raises(ValueError, match=r"no single samples are recorded under symmetric:0.4 \(ce, dlb\)"):
                draw_figure(name, runs)


def test_every_point_of_the_data_map_is_on_the_page(runs: StudyRuns) -> None:
    drawn = draw_figure("data_map", runs)
    assert max(ax.get_xlim()[1] for ax in drawn.figure.axes) > drawn.numbers["variability"].max()


def test_many_samples_are_drawn_as_a_density_that_counts_them_all(runs: StudyRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noisylab.plotting.data_map.MANY", 100)
    monkeypatch.setattr("noisylab.plotting.data_map.POINTS_ON_DENSITY", 20)
    drawn = draw_figure("data_map", runs)
    rows = drawn.numbers[drawn.numbers["method"] == "ce"]
    assert rows["sample"].notna().sum() == 20
    assert rows["samples"].sum() == 150
    assert "20 of up to 150 samples" in drawn.caption
    assert "grey: density" in drawn.caption


def test_there_is_a_script_for_every_figure_and_it_draws_what_it_is_named_after() -> None:
    for name in FIGURES.entries():
        script = (ROOT / "figures" / f"{name}.py").read_text()
        assert f'main(["figure", "{name}", *sys.argv[1:]])' in script
    assert {path.stem for path in (ROOT / "figures").glob("*.py")} == set(FIGURES.entries())


# From which runs


def test_runs_are_found_by_the_figures_names_and_wrong_ones_are_corrected(folder: Path) -> None:
    runs = study_runs(folder, methods=("DLB", "CE"), where={"epochs": "6"})
    assert runs.results["method"].unique().tolist() == ["dlb", "ce"]
    assert runs.noise == "symmetric:0.4"
    assert study_runs(folder, methods=["dlb(temperature=3.0)"]).results["method"].unique().tolist() == ["dlb"]
    with pytest.raises(
        ValueError, match=r"no run is of method 'repeet' \(did you mean 'repeat'\?\); there are ce, dlb, repeat"
    ):
        study_runs(folder, methods=["repeet"])
    with pytest.raises(ValueError, match="no run has epochs=5; there are epochs: 6"):
        study_runs(folder, where={"epochs": 5})


def test_a_folder_that_is_no_study_is_refused_with_what_it_is(folder: Path, tmp_path: Path) -> None:
    run = next(path for path in folder.iterdir() if path.is_dir())
    with pytest.raises(ValueError, match=f"is the folder of one run; give that of its study, '{folder}'"):
        study_runs(run)
    with pytest.raises(ValueError, match="there is no folder"):
        study_runs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no finished runs$"):
        study_runs(tmp_path)
    with pytest.raises(ValueError, match=r"holds no finished runs; it holds studies: .*drawn"):
        study_runs(folder.parent)


def test_a_folder_of_several_settings_says_which_and_where_chooses(folder: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    shutil.copytree(folder, both)
    training = TrainConfig(epochs=2, batch_size=16, device="cpu")
    run_all(dataclasses.replace(GRID, methods=("ce",), noise=("symmetric:0.4",), train_size=100, training=training), both)
    with pytest.raises(ValueError, match=r"differ in .*batch_size: 16, 32; choose with where=.*'batch_size': 32"):
        draw_figure("transition_matrix", study_runs(both))
    assert draw_figure("transition_matrix", study_runs(both, where={"batch_size": 16})).numbers["samples"].sum() == 100


def script(name: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, f"figures/{name}.py", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_a_script_writes_the_formats_asked_for_and_the_numbers(folder: Path, tmp_path: Path) -> None:
    options = [str(folder), "--out", str(tmp_path), "--width", "column", "--format", "svg", "png", "--noise", "symmetric:0.4"]
    printed = script("loss_separation", *options)
    files = {tmp_path / f"loss_separation.{kind}" for kind in ("svg", "png", "tex", "csv")}
    assert set(map(Path, printed.splitlines())) == files == set(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--noise", "symmetric:0.3"], "symmetric:0.4"),
        (["--width", "1"], "width"),
        (["--format", "gif"], "gif"),
        (["--noise", "symmetric:0"], "no sample is mislabelled"),
    ],
)
def test_the_command_refuses_what_it_cannot_draw_in_one_line(
    options: list[str], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert noisylab(capsys, "figure", "forgetting", folder, "--out", tmp_path / "new", *options).refuses(said)
    assert not (tmp_path / "new").exists()


# Axes in, axes out


def samples() -> pandas.DataFrame:
    rng = np.random.default_rng(0)
    groups = np.where(np.arange(60) % 3, "clean", "mislabelled")
    return pandas.DataFrame(
        {
            "method": "dlb",
            "group": groups,
            "confidence": rng.random(60),
            "variability": rng.random(60) / 2,
            "correctness": rng.random(60),
            "prediction_consistency": rng.random(60),
            "forgetting_events": rng.integers(0, 9, 60).astype(float),
            "true_last": np.arange(60) % 2 == 0,
        }
    )


def corners() -> pandas.DataFrame:
    return pandas.DataFrame({"score": ["aum"] * 3, "x": [0, 0.5, 1], "y": [0, 0.8, 1]})


def losses() -> pandas.DataFrame:
    loss, wrong = np.random.default_rng(0).random(60), np.arange(60) % 3 == 0
    return loss_shares(loss, wrong, np.linspace(0, 1, 11), 5)


AXES = {
    "confidence_map": lambda **k: confidence_map(samples(), **k),
    "score_curves": lambda **k: score_curves(corners(), **k),
    "loss_histograms": lambda **k: loss_histograms(losses(), **k),
    "cumulative": lambda **k: cumulative(shares_of(samples(), "forgetting_events"), **k),
    "consistency_distribution": lambda **k: consistency_distribution(distribution(samples(), "prediction_consistency"), **k),
}


@pytest.mark.parametrize("name", list(AXES))
def test_an_axes_function_draws_into_the_given_axes_or_the_current_ones(name: str) -> None:
    _, (left, right) = plt.subplots(1, 2)
    assert AXES[name](ax=left) is left
    assert left.has_data()
    assert not right.has_data()
    plt.sca(right)
    assert AXES[name]() is right


def test_keywords_go_to_the_artists() -> None:
    _, ax = plt.subplots()
    confidence_map(samples(), ax=ax, s=33.0)
    assert {float(size) for artist in ax.collections for size in artist.get_sizes()} == {33.0}
    _, ax = plt.subplots()
    score_curves(corners(), ax=ax, linewidth=7)
    assert ax.lines[0].get_linewidth() == 7


# What is drawn


def test_bars_of_methods_whose_names_begin_alike_are_not_pooled() -> None:
    names = [f"dlb(temperature=4.125, alpha=3.5, two_forward=True, weight={n})" for n in range(3)]
    values = pandas.concat([samples().assign(method=name) for name in names])
    _, ax = plt.subplots()
    consistency_distribution(distribution(values, "prediction_consistency"), ax=ax)
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert len(set(labels)) == 3
    assert len(ax.patches) == 6


def test_a_share_of_few_values_has_a_bar_for_each_and_all_samples_are_in_one() -> None:
    values = samples().assign(prediction_consistency=np.arange(60) % 6 / 5)
    rows = distribution(values, "prediction_consistency")
    assert (rows["low"] + 0.1).unique().tolist() == pytest.approx([0.1, 0.2, 0.4, 0.6, 0.8, 1])
    assert (rows["low"].min(), rows["high"].max()) == (0, 1)
    assert rows.groupby("group")["samples"].sum().to_dict() == pytest.approx({"clean": 1, "mislabelled": 1})
    assert len(distribution(samples(), "prediction_consistency")["low"].unique()) == 20


def test_a_curve_of_forgetting_goes_to_the_end_and_bars_show_what_is_never_learnt() -> None:
    values = samples().assign(learning_time=6.0)
    clean = values["group"] == "clean"
    values.loc[clean, "learning_time"] = np.arange(clean.sum()) % 4
    values.loc[values.index[0], "learning_time"] = np.nan
    _, ax = plt.subplots()
    cumulative(shares_of(values, "learning_time", unlearnt=6), right=5, ax=ax)
    of_clean, of_wrong = ax.lines[:2]
    assert (of_clean.get_xdata()[-1], of_clean.get_ydata()[-1]) == (5, 1)
    assert (of_wrong.get_xdata()[-1], of_wrong.get_ydata()[-1]) == (5, 0)
    of_clean, of_wrong, recovered = (bar for bars in ax.containers for bar in bars)
    recovered_share = values.loc[~clean, "true_last"].iloc[1:].mean()
    assert (of_clean.get_height(), of_wrong.get_height()) == (0, 1)
    assert recovered.get_height() == pytest.approx(recovered_share)
    assert min(bar.get_x() for bar in (of_clean, of_wrong, recovered)) > 5
    assert ax.get_xticklabels()[-1].get_text() == "never"


def test_the_last_bin_of_losses_is_drawn() -> None:
    _, ax = plt.subplots()
    loss_histograms(losses(), ax=ax)
    assert {float(stairs.get_data().edges[-1]) for stairs in ax.patches} == {1.0}  # type: ignore[attr-defined]


def test_the_drawn_mixture_is_the_one_of_the_score() -> None:
    rng, wrong = np.random.default_rng(0), np.arange(900) % 3 == 0
    loss = np.where(wrong, rng.normal(4, 0.5, 900), rng.normal(1, 0.2, 900))
    rows = loss_shares(loss, wrong, np.linspace(0, 6, 61), 0)
    shares = {group: of_group["share"].to_numpy() for group, of_group in rows.groupby("group")}
    assert shares["lower component"].sum() == pytest.approx((clean_probability(loss) > 0.5).mean(), abs=0.01)
    assert shares["upper component"].sum() + shares["lower component"].sum() == pytest.approx(1)
    assert np.abs(shares["upper component"] - shares["mislabelled"]).max() < 0.02


@pytest.mark.parametrize("values", ["spread", "ties", "few"])
@pytest.mark.parametrize("count", [300, 20000])
def test_thinned_curves_have_the_areas_of_scikit_learn(values: str, count: int) -> None:
    rng = np.random.default_rng(0)
    wrong, scores = rng.random(count) < 0.4, rng.normal(size=count)
    scores[wrong] += 1
    scores = {"spread": scores, "ties": scores.round(1), "few": (scores > 0).astype(float)}[values]
    roc, pr = roc_and_pr(scores, wrong)
    from sklearn.metrics import average_precision_score, roc_auc_score

    assert np.trapezoid(roc["y"], roc["x"]) == pytest.approx(roc_auc_score(wrong, scores), abs=1e-3)
    assert np.diff(pr["x"]) @ pr["y"].to_numpy()[1:] == pytest.approx(average_precision_score(wrong, scores), abs=1e-3)
    assert (roc["x"].iloc[0], roc["y"].iloc[-1]) == (0, 1)
    assert pr["y"].iloc[-1] == pytest.approx(wrong.mean())
    assert max(len(roc), len(pr)) <= 1600


def drawn_area(line: Line2D) -> float:
    """The area below a line as it is drawn: steps before or after its points, or straight lines between them."""
    x, y = (np.asarray(held, dtype=float) for held in line.get_data())
    steps = {"steps-pre": y[1:], "steps-post": y[:-1], "default": (y[1:] + y[:-1]) / 2}[line.get_drawstyle()]
    return float(np.diff(x) @ steps)


def test_the_area_below_every_drawn_curve_is_the_number_in_the_table(runs: StudyRuns, folder: Path) -> None:
    drawn = draw_figure("detection", runs)
    axes = iter(drawn.figure.axes)
    for method, records in runs.one_per_method(3).items():
        table = detection_table(records).set_index("score")
        shown = drawn.numbers[drawn.numbers["method"] == method]
        for panel, column in (("ROC", "roc_auc"), ("PR", "average_precision")):
            ax, scores = next(axes), shown.loc[shown["panel"] == panel, "score"].unique()
            areas = {str(line.get_label()): drawn_area(line) for line in ax.lines}
            assert areas == {name.replace("_", " "): pytest.approx(table.loc[name, column], abs=1e-3) for name in scores}
        epochs = next(axes)
        last = {str(line.get_label()): line.get_data()[1][-1] for line in epochs.lines}
        assert {name: last[name.replace("_", " ")] for name in scores if name.replace("_", " ") in last} == {
            name: pytest.approx(table.loc[name, "roc_auc"]) for name in scores if name.replace("_", " ") in last
        }


def test_the_summary_of_detection_has_means_over_seeds_and_frames_the_best_score(runs: StudyRuns, folder: Path) -> None:
    drawn = draw_figure("detection_summary", runs, measure="average_precision")
    ids = runs.results.query("method == 'dlb' and noise == 'symmetric:0.4'")["id"]
    tables = [detection_table(load_dynamics(folder / run).load()).set_index("score")["average_precision"] for run in ids]
    rows = drawn.numbers[drawn.numbers["method"] == "dlb"].set_index("score")
    mean = sum(tables) / len(tables)
    assert rows["n"].unique().tolist() == [2]
    assert rows["average_precision"].to_dict() == pytest.approx(mean.dropna().to_dict())
    ax = drawn.figure.axes[0]
    framed = [round(patch.get_y() + patch.get_height() / 2) for patch in ax.patches]  # type: ignore[attr-defined]
    assert mean.idxmax().replace("_", " ") in [ax.get_yticklabels()[row].get_text() for row in framed]
    with pytest.raises(ValueError, match="measure must be one of 'roc_auc', 'average_precision', got 'auc'"):
        draw_figure("detection_summary", runs, measure="auc")


@pytest.mark.parametrize(
    ("shares", "written", "framed"),
    [
        ([0.996, 0.9996, 1.0], [".99", ".99", "1"], [2]),
        ([0.996, 0.9996, 0.9991], [".996", ".999", ".999"], [1, 2]),
        ([0.873, 0.869, np.nan], [".873", ".869"], [0]),
        ([0.87, 0.5, 0.4], [".87", ".50", ".40"], [0]),
    ],
)
def test_only_1_reads_1_and_what_is_not_framed_reads_other_than_what_is(
    shares: list[float], written: list[str], framed: list[int]
) -> None:
    _, ax = plt.subplots()
    score_heatmap(pandas.DataFrame({"symmetric:0.4": shares}, index=["aum", "loss", "margin"]), ax=ax)
    assert [text.get_text() for text in ax.texts] == written
    assert [round(patch.get_y() + patch.get_height() / 2) for patch in ax.patches] == framed  # type: ignore[attr-defined]


def test_a_curve_of_forgetting_ends_where_more_is_impossible_and_both_parts_of_bars_are_named(runs: StudyRuns) -> None:
    drawn = draw_figure("forgetting", runs)
    epochs = {"ce": 6, "repeat": 3, "dlb": 3}
    wrong_events = dict(zip(epochs, drawn.figure.axes[2::3], strict=True))
    ends = {method: {line.get_xdata()[-1] for line in ax.lines[:2]} for method, ax in wrong_events.items()}
    assert ends == {method: {most} for method, most in epochs.items()}
    (legend,) = drawn.figure.legends
    assert {"never learnt, not the true class at the end", "never learnt, true class at the end"} <= {
        text.get_text().replace("\n  ", " ") for text in legend.get_texts()
    }


@pytest.mark.parametrize("width", EACH_WIDTH)
@pytest.mark.parametrize("name", ["detection", "consistency", "memorisation", "training_dynamics", "mislabelled_predictions"])
def test_a_legend_names_every_line_of_all_panels_and_a_name_has_one_look(name: str, width: Width, runs: StudyRuns) -> None:
    figure = draw_figure(name, runs, width=width).figure
    seen: dict[str, set[tuple[str, ...]]] = {}
    for line in [line for ax in figure.axes for line in ax.lines if not str(line.get_label()).startswith("_")]:
        look = str(line.get_color()), str(line.get_linestyle()), str(line.get_marker())
        seen.setdefault(str(line.get_label()), set()).add(look)
    assert {name: len(held) for name, held in seen.items()} == dict.fromkeys(seen, 1)
    entries = {text.get_text().split(":")[0].replace("\n", " ") for legend in figure.legends for text in legend.get_texts()}
    assert seen.keys() <= entries
    if name == "detection" and width == "page":
        # DLB and repeat alone have these; the first panel is CE's.
        assert "step consistency" in entries


def test_the_epochs_of_the_numbers_are_those_of_the_axis(runs: StudyRuns) -> None:
    for name in ("memorisation", "mislabelled_predictions", "training_dynamics", "loss_separation"):
        assert draw_figure(name, runs).numbers["epoch"].min() == 1
    assert draw_figure("consistency", runs).numbers["epoch"].min() == 2
    drawn = draw_figure("mislabelled_predictions", runs)
    rows = drawn.numbers.query("method == 'dlb'")
    rows = rows[rows["run"] == "mean"] if "run" in rows else rows
    line = next(line for line in drawn.figure.axes[1].lines if line.get_label() == "DLB")
    np.testing.assert_array_equal(line.get_xdata(), rows["epoch"])
    np.testing.assert_array_equal(line.get_ydata(), rows["mislabelled_memorised"])


@pytest.mark.parametrize(
    ("name", "chosen"), [*itertools.product(NAMES, [True]), *itertools.product((*OF_ALL_NOISES, "memorisation"), [False])]
)
def test_every_figure_follows_a_chosen_noise_and_own_names(name: str, chosen: bool, folder: Path) -> None:
    labels = {"dlb": "DLB, strong", "symmetric:0.4": "40 % flipped", "digits": "Digits"}
    drawn = draw_figure(name, study_runs(folder, labels=labels, noise="symmetric:0.4" if chosen else None))
    assert_readable(drawn)
    texts = [" ".join(text.get_text().split()) for text in Page(drawn).texts]
    assert any("40 % flipped" in text for text in texts), texts
    assert not [text for text in [*texts, drawn.caption] if "symmetric:0.4" in text or "digits" in text]
    assert name in ("suspicious_samples", "transition_matrix") or any("DLB, strong" in text for text in texts)
    if chosen and "noise" in drawn.numbers:
        assert set(drawn.numbers["noise"].dropna()) == {"symmetric:0.4"}
        assert "2 noises" not in drawn.caption


def test_a_column_of_detection_shows_as_many_scores_as_can_be_told_apart_and_names_the_others(
    runs: StudyRuns, folder: Path
) -> None:
    whole = set(draw_figure("detection", runs).numbers["score"])
    drawn = draw_figure("detection", runs, width="column")
    shown = set(drawn.numbers["score"])
    assert len(shown) == 7 < len(whole)
    assert "step_consistency" in shown
    assert f"7 of {len(whole)} scores" in drawn.caption
    named = drawn.caption.split("Scores not shown: ")[1].split(" (detection(scores=")[0]
    assert set(named.replace(" and ", ", ").split(", ")) == {name.replace("_", " ") for name in whole - shown}
    # Those that find most.
    last = draw_figure("detection", study_runs(folder, methods=("ce", "dlb"))).numbers.query("panel == 'AUC'")
    best = last.groupby(["method", "score"])["y"].last().groupby("score").mean().sort_values(ascending=False)
    assert shown - {"step_consistency"} == set([name for name in best.index if name != "step_consistency"][:6])
    two = draw_figure("detection(scores=['wrong_events', 'loss'])", runs, width="column")
    assert set(two.numbers["score"]) == {"wrong_events", "loss"}
    with pytest.raises(ValueError, match=r"scores must be of those that the records allow, aum, .*, got 'los'"):
        draw_figure("detection(scores=['los'])", runs)


def test_the_bars_of_consistency_are_explained(runs: StudyRuns) -> None:
    drawn = draw_figure("consistency", runs)
    assert "shares of its clean (left) and mislabelled samples (right) with each value on one scale, seed 0." in drawn.caption
    assert drawn.figure.axes[0].get_title().startswith("how many samples (longest: .")


def test_names_and_order_are_the_reader_s_and_no_folder_is_shown(folder: Path) -> None:
    labels = {"dlb": "DLB, strong", "symmetric:0.4": "40 % flipped", "digits": "Digits"}
    runs = study_runs(folder, methods=("dlb", "ce"), labels=labels, noise="40 % flipped")
    assert runs.noise == "symmetric:0.4"
    assert study_runs(folder, methods=["DLB, strong"], labels=labels).results["method"].unique().tolist() == ["dlb"]
    for name in ("memorisation", "noise_robustness", "mislabelled_predictions"):
        drawn = draw_figure(name, runs)
        (legend,) = drawn.figure.legends
        entries = [text.get_text() for text in legend.get_texts()]
        assert [entry.split(":")[0] for entry in entries if ": " in entry] == ["DLB, strong", "CE"]
        assert list(dict.fromkeys(drawn.numbers["method"])) == ["dlb", "ce"]
    assert draw_figure("forgetting", runs).figure.get_suptitle().startswith("Digits (150 training samples), small_cnn")
    with pytest.raises(ValueError, match="no run has a method, noise or data 'elr' to name"):
        study_runs(folder, labels={"elr": "ELR"})
    results = runs.results.assign(data="npz:/home/someone/secret/pets.npz")
    moved = StudyRuns(results, folder, runs.noise)
    for name in NAMES:
        if name != "suspicious_samples":
            page = Page(draw_figure(name, moved))
            assert not [text for text in page.texts if "someone" in text.get_text()]
            assert any("pets" in text.get_text() for text in page.texts)


def test_histograms_count_every_loss_once_and_pile_up_beyond_the_edge() -> None:
    loss, wrong = np.array([0.1, 0.1, 0.9, 7.0, np.nan]), np.array([False, False, False, True, True])
    rows = loss_shares(loss, wrong, np.linspace(0, 1, 3), 4)
    shares = rows[rows["group"].isin(["clean", "mislabelled"])].set_index(["group", "loss"])["share"]
    assert shares.to_dict() == {("clean", 0.0): 0.5, ("clean", 0.5): 0.25, ("mislabelled", 0.0): 0, ("mislabelled", 0.5): 0.25}


def test_the_histograms_of_aum_hold_every_sample_of_both_groups(runs: StudyRuns) -> None:
    drawn = draw_figure("aum_histogram", runs)
    assert drawn.numbers.groupby("method")["share"].sum().tolist() == pytest.approx([1, 1, 1])
    rows = drawn.numbers[drawn.numbers["method"] == "ce"].set_index("group")
    wrong = runs.one_per_method()["ce"]["mislabelled"].values.mean()
    assert rows.loc["mislabelled", "share"].sum() == pytest.approx(wrong)
    assert drawn.figure.axes[0].get_ylim()[1] > drawn.numbers["share"].max()


def test_the_most_suspect_samples_are_those_of_the_score(runs: StudyRuns, folder: Path) -> None:
    drawn = draw_figure("suspicious_samples", runs)
    row = runs.under_noise[runs.under_noise["method"] == "ce"].sort_values("seed").iloc[0]
    wrong_events = score(load_dynamics(folder / row["id"]), "wrong_events")
    assert drawn.numbers.drop_duplicates("sample")["wrong_events"].tolist() == sorted(wrong_events, reverse=True)[:32]
    records = load_dynamics(folder / row["id"]).load()
    first = drawn.numbers[drawn.numbers["sample"] == drawn.numbers["sample"].iloc[0]]
    place = records["sample"].values.tolist().index(first["sample"].iloc[0])
    np.testing.assert_array_equal(first["p_given"], records["p_given"].values[:, place].astype(np.float32))


def test_without_a_title_the_samples_begin_at_the_top(runs: StudyRuns) -> None:
    heads = {}
    for title in (True, False):
        figure = draw_figure("suspicious_samples", runs, title=title).figure
        figure.draw_without_rendering()
        heads[title] = (1 - max(ax.get_position().y1 for ax in figure.axes)) * figure.get_figheight()
    assert heads[False] < 0.4 < heads[True]
    assert is_high("wrong_events")


def test_the_numbers_of_the_training_dynamics_are_means_over_runs(runs: StudyRuns, folder: Path) -> None:
    drawn = draw_figure("training_dynamics", runs)
    means = drawn.numbers[drawn.numbers["run"] == "mean"] if "run" in drawn.numbers else drawn.numbers
    chosen = means.set_index(["method", "group", "epoch"]).loc[("dlb", "mislabelled", 3), "loss"]
    losses = []
    for run in runs.under_noise[runs.under_noise["method"] == "dlb"]["id"]:
        records = load_dynamics(folder / run).load()
        losses.append(float(records["loss"].values[2][records["mislabelled"].values].astype(float).mean()))
    assert chosen == pytest.approx(np.mean(losses), rel=1e-6)
