"""From the table of runs to the tables of a study."""

from collections.abc import Sequence

import pandas

from noisylab.analysis.statistics import holm, mean_interval, paired_difference

MEASURES = ("test_accuracy_last", "test_accuracy_last10", "memorised")


def summarise(results: pandas.DataFrame) -> pandas.DataFrame:
    """One row per noise and method, over its seeds: mean and `_ci` (half the 95 % interval) of every measure, and the exposure.

    results: rows of `results.csv`. The order of noises and methods is that of their first rows.
    """
    check_comparable(results)
    rows = []
    for (noise, method), group in results.groupby(["noise", "method"], sort=False):
        row: dict[str, object] = {
            "noise": noise,
            "noise_kind": group["noise_kind"].iloc[0],
            "nominal_rate": group["nominal_rate"].iloc[0],
            "realised_rate": group["realised_rate"].mean(),
            "method": method,
            "n": len(group),
        }
        for measure in MEASURES:
            interval = mean_interval(group[measure])
            row |= {measure: interval.mean, f"{measure}_ci": interval.half}
        row |= {"images_processed": group["images_processed"].mean(), "steps": group["steps"].mean()}
        rows.append(row)
    return pandas.DataFrame(rows)


def over_epochs(metrics: pandas.DataFrame, measures: Sequence[str]) -> pandas.DataFrame:
    """One row per method and epoch, over runs: mean and `_ci` (half the 95 % interval) of every measure.

    metrics: rows of `metrics.csv` of any number of runs, with a column `method`.
    """
    rows = []
    for (method, epoch), group in metrics.groupby(["method", "epoch"], sort=False):
        row: dict[str, object] = {"method": method, "epoch": epoch}
        for measure in measures:
            interval = mean_interval(group[measure])
            row |= {measure: interval.mean, f"{measure}_ci": interval.half}
        rows.append(row)
    return pandas.DataFrame(rows)


def check_comparable(results: pandas.DataFrame) -> None:
    """Raise ValueError where runs differ in more than method, noise and seeds, or one of them stands there twice."""
    for settings in results["settings"].unique()[1:]:
        other = results.loc[results["settings"] == settings, "id"].iloc[0]
        raise ValueError(
            f"runs that differ in more than method, noise and seeds are no comparison: {results['id'].iloc[0]}, {other}"
        )
    twice = results[results.duplicated(["noise", "method", "seed", "noise_seed"])]
    if len(twice):
        raise ValueError(f"the run {twice['id'].iloc[0]} stands there twice")


def compare(results: pandas.DataFrame, measure: str = "test_accuracy_last") -> pandas.DataFrame:
    """Differences between methods under each noise, paired by seed and noise seed, with Holm-corrected p-values.

    Every method is compared with the first one, and with `repeat`, the control for seeing every image twice, where it is there.
    """
    methods = list(dict.fromkeys(results["method"]))
    pairs = [(a, methods[0]) for a in methods[1:]]
    if "repeat" in methods[1:]:
        pairs += [(a, "repeat") for a in methods[1:] if a != "repeat"]
    check_comparable(results)
    rows = []
    for noise, group in results.groupby("noise", sort=False):
        values = group.pivot_table(index=["seed", "noise_seed"], columns="method", values=measure)
        for a, b in pairs:
            both = values[[a, b]].dropna() if {a, b} <= set(values.columns) else values.iloc[:0]
            if len(both):
                interval, p = paired_difference(both[a], both[b])
                row = {"noise": noise, "method": a, "baseline": b, "n": interval.n, "difference": interval.mean}
                rows.append(row | {"difference_ci": interval.half, "p": p})
    table = pandas.DataFrame(rows, columns=["noise", "method", "baseline", "n", "difference", "difference_ci", "p"])
    return table.assign(p_holm=holm(table["p"]))
