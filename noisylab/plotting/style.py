"""One style for all figures: a fixed colour, marker and line for every method, readable in grey and by the colour-blind."""

import io
import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import matplotlib.pyplot as plt
import pandas
import seaborn
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisylab.files import write_atomically

Columns: TypeAlias = Literal[1, 2]

PALETTE = [*seaborn.color_palette("colorblind")]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "*"]
DASHES = ["-", "--", "-.", ":"]

# Width of a figure in one and in two columns of a paper (inches), and what is drawn without reference to a method.
WIDTHS = {1: 3.3, 2: 6.8}
GROUPS: dict[str, dict[str, Any]] = {
    "clean": {"color": (0.45, 0.45, 0.45), "linestyle": "--"},
    "mislabelled": {"color": PALETTE[3], "linestyle": "-"},
}

# colour, marker, line and name of the three that stand in every comparison
FIXED = {
    "ce": (7, 0, 1, "CE"),
    "repeat": (1, 1, 2, "repeat"),
    "dlb": (0, 2, 0, "DLB"),
}


def method_styles(methods: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Keyword arguments for `Axes.plot` for each method of a figure.

    The fixed ones look the same in every figure, and so do others as long as no two of a figure want the same colour.
    """
    others = sorted(set(methods) - set(FIXED))
    fixed = {FIXED[name][0] for name in FIXED}
    free = [color for color in range(len(PALETTE)) if color not in fixed]
    styles, taken = {}, set[int]()
    for number, name in enumerate(others):
        start = zlib.crc32(name.encode()) % len(free)
        wanted = [free[(start + step) % len(free)] for step in range(len(free))]
        color = next((c for c in wanted if c not in taken), wanted[0])
        taken.add(color)
        styles[name] = _style(color, len(FIXED) + number, number // len(free) + color, name)
    return {name: _style(*FIXED[name]) for name in FIXED} | styles


def _style(color: int, marker: int, dash: int, label: str) -> dict[str, Any]:
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
    styles = method_styles(map(str, images.index))
    names = {styles[str(method)]["label"]: f"{count:,.0f} images" for method, count in images.items()}
    handles, labels = ax.get_legend_handles_labels()
    shared_legend(figure, handles, [f"{label}: {names[label]}" for label in labels])


def shared_legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """One legend below the figure, with as many columns as fit its width."""
    for columns in range(min(len(labels), 5), 0, -1):
        legend = figure.legend(handles, labels, loc="outside lower center", ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()


def method_label(method: str) -> str:
    """The name of a method in figures."""
    return FIXED[method][3] if method in FIXED else method


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


def save_figure(figure: Figure, stem: Path, numbers: pandas.DataFrame, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Write `stem` in the formats and as .csv (the plotted numbers), each whole or not at all; their paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    contents = {kind: _rendered(figure, kind) for kind in formats} | {"csv": numbers.to_csv(index=False).encode()}
    plt.close(figure)
    for kind, content in contents.items():
        write_atomically(stem.with_name(f"{stem.name}.{kind}"), content)
    return [stem.with_name(f"{stem.name}.{kind}") for kind in contents]
