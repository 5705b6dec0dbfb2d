"""A corruption in pictures: its transition matrices, the rate of every class, mislabelled examples."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import HashableList
from numpy.typing import NDArray

from noisylab.corruption import NoisyLabels, diagnose
from noisylab.plotting.style import PALETTE, WIDTHS, Columns, paper_style

ANNOTATED = 12
"""Numbers are written into the cells of matrices up to this many classes."""


def transition_heatmap(
    matrix: NDArray[np.float64], *, names: Sequence[str] | None = None, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """A transition matrix float64[C, C], rows true and columns given, in shares; kwargs go to `Axes.imshow`."""
    ax = ax or plt.gca()
    ax.imshow(matrix, **{"vmin": 0, "vmax": 1, "cmap": "Blues", **kwargs})
    ax.grid(visible=False)
    ax.set(xlabel="given label", ylabel="true class")
    if len(matrix) > ANNOTATED:
        return ax
    labels = [str(c) for c in range(len(matrix))] if names is None else list(names)
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, labels)) > 2 else {}
    ax.set_xticks(range(len(matrix)), labels, **turned)
    ax.set_yticks(range(len(matrix)), labels)
    ax.tick_params(length=0)
    for (row, column), value in np.ndenumerate(matrix):
        if value > 0:
            text = f"{value:.2f}".replace("0.", ".", 1)
            ax.text(column, row, text, ha="center", va="center", fontsize=6, color="white" if value > 0.5 else "0.15")
    return ax


def rate_per_class(noisy: NoisyLabels, *, names: Sequence[str] | None = None, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """The realised rate of every true class, with marks at what the matrix asks for; kwargs go to `Axes.bar`."""
    ax = ax or plt.gca()
    rates = diagnose(noisy).rate_per_class
    places = np.arange(noisy.num_classes)
    ax.bar(places, rates, **{"color": PALETTE[0], "label": "realised", **kwargs})
    if noisy.transition is not None and noisy.replaced_by is None:
        asked = 1 - np.diagonal(noisy.transition)
        ax.plot(places, asked, linestyle="", marker="_", color="black", label="asked for", markersize=8)
    ax.axhline(noisy.rate, color="0.4", linestyle=":", linewidth=0.9, label=f"all classes: {noisy.rate:.3f}")
    ax.set(xlabel="true class", ylabel="share mislabelled")
    ax.set_ylim(0, max(1.25 * max(float(np.nanmax(rates)), noisy.rate), 0.05))
    if noisy.num_classes <= ANNOTATED:
        labels = [str(c) for c in places] if names is None else list(names)
        turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, labels)) > 2 else {}
        ax.set_xticks(places, labels, **turned)
    ax.legend(loc="upper center", ncols=3, fontsize=6, frameon=False, handlelength=1, columnspacing=0.9, handletextpad=0.4)
    return ax


def example(image: NDArray[np.generic], true: str, given: str, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """One image, number[C, H, W], under the caption true -> given; kwargs go to `Axes.imshow`."""
    ax = ax or plt.gca()
    pixels = np.moveaxis(np.asarray(image), 0, -1)
    ax.imshow(pixels[..., 0] if pixels.shape[-1] == 1 else pixels, **{"cmap": "gray", "interpolation": "nearest", **kwargs})
    ax.set_title(f"{true}\n→ {given}", fontsize=6.5, pad=2)
    ax.set_axis_off()
    return ax


def examples_figure(
    noisy: NoisyLabels,
    images: NDArray[np.generic],
    *,
    names: Sequence[str] | None = None,
    rows: int = 3,
    columns: int = 8,
    seed: int = 0,
) -> Figure:
    """A grid of mislabelled samples with true -> given captions, drawn at random and ordered by true class.

    images: number[N, C, H, W], as they are trained on.
    """
    labels = [str(c) for c in range(noisy.num_classes)] if names is None else list(names)
    wrong = np.flatnonzero(noisy.flipped)
    chosen = np.sort(np.random.default_rng(seed).permutation(wrong)[: rows * columns])
    chosen = chosen[np.argsort(noisy.clean[chosen], kind="stable")]
    with paper_style():
        figure, axes = plt.subplots(rows, columns, figsize=(0.85 * columns, 1.12 * rows), squeeze=False, layout="constrained")
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, index in zip(axes.flat, chosen, strict=False):
            replaced = noisy.replaced_by is not None and noisy.replaced_by[index] >= 0
            true = "outside" if replaced else labels[noisy.clean[index]]
            example(images[index], true, labels[noisy.labels[index]], ax=ax)
    return figure


def corruption_figure(
    noisy: NoisyLabels, *, names: Sequence[str] | None = None, title: str = "", columns: Columns | None = None
) -> tuple[Figure, pandas.DataFrame]:
    """The matrix asked for beside the realised one and the rate of every class, and the plotted numbers.

    columns: of a paper, that the figure is to fit in; None: as wide as is easily read on a screen.
    """
    realised = noisy.realised_transition()
    matrices = {"realised": realised} if noisy.transition is None else {"asked for": noisy.transition, "realised": realised}
    with paper_style():
        panels = [*matrices, "rates"]
        layout: list[HashableList[str]] = [[*panels]]
        size, heights = (3.3 * len(panels), 3.3), [1.0]
        if columns == 1:
            layout, size, heights = [[name] for name in panels], (WIDTHS[1], 2.9 * len(panels)), [1.0] * len(panels)
        elif columns == 2:
            layout, size, heights = [[*matrices], ["rates"] * len(matrices)], (WIDTHS[2], 5.4), [2.0, 1.0]
        figure, axes = plt.subplot_mosaic(layout, figsize=size, height_ratios=heights, layout="constrained")
        for name, matrix in matrices.items():
            transition_heatmap(matrix, names=names, ax=axes[name])
            axes[name].set_title(name)
        rate_per_class(noisy, names=names, ax=axes["rates"])
        axes["rates"].set_title("rate per class")
        figure.suptitle(title or f"{noisy.kind}, seed {noisy.seed}")
    true, given = np.indices(realised.shape)
    numbers: dict[str, NDArray[Any]] = {"true": true.ravel(), "given": given.ravel(), "samples": noisy.counts().ravel()}
    numbers |= {name.replace(" ", "_"): matrix.ravel() for name, matrix in matrices.items()}
    return figure, pandas.DataFrame(numbers)
