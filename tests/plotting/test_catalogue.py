"""Every figure of the catalogue, drawn from a small study in both widths, read as a reader would."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
from filelock import FileLock
from readable import assert_readable, texts

from noisylab.analysis import load_dynamics, score
from noisylab.analysis.scoring import is_high
from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import load_data
from noisylab.plotting.catalogue import FIGURES
from noisylab.plotting.consistency import consistency_distribution
from noisylab.plotting.data_map import data_map
from noisylab.plotting.detection import roc_and_pr, score_curves
from noisylab.plotting.forgetting import cumulative
from noisylab.plotting.loss_separation import loss_densities, loss_ridges
from noisylab.plotting.study_runs import StudyRuns, study_runs
from noisylab.plotting.style import WIDTHS
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run import run_one
from noisylab.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
GRID = Grid(methods=("ce", "repeat", "dlb"), noise=("symmetric:0", "symmetric:0.4"), seeds=(0, 1), train_size=150)
TRAINING = TrainConfig(epochs=6, batch_size=32, device="cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(base / "drawn.lock"):
        if not (base / "drawn.done").exists():
            data = load_data(DATA_SETS.parse("digits"), None, GRID.train_size)
            for config in plan(dataclasses.replace(GRID, training=TRAINING), data).configs:
                run_one(config, data, base / "drawn")
            (base / "drawn.done").touch()
    return base / "drawn"


@pytest.fixture
def runs(folder: Path) -> StudyRuns:
    return study_runs(folder)


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before, "a figure left the settings of matplotlib changed"


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.filterwarnings("error:constrained_layout not applied")
def test_a_figure_fits_its_columns_and_can_be_read(name: str, columns: int, runs: StudyRuns) -> None:
    drawn = FIGURES[name][0](runs, columns)  # type: ignore[arg-type]
    assert drawn is not None
    figure, numbers = drawn
    assert figure.get_figwidth() <= WIDTHS[columns] + 0.01
    assert figure.get_figheight() <= 9.2, "a page is not higher"
    assert_readable(figure)
    assert min(text.get_fontsize() for text in texts(figure)) >= 6
    assert len(numbers)
    if name != "suspicious_samples":
        outer = [ax for ax in figure.axes if ax.get_subplotspec().is_last_row()]  # type: ignore[union-attr]
        assert all(ax.get_xlabel() or name == "consistency" for ax in outer)
        assert name == "method_ranks" or any(ax.get_ylabel() for ax in figure.axes)


@pytest.mark.parametrize("name", list(FIGURES))
def test_runs_without_mislabelled_samples_or_with_one_method_can_be_drawn_or_have_nothing_to_show(
    name: str, folder: Path, runs: StudyRuns
) -> None:
    FIGURES[name][0](study_runs(folder, noise="symmetric:0"), 2)
    alone = StudyRuns(runs.results[runs.results["method"] == "dlb"], folder, runs.noise)
    FIGURES[name][0](alone, 2)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of more methods than there is room for, with long names, and one without online records. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    methods = (
        *("mixup", "ce", "dlb", "lsr", "gce", "elr", "sce", "ps_kd", "bootstrap_hard"),
        "dlb(temperature=4.125, alpha=3.25, two_forward=True)",
        "soft_target_memory(age=2, momentum=0.25, weight=1.5)",
    )
    with FileLock(base / "many.lock"):
        if not (base / "many.done").exists():
            data = load_data(DATA_SETS.parse("digits"), None, 100)
            grid = Grid(methods=methods, noise=("symmetric:0.4",), seeds=(0,), train_size=100)
            for config in plan(
                dataclasses.replace(grid, training=TrainConfig(epochs=3, batch_size=32, device="cpu")), data
            ).configs:
                run_one(config, data, base / "many")
            (base / "many.done").touch()
    return base / "many"


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("chosen", [(), ("mixup", "sce"), ("dlb", "dlb(temperature=4.125, alpha=3.25, two_forward=True)")])
@pytest.mark.parametrize("name", [name for name in FIGURES if name != "suspicious_samples"])
@pytest.mark.filterwarnings("error:constrained_layout not applied")
def test_many_methods_and_long_names_can_be_read(name: str, chosen: tuple[str, ...], columns: int, many: Path) -> None:
    drawn = FIGURES[name][0](study_runs(many, methods=chosen), columns)  # type: ignore[arg-type]
    assert drawn is not None
    assert_readable(drawn[0])
    assert not drawn[1].drop(columns=["p_holm", "friedman_p"], errors="ignore").empty


def test_what_was_not_recorded_is_not_drawn(many: Path) -> None:
    runs = study_runs(many, methods=("mixup",))
    for name in (
        "detection",
        "data_map",
        "loss_separation",
        "forgetting",
        "training_dynamics",
        "consistency",
        "suspicious_samples",
    ):
        assert FIGURES[name][0](runs, 2) is None


def test_every_point_of_the_data_map_is_on_the_page(runs: StudyRuns) -> None:
    drawn = FIGURES["data_map"][0](runs, 2)
    assert drawn is not None
    assert max(ax.get_xlim()[1] for ax in drawn[0].axes) > drawn[1]["variability"].max()


def test_there_is_a_script_for_every_figure_and_it_draws_what_it_is_named_after() -> None:
    for name in FIGURES:
        script = (ROOT / "figures" / f"{name}.py").read_text()
        assert f'main(["figure", "{name}", *sys.argv[1:]])' in script
    assert {path.stem for path in (ROOT / "figures").glob("*.py")} == set(FIGURES)


def script(name: str, *options: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, f"figures/{name}.py", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


def test_a_script_writes_the_formats_asked_for_and_the_numbers(folder: Path, tmp_path: Path) -> None:
    options = [str(folder), "--out", str(tmp_path), "--width", "1", "--format", "svg", "png", "--noise", "symmetric:0.4"]
    printed = script("loss_separation", *options)
    files = {tmp_path / f"loss_separation.{kind}" for kind in ("svg", "png", "csv")}
    assert set(map(Path, printed.split())) == files == set(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--noise", "symmetric:0.3"], "symmetric:0.4"),
        (["--width", "3"], "--width"),
        (["--format", "gif"], "gif"),
        (["--noise", "symmetric:0"], "nothing to show"),
    ],
)
def test_a_script_refuses_what_it_cannot_draw_in_one_line(options: list[str], said: str, folder: Path, tmp_path: Path) -> None:
    error = script("forgetting", str(folder), "--out", str(tmp_path / "new"), *options, status=2)
    assert said in error
    assert len(error.splitlines()) == 1
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
            "prediction_consistency": rng.random(60),
            "forgetting_events": rng.integers(0, 9, 60).astype(float),
        }
    )


def corners() -> pandas.DataFrame:
    return pandas.DataFrame({"score": ["aum"] * 3, "x": [0, 0.5, 1], "y": [0, 0.8, 1]})


def densities() -> pandas.DataFrame:
    loss, wrong = np.random.default_rng(0).random(60), np.arange(60) % 3 == 0
    return pandas.concat([loss_densities(loss, wrong, np.linspace(0, 1, 11), epoch) for epoch in (0, 5)])


AXES = {
    "data_map": lambda **k: data_map(samples(), **k),
    "score_curves": lambda **k: score_curves(corners(), **k),
    "loss_ridges": lambda **k: loss_ridges(densities(), **k),
    "cumulative": lambda **k: cumulative(samples(), "forgetting_events", **k),
    "consistency_distribution": lambda **k: consistency_distribution(samples(), "prediction_consistency", **k),
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
    data_map(samples(), ax=ax, s=33.0)
    assert {float(size) for artist in ax.collections for size in artist.get_sizes()} == {33.0}
    _, ax = plt.subplots()
    score_curves(corners(), ax=ax, linewidth=7)
    assert ax.lines[0].get_linewidth() == 7


# What is drawn


def test_curves_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    wrong, values = rng.random(300) < 0.4, rng.normal(size=300)
    values[wrong] += 1
    roc, pr = roc_and_pr(values, wrong)
    from sklearn.metrics import auc, roc_auc_score

    assert auc(roc["x"], roc["y"]) == pytest.approx(roc_auc_score(wrong, values), abs=0.005)
    assert (roc["x"].iloc[0], roc["y"].iloc[-1]) == (0, 1)
    assert pr["y"].iloc[-1] == pytest.approx(wrong.mean())


def test_histograms_count_every_loss_once_and_pile_up_beyond_the_edge() -> None:
    loss, wrong = np.array([0.1, 0.1, 0.9, 7.0, np.nan]), np.array([False, False, False, True, True])
    rows = loss_densities(loss, wrong, np.linspace(0, 1, 3), 4).set_index(["group", "loss"])["density"]
    assert rows.to_dict() == {("clean", 0.0): 1, ("clean", 0.5): 0.5, ("mislabelled", 0.0): 0, ("mislabelled", 0.5): 1}


def test_the_most_suspect_samples_are_those_of_the_score(runs: StudyRuns, folder: Path) -> None:
    drawn = FIGURES["suspicious_samples"][0](runs, 2)
    assert drawn is not None
    row = runs.under_noise[runs.under_noise["method"] == "ce"].sort_values("seed").iloc[0]
    wrong_events = score(load_dynamics(folder / row["id"]), "wrong_events")
    assert drawn[1]["wrong_events"].tolist() == sorted(wrong_events, reverse=True)[:32]
    assert is_high("wrong_events")


def test_the_numbers_of_the_training_dynamics_are_means_over_runs(runs: StudyRuns, folder: Path) -> None:
    drawn = FIGURES["training_dynamics"][0](runs, 2)
    assert drawn is not None
    chosen = drawn[1].set_index(["method", "group", "epoch"]).loc[("dlb", "mislabelled", 3), "loss"]
    losses = []
    for run in runs.under_noise[runs.under_noise["method"] == "dlb"]["id"]:
        records = load_dynamics(folder / run).load()
        losses.append(float(records["loss"].values[3][records["mislabelled"].values].astype(float).mean()))
    assert chosen == pytest.approx(np.mean(losses), rel=1e-6)
