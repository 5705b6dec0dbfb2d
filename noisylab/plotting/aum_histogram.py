"""The areas under the margin of clean and of mislabelled samples (Pleiss et al. 2020)."""

import numpy as np
import pandas
from numpy.typing import NDArray

from noisylab.analysis.scoring import score
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import group_means, number, told
from noisylab.plotting.looks import GROUPS
from noisylab.plotting.loss_separation import group_histograms
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches, legend_entries, narrow, panel_grid, paper_style, shared_legend

BINS = 30
# The most methods that a reader can choose, and characters of a line above a panel.
CHOSEN, TITLE = 8, 21


def aum_shares(values: NDArray[np.float64], mislabelled: NDArray[np.bool_], edges: NDArray[np.float64]) -> pandas.DataFrame:
    """The share of all samples in each bin, by group; the first and the last bin have all that is beyond them, too.

    values: float64[N], with NaN for samples without a margin. Returns rows with group, aum, right (the edges) and share.
    """
    there = ~np.isnan(values)
    parts = []
    for group, among in zip(GROUPS, (~mislabelled, mislabelled), strict=True):
        counts, _ = np.histogram(values[among & there].clip(edges[0], edges[-1]), edges)
        share = counts / max(there.sum(), 1)
        parts.append(pandas.DataFrame({"group": group, "aum": edges[:-1], "right": edges[1:], "share": share}))
    return pandas.concat(parts, ignore_index=True)


@FIGURES.register("aum_histogram", caption="Areas under the margin (AUM) of clean and of mislabelled samples")
def aum_histogram_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """Histograms of the mean margin over epochs, for the first seed of each method.

    There is no threshold: it takes a training of its own, with a fake class (`noisylab.analysis.fake_classes`).
    """
    runs.check_mislabelled()
    first = runs.one_per_method(chosen=CHOSEN)
    found = {method: (score(records, "aum"), records["mislabelled"].values) for method, records in first.items()}
    ends = np.array([np.nanquantile(values, (0.002, 0.998)) for values, _ in found.values()])
    edges = np.linspace(ends[:, 0].min(), ends[:, 1].max(), BINS + 1)
    numbers = pandas.concat(
        [aum_shares(*both, edges).assign(method=method) for method, both in found.items()], ignore_index=True
    )[["method", "group", "aum", "right", "share"]]
    short = runs.names.short("method", list(found), 40 if has_room(width) else 20)
    across = min(len(found), 4 if has_room(width) else 2)
    titles = dict(zip(short, narrow(list(short.values()), TITLE), strict=True))
    with paper_style():
        row = 2.0 if has_room(width) else 1.6
        figure, grid, axes = panel_grid(len(found), across, width=inches(width), row=row, rest=1.1, sharex=True, sharey=True)
        for ax, method in zip(axes, found, strict=True):
            group_histograms(numbers[numbers["method"] == method], "aum", ax=ax)
            ax.axvline(0, color="0.4", linestyle=":", linewidth=0.8, gid="guide")
            ax.set_title(titles[method])
            if ax in grid[:, 0]:
                ax.set_ylabel("share of samples")
        axes[0].set_ylim(0, 1.05 * numbers["share"].max())
        # The place below a panel may be empty.
        for ax in axes[max(0, len(axes) - across) :]:
            ax.tick_params(labelbottom=True)
            ax.set_xlabel("AUM (logits)")
        shared_legend(figure, *legend_entries(axes))
        figure.suptitle(runs.one_seed_title(list(found), "; the last bins with all beyond them; dotted: 0"), wrap=True)
    finding = told("Mean AUM of clean and of mislabelled samples", group_means(found), "mean", runs, form=number)
    return DrawnFigure(figure, numbers, finding=finding)
