"""The figures of a study, from its finished runs."""

from pathlib import Path

import pandas
from matplotlib.figure import Figure

from noisylab.analysis.tables import check_comparable, mean_ranks, summarise
from noisylab.plotting.ranks import rank_figure
from noisylab.plotting.robustness import robustness_figure
from noisylab.plotting.story import story_figure
from noisylab.plotting.style import FIXED
from noisylab.runs import read_metrics


def robustness_of(results: pandas.DataFrame) -> tuple[Figure, pandas.DataFrame]:
    """The robustness figure of runs that differ in method, noise and seed alone, and its numbers."""
    # The same order whoever draws it: noise kinds from the one that can flip most, methods as in every figure.
    strength = results.groupby("noise_kind")["realised_rate"].max()
    ordered = results.assign(strength=results["noise_kind"].map(strength)).sort_values(
        ["strength", "noise_kind"], ascending=[False, True], kind="stable"
    )
    return robustness_figure(summarise(_by_method(ordered)), _title(results))


def story_of(results: pandas.DataFrame, out: Path) -> tuple[Figure, pandas.DataFrame] | None:
    """The story figure of the noise with the highest realised rate, and its numbers; None where no sample is mislabelled."""
    check_comparable(results)
    results = _by_method(results)
    rows = results[results["noise"] == results.sort_values("realised_rate", kind="stable").iloc[-1]["noise"]]
    if not rows["realised_rate"].any():
        return None
    metrics = pandas.concat(
        [read_metrics(out / row["id"]).assign(run=row["id"], method=row["method"]) for row in rows.to_dict("records")],
        ignore_index=True,
    )
    first, seeds = rows.iloc[0], rows.groupby("method")["seed"].count().max()
    band = f"mean over {seeds} seeds, band: 95 % interval" if seeds > 1 else "one seed"
    return story_figure(metrics, f"{_title(rows)}, {first['noise']}\n{first['record']} records; {band}")


def ranks_of(results: pandas.DataFrame) -> tuple[Figure, pandas.DataFrame] | None:
    """The rank plot of runs that differ in method, noise and seed alone, and its numbers; None without a whole comparison."""
    ranks = mean_ranks(results)
    return None if ranks.empty else rank_figure(ranks, _title(results))


def _by_method(results: pandas.DataFrame) -> pandas.DataFrame:
    known = [*FIXED, *sorted(set(results["method"]) - set(FIXED))]
    return results.sort_values("method", key=lambda methods: methods.map(known.index), kind="stable")


def _title(results: pandas.DataFrame) -> str:
    first = results.iloc[0]
    return f"{first['data']}, {first['model']}, {first['budget']}"
