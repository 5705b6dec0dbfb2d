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
    return robustness_figure(summarise(in_order(results)), _title(results))


def story_of(results: pandas.DataFrame, out: Path) -> tuple[Figure, pandas.DataFrame] | None:
    """The story figure of the noise with the highest realised rate, and its numbers; None where no sample is mislabelled."""
    check_comparable(results)
    results = in_order(results)
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
    ranks = mean_ranks(in_order(results))
    return None if ranks.empty else rank_figure(ranks, _title(results))


def in_order(results: pandas.DataFrame) -> pandas.DataFrame:
    """The rows in the order that every figure and table has, whoever draws it.

    Methods as in `FIXED`, then by name; noise kinds from the one that can flip most; rates rising.
    """
    known = [*FIXED, *sorted(set(results["method"]) - set(FIXED))]
    strength = results.groupby("noise_kind")["realised_rate"].max()
    keys = {
        "method_place": results["method"].map(known.index),
        "weakness": -results["noise_kind"].map(strength),
    }
    order = [*keys, "noise_kind", "nominal_rate", "noise"]
    return results.assign(**keys).sort_values(order, kind="stable").drop(columns=list(keys))


def _title(results: pandas.DataFrame) -> str:
    first = results.iloc[0]
    return f"{first['data']}, {first['model']}, {first['budget']}"
