"""Pictures of a corruption: its transition matrices, the rate of every class, mislabelled examples."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import HashableList
from numpy.typing import NDArray

from noisylab.core.foreign_text import class_texts, for_matplotlib, short_names
from noisylab.corruption import NoisyLabels, diagnose
from noisylab.corruption.matrices import Matrix, dense, diagonal_of, row_chunks, rows_of
from noisylab.data.streaming import Images
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.findings import strongest_confusion
from noisylab.plotting.looks import PALETTE
from noisylab.plotting.style import WIDTHS, Width, has_room, inches, paper_style, share_text

ANNOTATED = 12
"""Matrices of up to this many classes have numbers in their cells."""
CELLS = 250
"""Matrices of more classes are drawn in blocks of neighbouring classes, and rates as one outline."""
BLOCKS = 100
"""About how many blocks they have."""

# Letters of a class name that fit over an image.
OVER_IMAGE = 17
# Letters of a class name that fit beside a matrix.
BESIDE = 13


def transition_heatmap(
    matrix: NDArray[np.float64], *, names: Sequence[str] | None = None, ax: Axes | None = None, **kwargs: Any
) -> Axes:
    """A transition matrix float64[C, C], rows true and columns given, in shares; kwargs go to `Axes.imshow`.

    An additional column is the share of images replaced from another data set.
    """
    ax = ax or plt.gca()
    ax.imshow(matrix, **{"vmin": 0, "vmax": 1, "cmap": "Blues", **kwargs})
    ax.grid(visible=False)
    ax.set(xlabel="given label", ylabel="true class")
    labels = [str(c) for c in range(len(matrix))] if names is None else class_texts(names)
    if len(matrix) > ANNOTATED:
        _some_ticks(ax, labels, both=True)
        return ax
    columns = [*labels, "image replaced"][: matrix.shape[1]]
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, columns)) > 2 else {}
    ax.set_xticks(range(len(columns)), columns, **turned)
    ax.set_yticks(range(len(matrix)), labels)
    ax.tick_params(length=0)
    # Four characters must fit into a cell.
    size = 6 if len(columns) <= 10 else 5
    for (row, column), value in np.ndenumerate(matrix):
        # Leave out what would read .000.
        if value >= 0.0005:
            color = "white" if value > 0.5 else "0.15"
            ax.text(column, row, share_text(value), ha="center", va="center", fontsize=size, color=color)
    return ax


def rate_per_class(noisy: NoisyLabels, *, names: Sequence[str] | None = None, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """The realised rate of every true class, with marks at the expected rate if it is known; kwargs go to `Axes.bar`.

    Samples with an image from another data set are stacked on top, in another colour.
    """
    ax = ax or plt.gca()
    found = diagnose(noisy)
    rates, places = found.rate_per_class, np.arange(noisy.num_classes)
    replaced = _replaced_shares(noisy)
    flipped = "realised" if noisy.replaced_by is None else "label flipped"
    _bars(ax, rates - replaced, np.zeros(len(rates)), **{"color": PALETTE[1], "label": flipped, **kwargs})
    if noisy.replaced_by is not None:
        _bars(ax, replaced, rates - replaced, **{**kwargs, "color": PALETTE[-1], "label": "image replaced"})
    if not np.isnan(found.expected_rate):
        many = {"drawstyle": "steps-mid", "linewidth": 0.9}
        style: dict[str, Any] = many if len(rates) > CELLS else {"linestyle": "", "marker": "_", "markersize": 8}
        ax.plot(places, found.expected_per_class, color="black", label="expected", **style)
    ax.axhline(
        noisy.rate, color="0.4", linestyle=":", linewidth=0.9, zorder=1.5, label=f"all classes: {share_text(noisy.rate)}"
    )
    ax.set(xlabel="true class", ylabel="share mislabelled")
    ax.set_axisbelow(True)
    ax.grid(visible=False, axis="x")
    # Four entries need two lines, except in a panel as wide as a page.
    wide = ax.get_window_extent().width / ax.figure.dpi > WIDTHS["column"] + 1
    entries = 3 if noisy.replaced_by is None else 4
    rows = 1 if entries == 3 or wide else 2
    ax.set_ylim(0, max((1.15 + 0.1 * rows) * max(float(np.nanmax(rates)), noisy.rate), 0.05))
    labels = class_texts(_labels(noisy, names))
    if noisy.num_classes > ANNOTATED:
        _some_ticks(ax, labels)
    else:
        turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, labels)) > 2 else {}
        ax.set_xticks(places, labels, **turned)
    ax.legend(
        loc="upper center",
        ncols=entries if rows == 1 else 2,
        fontsize=6,
        frameon=False,
        handlelength=1,
        columnspacing=0.9,
        handletextpad=0.4,
    )
    return ax


def _bars(ax: Axes, heights: NDArray[np.float64], bottom: NDArray[np.float64], **kwargs: Any) -> None:
    """A bar for each class, or for many classes their outline."""
    if len(heights) <= CELLS:
        ax.bar(np.arange(len(heights)), heights, bottom=bottom, **kwargs)
    else:
        low = np.nan_to_num(bottom)
        ax.stairs(low + np.nan_to_num(heights), np.arange(len(heights) + 1) - 0.5, baseline=low, fill=True, **kwargs)


def example(image: NDArray[np.generic], true: str, given: str, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
    """One image, number[C, H, W], under the caption true -> given; kwargs go to `Axes.imshow`."""
    ax = ax or plt.gca()
    pixels = np.moveaxis(np.asarray(image), 0, -1)
    ax.imshow(
        pixels[..., 0] if pixels.shape[-1] == 1 else pixels,
        **{"cmap": "gray", "interpolation": "nearest", "gid": "guide", **kwargs},
    )
    # Letters below 6 pt are unreadable.
    short = [for_matplotlib(name) for name in short_names([true, given], OVER_IMAGE)]
    size = 6.5 if max(map(len, short)) < 16 else 6
    ax.set_title(f"{short[0]}\n→ {short[1]}", fontsize=size, pad=2)
    ax.set_axis_off()
    return ax


def examples_figure(
    noisy: NoisyLabels,
    images: NDArray[np.generic] | Images,
    *,
    names: Sequence[str] | None = None,
    rows: int = 3,
    columns: int = 8,
    seed: int = 0,
    outside_known: bool = True,
) -> DrawnFigure:
    """A grid of mislabelled samples with true -> given captions, drawn at random and ordered by true class.

    images: number[N, C, H, W], the training images. outside_known: whether they include the outside images; else a replaced
    image is drawn as an empty place.
    """
    known = _labels(noisy, names)
    wrong = np.flatnonzero(noisy.mislabelled)
    chosen = np.sort(np.random.default_rng(seed).permutation(wrong)[: rows * columns])
    chosen = chosen[np.argsort(noisy.true[chosen], kind="stable")]
    with paper_style():
        labels = class_texts(known, OVER_IMAGE)
        figure, axes = plt.subplots(rows, columns, figsize=(0.85 * columns, 1.12 * rows), squeeze=False, layout="constrained")
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, index in zip(axes.flat, chosen, strict=False):
            replaced = noisy.replaced_by is not None and noisy.replaced_by[index] >= 0
            true = "outside" if replaced else labels[noisy.true[index]]
            # A grey image of the same shape.
            empty = np.full((1, *images.shape[2:]), 0.85)
            image, shown = (empty, {"vmin": 0, "vmax": 1}) if replaced and not outside_known else (images[index], {})
            example(image, true, labels[noisy.given[index]], ax=ax, **shown)
            if image is empty:
                ax.text(0.5, 0.5, "?", transform=ax.transAxes, ha="center", va="center", fontsize=12, color="0.35")
    shown_samples = {"sample": chosen, "true": noisy.true[chosen], "given": noisy.given[chosen]}
    return DrawnFigure(figure, with_class_names(pandas.DataFrame(shown_samples), known))


def corruption_figure(
    noisy: NoisyLabels, *, names: Sequence[str] | None = None, title: str = "", width: Width | None = None
) -> DrawnFigure:
    """The requested and the realised transition matrix, and the rate of every class.

    Under open-set noise the matrices have an additional column: the share of images replaced from another data set. More than
    250 classes are drawn in blocks of neighbouring ones, which the numbers name by their first class.
    width: None: a width that is easy to read on a screen.
    """
    names = noisy.class_names if names is None else names
    in_column = width is not None and not has_room(width)
    # Matrices are as large as their names let them.
    drawn_names = None if names is None else short_names(list(names), BESIDE)
    block = 1 if noisy.num_classes <= CELLS else -(-noisy.num_classes // BLOCKS)
    realised, asked = _shares(noisy, block), _asked(noisy, block)
    matrices = {"realised": realised} if asked is None else {"asked for": asked, "realised": realised}
    with paper_style():
        panels = [*matrices, "rates"]
        layout: list[HashableList[str]] = [[*panels]]
        size, heights = (3.3 * len(panels), 3.3), [1.0]
        if width is not None and in_column:
            layout, size = [[name] for name in panels], (inches(width), 2.55 * len(panels) + 0.35)
            heights = [1.2] * len(matrices) + [0.7]
        elif width is not None:
            layout, size, heights = [[*matrices], ["rates"] * len(matrices)], (inches(width), 5.4), [2.0, 1.0]
        figure, axes = plt.subplot_mosaic(layout, figsize=size, height_ratios=heights, layout="constrained")
        for name, matrix in matrices.items():
            rows, columns = (block * count - 0.5 for count in matrix.shape)
            blocks = {} if block == 1 else {"extent": (-0.5, columns, rows, -0.5)}
            transition_heatmap(matrix, names=drawn_names, ax=axes[name], **blocks)
            axes[name].set_title(name)
            if block > 1:
                axes[name].set(xlabel=f"given label, in blocks of {block}", ylabel=f"true class, in blocks of {block}")
        if in_column and len(matrices) > 1:
            # The matrix below has the same columns.
            axes["asked for"].tick_params(labelbottom=False)
            axes["asked for"].set_xlabel("")
        rate_per_class(noisy, names=drawn_names, ax=axes["rates"])
        axes["rates"].set_title("rate per class")
        title = title or f"{noisy.kind}, seed {noisy.seed}"
        if noisy.replaced_by is not None:
            title += f"; {_replaced_in_words(noisy)}"
        # A line break in it would separate facts of the caption, so it is wrapped only where it is drawn.
        figure.suptitle(title, wrap=True)
    true, given = np.indices(realised.shape)
    numbers: dict[str, NDArray[Any]] = {
        "true": block * true.ravel(),
        "given": np.minimum(block * given, noisy.num_classes).ravel(),
        "samples": _counts(noisy, block).ravel(),
    }
    numbers |= {name.replace(" ", "_"): matrix.ravel() for name, matrix in matrices.items()}
    if block == 1:
        # Of a true class, and so the same in all its rows.
        found = diagnose(noisy)
        numbers["flipped_in_class"] = (found.rate_per_class - _replaced_shares(noisy))[numbers["true"]]
        if not np.isnan(found.expected_rate):
            numbers["expected_in_class"] = found.expected_per_class[numbers["true"]]
    table = with_class_names(pandas.DataFrame(numbers), None if names is None else [*names, "image replaced"])
    return DrawnFigure(figure, table, finding=strongest_confusion(table, block))


def with_class_names(table: pandas.DataFrame, names: Sequence[str] | None) -> pandas.DataFrame:
    """The table with the names of its true and given classes, if names are known."""
    if names is None:
        return table
    return table.assign(**{f"{column}_name": np.array(names, dtype=object)[table[column]] for column in ("true", "given")})


def _labels(noisy: NoisyLabels, names: Sequence[str] | None) -> list[str]:
    """The names of the classes, or their numbers if no names are known."""
    known = noisy.class_names if names is None else names
    return [str(c) for c in range(noisy.num_classes)] if known is None else list(known)


def _some_ticks(ax: Axes, labels: Sequence[str], *, both: bool = False) -> None:
    """Write the names of some classes at the ticks of an axis with too many classes for all."""
    for axis in (ax.xaxis, ax.yaxis)[: 1 + both]:
        axis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axis.set_major_formatter(lambda at, _: labels[round(at)] if 0 <= at < len(labels) else "")
    if max(map(len, labels)) > 4:
        ax.tick_params(axis="x", labelrotation=90)


def _replaced_in_words(noisy: NoisyLabels) -> str:
    """A note that replaced images are not in the transition matrix, with their share if it is one number."""
    share = noisy.parameters.get("open_share")
    asked = f" (asked for: {noisy.nominal_rate * share:.3g})" if isinstance(share, float) else ""
    return f"replaced images{asked} are not in T, but in a column of their own"


def _counts(noisy: NoisyLabels, size: int) -> NDArray[np.int64]:
    """int64[B, B]: samples by block of `size` true classes and block of given labels, and a column for replaced images."""
    blocks = -(-noisy.num_classes // size)
    columns = blocks if noisy.replaced_by is None else blocks + 1
    shown = noisy.given // size
    if noisy.replaced_by is not None:
        shown = np.where(noisy.replaced_by >= 0, blocks, shown)
    return np.bincount(noisy.true // size * columns + shown, minlength=blocks * columns).reshape(blocks, columns)


def _shares(noisy: NoisyLabels, size: int) -> NDArray[np.float64]:
    """`_counts` as shares of each block of true classes; NaN for absent ones."""
    counts = _counts(noisy, size)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _replaced_shares(noisy: NoisyLabels) -> NDArray[np.float64]:
    """float64[C]: the share of each true class with an image from another data set; 0 for absent classes."""
    if noisy.replaced_by is None:
        return np.zeros(noisy.num_classes)
    sizes = np.bincount(noisy.true, minlength=noisy.num_classes)
    replaced = np.bincount(noisy.true[noisy.replaced_by >= 0], minlength=noisy.num_classes)
    return np.asarray(replaced / np.maximum(sizes, 1))


def _asked(noisy: NoisyLabels, size: int) -> NDArray[np.float64] | None:
    """The requested `_shares`, if they are known."""
    if noisy.matrix is None:
        return None
    weights = np.bincount(noisy.true, minlength=noisy.num_classes).astype(np.float64)
    asked = _in_blocks(noisy.matrix, weights, size)
    if noisy.replaced_by is None:
        return asked
    replaced = diagnose(noisy).expected_per_class - (1 - diagonal_of(noisy.matrix))
    # A block may hold classes without samples.
    if size > 1:
        replaced = np.where(weights > 0, replaced, 0)
    if np.isnan(replaced).any():
        return None
    starts = np.arange(0, noisy.num_classes, size)
    shares = np.add.reduceat(weights * replaced, starts) / np.add.reduceat(weights, starts)
    return np.column_stack([asked - np.diag(shares), shares])


def _in_blocks(matrix: Matrix, weights: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """A matrix between blocks of `size` classes, whose rows are means by the weights float64[C] of their classes."""
    if size == 1:
        return dense(matrix)
    starts = np.arange(0, len(matrix), size)
    blocks = np.zeros((len(starts), len(starts)))
    for first, last in row_chunks(len(matrix)):
        rows = np.add.reduceat(rows_of(matrix, first, last), starts, axis=1) * weights[first:last, None]
        np.add.at(blocks, np.arange(first, last) // size, rows)
    with np.errstate(invalid="ignore"):
        return np.asarray(blocks / np.add.reduceat(weights, starts)[:, None])
