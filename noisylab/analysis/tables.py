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
    for settings in results["comparison_key"].unique()[1:]:
        other = results.loc[results["comparison_key"] == settings, "id"].iloc[0]
        raise ValueError(
            f"runs that differ in more than method, noise and seeds are no comparison: {results['id'].iloc[0]}, {other}"
        )
    twice = results[results.duplicated(["noise", "method", "seed", "noise_seed"])]
    if len(twice):
        raise ValueError(f"the run {twice['id'].iloc[0]} stands there twice")


def compare(
    results: pandas.DataFrame, measure: str = "test_accuracy_last", *, baselines: Sequence[str] | None = None
) -> pandas.DataFrame:
    """Differences between methods under each noise, paired by seed and noise seed, with Holm-corrected p-values.

    baselines: methods that all others are compared with, where they are there; None: the first one.
    """
    methods = list(dict.fromkeys(results["method"]))
    baselines = [methods[0]] if baselines is None else [name for name in baselines if name in methods]
    pairs: list[tuple[str, str]] = []
    for b in baselines:
        pairs += [(a, b) for a in methods if a != b and (b, a) not in pairs]
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


def leaders(results: pandas.DataFrame, measure: str = "test_accuracy_last", *, level: float = 0.05) -> pandas.DataFrame:
    """The method with the highest mean under each noise, and whether it is significantly above every other one.

    significant: all its paired t-tests against the others of that noise have p < level, after Holm's correction over those of
    all noises. p_holm: the largest of them; NaN where they are not all of two pairs at least.
    """
    parts, best = [], {}
    for noise, group in results.groupby("noise", sort=False):
        best[noise] = str(group.groupby("method", sort=False)[measure].mean().idxmax())
        parts.append(compare(group, measure, baselines=[best[noise]]))
    tests = pandas.concat(parts)
    tests["p_holm"] = holm(tests["p"])
    rows = []
    for noise, method in best.items():
        p, others = tests.loc[tests["noise"] == noise, "p_holm"], results.loc[results["noise"] == noise, "method"].nunique() - 1
        whole = len(p) == others > 0 and bool(p.notna().all())
        largest = float(p.max()) if whole else float("nan")
        rows.append({"noise": noise, "method": method, "p_holm": largest, "significant": largest < level})
    return pandas.DataFrame(rows)


def mean_ranks(results: pandas.DataFrame, measure: str = "test_accuracy_last") -> pandas.DataFrame:
    """One row per noise and method: its mean rank over seeds (1 = best, ties share), `rank_ci`, and Friedman's p of the noise.

    Of each noise, the seeds that all its methods have count. p is NaN for fewer than three methods or two seeds (Friedman 1937;
    Demsar 2006).
    """
    from scipy import stats

    check_comparable(results)
    rows = []
    for noise, group in results.groupby("noise", sort=False):
        values = group.pivot_table(index=["seed", "noise_seed"], columns="method", values=measure, sort=False).dropna()
        if values.empty:
            continue
        ranks = values.rank(axis=1, ascending=False)
        testable = values.shape[0] > 1 and values.shape[1] > 2
        p = float(stats.friedmanchisquare(*values.to_numpy().T).pvalue) if testable else float("nan")
        for method in values.columns:
            interval = mean_interval(ranks[method])
            row = {"noise": noise, "method": method, "n": interval.n, "rank": interval.mean, "rank_ci": interval.half}
            rows.append(row | {"friedman_p": p})
    return pandas.DataFrame(rows, columns=["noise", "method", "n", "rank", "rank_ci", "friedman_p"])
