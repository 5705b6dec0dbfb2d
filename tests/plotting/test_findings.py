"""The sentence of each figure tells its main numbers, which are computed here another way, from the files of the runs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from helpers_once import Once
from sklearn.metrics import roc_auc_score
from stress_studies import STUDIES, grid, write_study
from test_figures import made, results

from noisylab.analysis import score
from noisylab.analysis.scoring import available, is_high
from noisylab.core.registries import FIGURES
from noisylab.corruption import NoisyLabels
from noisylab.plotting.catalogue import draw_figure
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns, study_runs
from noisylab.recording import load_dynamics

HARD, EASY = "symmetric:0.4", "symmetric:0"
CALLED = {"ce": "CE", "repeat": "repeat", "dlb": "DLB"}
Said = dict[str, list[str]]


@pytest.fixture(scope="module")
def folder(once: Once) -> Path:
    """A study of two noises and two seeds. Not to be changed."""
    return once("found", lambda out: write_study(out / "study", grid(noise=(EASY, "symmetric:0.2", HARD), seeds=2))) / "study"


def told(finding: str) -> Said:
    """The values behind each name of a sentence, `what: name value and value; name value`."""
    said = {}
    for part in finding.removesuffix(".").partition(": ")[2].split("; "):
        values = re.findall(r"(?<![\w:(])(?:[+-]?[\d,]*\.?\d+(?:e-?\d+)?(?: %| points)?|none)(?![\w)])", part)
        name = part
        for value in values:
            name = name.replace(value, "", 1)
        said[re.sub(r"[\s,:]*(and)?\s*$", "", name.replace(" and ", " ").strip()).strip()] = values
    return said


class Raw:
    """What the files of a study say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = pandas.read_csv(folder / "results.csv")

    def mean(self, measure: str, noise: str = HARD) -> dict[str, float]:
        return dict(self.results[self.results["noise"] == noise].groupby("method", sort=False)[measure].mean())

    def last(self, measure: str) -> dict[str, float]:
        """The mean over seeds of a column of metrics.csv at the last epoch."""
        rows = self.results[self.results["noise"] == HARD]
        values = [pandas.read_csv(self.folder / run / "metrics.csv")[measure].iloc[-1] for run in rows["id"]]
        return dict(rows.assign(value=values).groupby("method", sort=False)["value"].mean())

    def records(self, method: str, seed: int = 0) -> Any:
        rows = self.results.query("noise == @HARD and method == @method and seed == @seed")
        return load_dynamics(self.folder / rows["id"].iloc[0])

    def of_groups(self, value: Callable[[Any], Any], seeds: tuple[int, ...] = (0,)) -> dict[str, list[float]]:
        """The mean of a number per sample over the clean and over the mislabelled ones, averaged over seeds."""
        held = {}
        for method in CALLED:
            of_seeds = []
            for seed in seeds:
                records = self.records(method, seed)
                values, wrong = np.asarray(value(records), dtype=float), records["mislabelled"].values
                of_seeds.append([np.nanmean(values[~wrong]), np.nanmean(values[wrong])])
            held[method] = list(np.mean(of_seeds, axis=0))
        return held

    def best_score(self, seeds: tuple[int, ...]) -> dict[str, float]:
        held = {}
        for method in CALLED:
            areas: dict[str, list[float]] = {}
            for seed in seeds:
                records = self.records(method, seed)
                for name in available(records):
                    values = score(records, name)
                    there = ~np.isnan(values)
                    if there.all():
                        sign = 1 if is_high(name) else -1
                        areas.setdefault(name, []).append(
                            roc_auc_score(records["mislabelled"].values, np.unique(sign * values, return_inverse=True)[1])
                        )
            held[method] = max(float(np.mean(values)) for values in areas.values())
        return held


def percents(*tables: dict[str, float]) -> Said:
    return {CALLED[method]: [f"{100 * table[method]:.1f} %" for table in tables] for method in tables[0]}


def numbers(*tables: dict[str, float]) -> Said:
    return {CALLED[method]: [f"{table[method]:.3g}" for table in tables] for method in tables[0]}


def each(groups: dict[str, list[float]]) -> tuple[dict[str, float], ...]:
    return tuple({method: values[place] for method, values in groups.items()} for place in range(2))


def ranks(raw: Raw) -> dict[str, float]:
    rows = raw.results[raw.results["noise"] == HARD]
    return dict(rows.pivot(index="seed", columns="method", values="test_accuracy_last").rank(axis=1, ascending=False).mean())


def contrasts(raw: Raw) -> Said:
    noisy = raw.results[raw.results["realised_rate"] > 0]
    mean = noisy.groupby("method")["test_accuracy_last"].mean()
    pairs = {"DLB \N{MINUS SIGN} repeat": mean["dlb"] - mean["repeat"], "DLB \N{MINUS SIGN} CE": mean["dlb"] - mean["ce"]}
    return {name: [f"{100 * value:+.1f} points"] for name, value in pairs.items()}


def ages(raw: Raw) -> Said:
    said = percents(raw.mean("test_accuracy_last"), raw.mean("memorised"))
    return {name: [*values, "1" if name == "DLB" else "none"] for name, values in said.items()}


def costs(raw: Raw) -> Said:
    accuracy, cost = percents(raw.mean("test_accuracy_last")), raw.mean("images_total")
    return {CALLED[method]: [*accuracy[CALLED[method]], f"{value / 1000:.3g}"] for method, value in cost.items()}


def never(records: Any) -> Any:
    return np.isinf(score(records, "forgetting_events"))


EXPECTED: dict[str, Callable[[Raw], Said]] = {
    "accuracy_against_age": ages,
    "accuracy_against_consistency": lambda raw: percents(
        *map(raw.mean, ("test_accuracy_last", "consistency_clean", "consistency_mislabelled"))
    ),
    "accuracy_against_cost": costs,
    "aum_histogram": lambda raw: numbers(*each(raw.of_groups(lambda records: score(records, "aum")))),
    "consistency": lambda raw: percents(
        *each(raw.of_groups(lambda held: held["prediction"].values[-1] == held["prediction"].values[-2], (0, 1)))
    ),
    "data_map": lambda raw: numbers(*each(raw.of_groups(lambda records: score(records, "confidence")))),
    "differences": contrasts,
    "forgetting": lambda raw: percents(*each(raw.of_groups(never))),
    "loss_separation": lambda raw: numbers(*each(raw.of_groups(lambda records: records["loss"].values[-1]))),
    "memorisation": lambda raw: percents(raw.last("test_accuracy"), raw.last("mislabelled_memorised")),
    "method_ranks": lambda raw: numbers(ranks(raw)),
    "mislabelled_predictions": lambda raw: percents(
        *map(raw.last, ("mislabelled_correct", "mislabelled_memorised", "mislabelled_other"))
    ),
    "training_dynamics": lambda raw: numbers(*each(raw.of_groups(lambda records: records["loss"].values[-1], (0, 1)))),
}
OTHERS = (
    *("axis_comparison", "option_map", "detection", "detection_summary"),
    *("noise_robustness", "suspicious_samples", "transition_matrix"),
)


def drawn(name: str, folder: Path) -> DrawnFigure:
    found = draw_figure(name, study_runs(folder))
    assert found.finding.endswith(".")
    assert not re.search(r"\b(dlb|ce|[a-z]+_[a-z]+)\b", found.finding), "names are those of the figure"
    return found


def test_every_figure_has_a_sentence_that_is_compared() -> None:
    assert {*EXPECTED, *OTHERS} == set(FIGURES.entries())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sentence_tells_the_numbers_of_the_runs(name: str, folder: Path) -> None:
    finding = drawn(name, folder).finding
    assert told(finding) == EXPECTED[name](Raw(folder))
    assert "pooled over the noisy settings" in finding if name == "differences" else f"under {HARD}" in finding


@pytest.mark.parametrize(("name", "seeds"), [("detection", (0,)), ("detection_summary", (0, 1))])
def test_the_best_score_of_each_method_is_told_with_the_drawn_measure(name: str, seeds: tuple[int, ...], folder: Path) -> None:
    finding = drawn(name, folder).finding
    assert finding.startswith(f"Highest ROC-AUC of a score under {HARD}")
    said = {part.split(",")[0]: values[-1] for part, values in told(finding).items()}
    assert said
    assert said.items() <= {CALLED[method]: f"{area:.3g}" for method, area in Raw(folder).best_score(seeds).items()}.items()
    if name == "detection_summary":
        precise = draw_figure(name, study_runs(folder), measure="average_precision").finding
        assert precise.startswith("Highest average precision")


def test_accuracy_against_the_rate_is_told_at_both_ends(folder: Path) -> None:
    finding, raw = drawn("noise_robustness", folder).finding, Raw(folder)
    clean, noisy = (part for part in finding.split(". Test"))
    assert told(clean) == percents(raw.mean("test_accuracy_last", EASY))
    assert told(noisy) == percents(raw.mean("test_accuracy_last"))
    assert f"under {EASY}:" in clean
    assert f"under {HARD}:" in noisy


def test_the_mislabelled_among_the_suspect_samples_are_counted_once(folder: Path) -> None:
    found = drawn("suspicious_samples", folder)
    samples, records = found.numbers["sample"].unique(), Raw(folder).records("ce")
    wrong = int(records["mislabelled"].values[np.isin(records["sample"].values, samples)].sum())
    assert f"Of the {len(samples)} samples with the most wrong events under {HARD}, {wrong} are mislabelled." == found.finding


def test_the_most_frequent_confusion_is_told(folder: Path) -> None:
    raw = Raw(folder)
    noisy = NoisyLabels.load(folder / raw.results[raw.results["noise"] == HARD]["id"].iloc[0] / "noise.npz")
    counts = np.zeros((noisy.num_classes, noisy.num_classes))
    np.add.at(counts, (noisy.true, noisy.given), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    np.fill_diagonal(shares, 0)
    finding = drawn("transition_matrix", folder).finding
    most = re.search(r"is (\S+) labelled as (\S+): ([\d.]+) % of the samples of (\S+)\.", finding)
    assert most is not None
    assert most[3] == f"{100 * shares.max():.1f}"
    assert most[1] == most[4]
    names = noisy.class_names or list(map(str, range(noisy.num_classes)))
    assert shares[names.index(most[1]), names.index(most[2])] == shares.max()


@pytest.mark.parametrize(
    ("name", "study", "settings"), [("axis_comparison", "two_settings", 1), ("option_map", "two_options", 2)]
)
def test_the_accuracy_of_every_setting_is_told_the_highest_first(name: str, study: str, settings: int, once: Once) -> None:
    folder = once(f"found_{study}", lambda out: STUDIES[study](out / "study")) / "study"
    finding, raw = drawn(name, folder).finding, pandas.read_csv(folder / "results.csv")
    keys = ["method", *(["batch_size"] if settings == 1 else [])]
    raw = raw if settings == 1 else raw[raw["method"] != "ce"]
    means = sorted(raw.groupby(keys)["test_accuracy_last"].mean(), reverse=True)
    parts = finding.partition(": ")[2].removesuffix(".").split("; ")
    assert [part.rpartition(": ")[2] for part in parts] == [f"{100 * mean:.1f} %" for mean in means]
    wanted = r"(CE|repeat|DLB), batch size \d+: " if settings == 1 else r"temperature [\d.]+, alpha [\d.]+: "
    assert all(re.match(wanted, part) for part in parts)


def test_ranks_over_data_sets_are_told_of_no_single_noise() -> None:
    pytest.importorskip("scikit_posthocs")
    several = [results(rates=(0.4,), seeds=1 + n).assign(data=f"set_{n}", comparison_key=str(n)) for n in range(5)]
    rows = pandas.concat(several, ignore_index=True)
    found = draw_figure("method_ranks", made(rows)).finding
    of_sets = rows.pivot_table(index="data", columns="method", values="test_accuracy_last").rank(axis=1, ascending=False).mean()
    assert told(found) == numbers(dict(of_sets))
    assert found.startswith("Mean rank over the data sets: ")


def test_methods_that_have_no_room_in_a_sentence_are_counted(folder: Path) -> None:
    rows = results(("ce", *(f"dlb(alpha={n}.0)" for n in range(2, 16))), ("symmetric",), (0.4,))
    runs: StudyRuns = made(rows)
    assert draw_figure("method_ranks", runs).finding.endswith("; 3 more in the numbers.")
