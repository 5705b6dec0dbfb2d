"""The figures of a study, from its finished runs."""

from pathlib import Path

import pandas
from matplotlib.figure import Figure

from noisylab.analysis.tables import check_comparable, mean_ranks, summarise
from noisylab.plotting.ranks import rank_figure
from noisylab.plotting.robustness import robustness_figure
from noisylab.plotting.runs import in_order
from noisylab.plotting.story import story_figure
from noisylab.plotting.style import Columns, limited
from noisylab.runs import read_metrics


def robustness_of(results: pandas.DataFrame, columns: Columns = 2) -> tuple[Figure, pandas.DataFrame]:
    """The robustness figure of runs that differ in method, noise and seed alone, and its numbers."""
    shown, part = limited(in_order(results))
    return robustness_figure(summarise(shown), _title(results) + part, columns)


def story_of(
    results: pandas.DataFrame, out: Path, noise: str | None = None, columns: Columns = 2
) -> tuple[Figure, pandas.DataFrame] | None:
    """The story figure of `noise`, and its numbers; None where no sample is mislabelled, or
    nothing is recorded of them (mixed images).

    noise: as the tables name it; None: the one with the highest realised rate.
    """
    check_comparable(results)
    results = in_order(results)
    noise = str(results.sort_values("realised_rate", kind="stable").iloc[-1]["noise"]) if noise is None else noise
    rows = results[results["noise"] == noise]
    if not rows["realised_rate"].any():
        return None
    shown, part = limited(rows)
    metrics = pandas.concat(
        [read_metrics(out / row["id"]).assign(run=row["id"], method=row["method"]) for row in shown.to_dict("records")],
        ignore_index=True,
    )
    if metrics["mislabelled_memorised"].isna().all():
        return None
    first, seeds = rows.iloc[0], rows.groupby("method")["seed"].count().max()
    band = f"mean over {seeds} seeds, band: 95 % interval" if seeds > 1 else "one seed"
    return story_figure(metrics, f"{_title(rows)}, {first['noise']}{part}\n{first['record']} records; {band}", columns, shown)


def ranks_of(results: pandas.DataFrame, columns: Columns = 2) -> tuple[Figure, pandas.DataFrame] | None:
    """The rank plot of runs that differ in method, noise and seed alone, and its numbers; None without a whole comparison."""
    ranks = mean_ranks(in_order(results))
    return None if ranks.empty else rank_figure(ranks, _title(results), columns)


def _title(results: pandas.DataFrame) -> str:
    first = results.iloc[0]
    return f"{first['data']}, {first['model']}, {first['budget']}"
