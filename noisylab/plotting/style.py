"""One style for all figures: a fixed colour, marker and line for every method, readable in grey and by the colour-blind."""

import io
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisylab.files import write_atomically

PALETTE = [*seaborn.color_palette("colorblind")]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
DASHES = ["-", "--", "-.", ":"]

# colour, marker, line and name of the three that stand in every comparison
FIXED = {
    "ce": (7, 0, 1, "CE"),
    "repeat": (1, 1, 2, "repeat"),
    "dlb": (0, 2, 0, "DLB"),
}


def method_style(method: str) -> dict[str, Any]:
    """Keyword arguments for `Axes.plot` that are the same for a method in every figure."""
    number = zlib.crc32(method.encode())
    color, marker, dash, label = FIXED.get(method, (number, number // 7, number // 11, method))
    return {
        "color": PALETTE[color % len(PALETTE)],
        "marker": MARKERS[marker % len(MARKERS)],
        "linestyle": DASHES[dash % len(DASHES)],
        "label": label,
    }


def figure_legend(figure: Figure, ax: Axes, exposure: pandas.DataFrame) -> None:
    """One legend below the figure for the methods in `ax`, each with the images that a run of it processed.

    exposure: rows with method and images_processed.
    """
    images = exposure.groupby("method")["images_processed"].mean()
    names = {method_style(str(method))["label"]: f"{count:,.0f} images" for method, count in images.items()}
    handles, labels = ax.get_legend_handles_labels()
    entries = [f"{label}: {names[label]}" for label in labels]
    for columns in range(min(len(labels), 3), 0, -1):
        legend = figure.legend(handles, entries, loc="outside lower center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()


def paper_style() -> AbstractContextManager[None]:
    """The settings of all figures, inside `with`."""
    return plt.style.context(Path(__file__).with_name("noisylab.mplstyle"))


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure to `path`, in the format of its ending, whole or not at all, and close it."""
    write_atomically(path, _rendered(figure, path.suffix[1:]))
    plt.close(figure)


def _rendered(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    with paper_style():
        # Without the time of writing, equal numbers give equal files.
        figure.savefig(buffer, format=kind, metadata={"CreationDate": None} if kind == "pdf" else {})
    return buffer.getvalue()


def save_figure(figure: Figure, stem: Path, numbers: pandas.DataFrame) -> list[Path]:
    """Write `stem`.png, .pdf and .csv (the plotted numbers), each whole or not at all; their paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    contents = {"csv": numbers.to_csv(index=False).encode()} | {kind: _rendered(figure, kind) for kind in ("png", "pdf")}
    plt.close(figure)
    for kind, content in contents.items():
        write_atomically(stem.with_name(f"{stem.name}.{kind}"), content)
    return [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "pdf", "csv")]
