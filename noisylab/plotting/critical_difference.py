"""Critical-difference diagrams: ranks of the methods over data sets."""

from typing import Any

import matplotlib.pyplot as plt
import pandas
from matplotlib.axes import Axes

from noisylab.analysis.statistics import format_p
from noisylab.analysis.tables import check_comparable
from noisylab.core.extras import how_to_install
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import number, told
from noisylab.plotting.looks import Look, looks
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches, paper_style

# Fewer data sets have no power to tell methods apart.
DATA_SETS = 5


def critical_difference(
    accuracies: pandas.DataFrame,
    *,
    styles: dict[str, Look] | None = None,
    names: dict[str, str] | None = None,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """The mean rank of each method over data sets; a bar joins those that Nemenyi's test does not tell apart (p >= .05).

    Args:
        accuracies: [data sets, methods], high is good.
        styles: The look of each method (`looks`). None: allotted over the columns.
        names: The name of each method. None: as it is.
        ax: None: the current axes.
        kwargs: To `scikit_posthocs.critical_difference_diagram`.

    Raises:
        ValueError: If there are fewer than three methods or five data sets, or scikit-posthocs is not installed.

    Source:
        Demsar (2006), Statistical comparisons of classifiers over multiple data sets, Sec. 3.2.
    """
    if len(accuracies) < DATA_SETS or accuracies.shape[1] < 3:
        raise ValueError(
            f"a critical-difference diagram needs {DATA_SETS} data sets and 3 methods, "
            f"got {len(accuracies)} and {accuracies.shape[1]}"
        )
    try:
        import scikit_posthocs
    except ImportError as error:
        raise ValueError(how_to_install(error) or str(error)) from error
    ax = ax or plt.gca()
    methods = list(map(str, accuracies.columns))
    held = looks(methods) if styles is None else styles
    called = {method: method if names is None else names[method] for method in methods}
    table = accuracies.rename(columns=called)
    ranks = table.rank(axis=1, ascending=False)
    style: dict[str, Any] = {
        "color_palette": {called[method]: held[method]["color"] for method in methods},
        "label_fmt_left": "{label} ({rank:.2f})",
        "label_fmt_right": "({rank:.2f}) {label}",
    }
    apart = scikit_posthocs.posthoc_nemenyi_friedman(ranks.reset_index(drop=True))
    scikit_posthocs.critical_difference_diagram(ranks.mean(), apart, ax=ax, **style | kwargs)
    ax.grid(visible=False)
    return ax


def critical_difference_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """Ranks of the methods over the data sets of a study, each by the mean accuracy over its noisy settings and seeds."""
    from scipy import stats

    results = runs.ordered
    for _, rows in results.groupby("data", sort=False):
        check_comparable(rows)
    noisy = results[results["noise"] == runs.noise if runs.chosen else results["realised_rate"] > 0]
    used = noisy if len(noisy) else results
    accuracies = used.pivot_table(index="data", columns="method", values="test_accuracy_last", sort=False).dropna()
    methods = list(map(str, accuracies.columns))
    names = runs.names.short("method", methods, 24 if has_room(width) else 14)
    with paper_style():
        figure, ax = plt.subplots(figsize=(inches(width), 1.3 + 0.13 * len(methods)), layout="constrained")
        critical_difference(accuracies, styles=runs.looks_of(methods), names=names, ax=ax)
        p = float(stats.friedmanchisquare(*accuracies.to_numpy().T).pvalue)
        figure.suptitle(
            f"{len(accuracies)} data sets{f', {runs.noise_title}' if runs.chosen else ''}, "
            "mean ranks of last-epoch test accuracy\n"
            f"bars join what Nemenyi's test does not tell apart; Friedman: p {'< .001' if p < 0.001 else f'= {format_p(p)}'}",
            wrap=True,
        )
    ranks = accuracies.rank(axis=1, ascending=False)
    long = accuracies.melt(ignore_index=False, value_name="test_accuracy_last").reset_index()
    long["rank"] = ranks.melt(ignore_index=False)["value"].to_numpy()
    numbers = long.assign(mean_rank=long["method"].map(ranks.mean()), friedman_p=p)
    caption = "Rank of the methods over data sets"
    finding = told("Mean rank over the data sets", numbers, "mean_rank", runs, form=number, pooled=True)
    return DrawnFigure(figure, numbers.assign(data=numbers["data"].map(runs.names.data)), caption, finding=finding)
