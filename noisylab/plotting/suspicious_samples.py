"""A contact sheet of the samples that a score suspects most."""

from typing import Any

import numpy as np
import pandas
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.layout_engine import LayoutEngine

from noisylab.analysis.mislabel_detection import suspicion
from noisylab.analysis.scoring import score
from noisylab.core.checks import PositiveInt
from noisylab.core.foreign_text import class_texts
from noisylab.core.registries import FIGURES
from noisylab.plotting.corruption import example, with_class_names
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.looks import GROUPS
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches, paper_style
from noisylab.study.inputs import trained_data_of_run

BY = "wrong_events"
SHOWN = "The most suspect samples, with their curves"
# Counts often tie.
TIES = "Of samples with equally many wrong events, those with the lowest mean probability of the given label come first"
# Characters of a class above an image.
CLASS = 11
# Inches above the first images for their labels, and between them and a title.
LABELS, GAP = 0.33, 0.06


class BelowTitle(LayoutEngine):
    """A grid whose top is below the title of its figure, or at the top if the title is taken away.

    The constrained layout is slow with so many axes, and only this place depends on the text.
    """

    _adjust_compatible, _colorbar_gridspec = False, False

    def __init__(self, grid: GridSpec) -> None:
        super().__init__()
        self.grid = grid

    def execute(self, fig: Figure) -> None:
        """Place all axes of the grid."""
        title = getattr(fig, "_suptitle", None)
        head = LABELS
        if title is not None:
            title.set_y(1 - GAP / fig.get_figheight())
            head += 2 * GAP + title.get_window_extent().height / fig.dpi
        self.grid.update(top=1 - head / fig.get_figheight())
        for ax in fig.axes:
            place = ax.get_subplotspec()
            if place is not None:
                ax._set_position(place.get_position(fig))  # type: ignore[attr-defined]


def sample_curve(
    p_given: np.ndarray, prediction: np.ndarray, given: int, true: int, *, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """The probability of the given label over epochs, with ticks where the true label was predicted. kwargs: `Axes.plot`."""
    ax = ax or plt.gca()
    epochs = np.arange(len(p_given)) + 1
    colour = GROUPS["clean" if given == true else "mislabelled"]["color"]
    ax.plot(epochs, p_given, **{"color": colour, "linewidth": 0.9, **kwargs})
    if given != true:
        right = prediction == true
        ticks: dict[str, Any] = {"linestyle": "", "marker": "|", "markersize": 2.5, "color": "0.25"}
        # The place says nothing, so it is no number of the figure.
        ax.plot(epochs[right], np.full(right.sum(), -0.13), gid="guide", **ticks)
    ax.set(ylim=(-0.2, 1.05), xticks=[], yticks=[0, 1])
    ax.tick_params(labelsize=6, length=2, pad=1)
    return ax


@FIGURES.register("suspicious_samples", caption=SHOWN, smaller=[{"rows": 2}])
def suspicious_samples_figure(runs: StudyRuns, *, rows: PositiveInt | None = None, width: Width = "page") -> DrawnFigure:
    """The most suspect samples of the first method's first run: image, true -> given, and the curve of the given label.

    rows: of samples (None: as many as fit, at most four, or six in a column).

    Raises ValueError if no sample is mislabelled, nothing was recorded, or the images cannot be read or are not those of the
    runs.
    """
    runs.check_mislabelled()
    method, records = runs.first_recorded()
    folder = runs.folder / str(runs.first_run(method)["id"])
    data = trained_data_of_run(runs.folder, folder, runs.data_root)
    suspect = suspicion(score(records, BY), BY)
    across, down = (8, rows or 4) if has_room(width) else (4, rows or 6)
    suspect = np.where(np.isnan(suspect), -np.inf, suspect)
    order = np.lexsort((score(records, "confidence"), -suspect))[: across * down]
    given, true = records["given"].values, records["true"].values
    numbers = pandas.DataFrame(
        {"sample": records["sample"].values[order], "true": true[order], "given": given[order], BY: score(records, BY)[order]}
    )
    numbers = with_class_names(numbers, data.class_names).assign(method=method)
    curves, epochs = [], np.arange(records.sizes["epoch"]) + 1
    with paper_style():
        names = class_texts(data.class_names, CLASS)
        lines = 4
        height = min(1.3 * down + LABELS + 0.13 * lines, 8.0)
        figure = plt.figure(figsize=(inches(width), height))
        grid = figure.add_gridspec(down, across, left=0.035, right=0.99, bottom=0.02, top=0.9, wspace=0.22, hspace=0.5)
        figure.set_layout_engine(BelowTitle(grid))
        for place, index in enumerate(order):
            cell = grid[divmod(place, across)].subgridspec(2, 1, height_ratios=[1.9, 1], hspace=0.12)
            image, curve = figure.add_subplot(cell[0]), figure.add_subplot(cell[1])
            example(data.train_images[index], names[true[index]], names[given[index]], ax=image)
            if given[index] == true[index]:
                image.set_title(f"{names[true[index]]}\n(clean)", fontsize=6.5, pad=2)
            p, predicted = records["p_given"].values[:, index].astype(np.float32), records["prediction"].values[:, index]
            curves.append(numbers.iloc[[place]].merge(_curve(epochs, p, predicted), how="cross"))
            sample_curve(p, predicted, int(given[index]), int(true[index]), ax=curve)
            if place % across:
                curve.set_yticklabels([])
        wrong = float((given[order] != true[order]).mean())
        figure.suptitle(
            f"{runs.setting}, {runs.names.method(method)}, {runs.seed_shown([method])}\n"
            f"most {BY.replace('_', ' ')} first ({100 * wrong:.0f} % mislabelled); true → given\n"
            "curves: probability of the given label over epochs, ticks: predicted as the true label",
            wrap=True,
        )
    finding = (
        f"Of the {len(order)} samples with the most {BY.replace('_', ' ')} under {runs.names.noise(runs.noise)}, "
        f"{int((given[order] != true[order]).sum())} are mislabelled."
    )
    return DrawnFigure(figure, pandas.concat(curves, ignore_index=True), f"{SHOWN}. {TIES}", finding=finding)


def _curve(epochs: np.ndarray, p_given: np.ndarray, prediction: np.ndarray) -> pandas.DataFrame:
    return pandas.DataFrame({"epoch": epochs, "p_given": p_given, "prediction": prediction})
