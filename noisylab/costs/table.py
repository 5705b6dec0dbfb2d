"""The cost table: as rows, for the terminal, and as LaTeX. The paper's own entries are in brackets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from noisylab.report.table import Column, Table

if TYPE_CHECKING:
    from noisylab.costs.measure import Costs

COLUMNS = (
    "method",
    "smoothing",
    "no teacher",
    "no change",
    "forward",
    "backward",
    "nets",
    "label update",
    "images",
    "all nets",
    "trainings",
    "step time",
    "memory",
)

SHOWN = ("forward", "backward", "nets", "images", "all nets", "step time", "memory")
"""The columns that fit a terminal beside the method."""


def record(costs: "Costs") -> dict[str, Any]:
    """The row of a CSV file: the measurements, and the paper's entries as `paper_...`, empty if it has none."""
    paper = PAPER.get(costs.name)
    row: dict[str, Any] = {
        "method": costs.method,
        "no_teacher": costs.teachers == 0,
        "no_change": costs.extra_parameters == 0,
        "forward": costs.passes.forward,
        "backward": costs.passes.backward,
        "networks": costs.passes.networks,
        "update": costs.update,
        "images": costs.passes.images,
        "images_total": costs.passes.images_total,
        "trainings": 1 + costs.teachers,
        "extra_parameters": costs.extra_parameters,
        "time_ratio": costs.time.median,
        "time_ratio_q1": costs.time.low,
        "time_ratio_q3": costs.time.high,
        "memory_ratio": costs.memory,
        "step_seconds": costs.step_seconds,
        "peak_bytes": costs.peak_bytes,
    }
    fields = ("smoothing", "no_teacher", "no_change", "forward", "backward", "networks", "update")
    return row | {f"paper_{field}": getattr(paper, field, "") for field in fields}


def cells(costs: "Costs") -> list[str]:
    """A row as text, in the order of `COLUMNS`."""
    row = record(costs)

    def beside(field: str) -> str:
        value = row[field]
        measured = ("no", "yes")[value] if isinstance(value, bool) else str(value)
        paper = row[f"paper_{field}"]
        return f"{measured} ({paper})" if paper else measured

    return [
        costs.method,
        # Sample-level smoothing is an interpretation of a formula, so only the paper's entry is shown.
        f"({row['paper_smoothing']})" if row["paper_smoothing"] else "",
        *map(beside, ("no_teacher", "no_change", "forward", "backward", "networks", "update")),
        f"{costs.passes.images:.2f}",
        f"{costs.passes.images_total:.2f}",
        str(row["trainings"]),
        f"{costs.time.median:.2f} [{costs.time.low:.2f}\N{EN DASH}{costs.time.high:.2f}]",
        f"{costs.memory:.3f}",
    ]


def cost_table(rows: Sequence["Costs"], caption: str, columns: Sequence[str] = COLUMNS) -> Table:
    """The table. columns: those beside the method, of `COLUMNS`."""
    # Wide enough for "6 epochs"; the paper's entry goes below.
    folds = {"method": 18, "label update": 8, "no teacher": 9, "trainings": 9, "all nets": 4}
    places = [0, *(COLUMNS.index(name) for name in columns if name != COLUMNS[0])]
    heads = tuple(Column(COLUMNS[place], text=place == 0, fold=folds.get(COLUMNS[place])) for place in places)
    return Table(caption, heads, tuple(tuple(cells(costs)[place] for place in places) for costs in rows))


class PaperEntry(NamedTuple):
    """A row of Table 1; `forward`, `backward` and `networks` are per batch, `update` is how often targets change."""

    smoothing: str
    no_teacher: str
    no_change: str
    forward: str
    backward: str
    networks: str
    update: str


# By method name: sample-level smoothing, no pre-trained teacher, no architecture change, forward and backward passes per batch,
# networks, label update frequency (Shen et al., CVPR 2022, Table 1).
PAPER = {
    "lsr": PaperEntry("no", "yes", "yes", "1", "1", "1", "-"),
    "tf_kd_self": PaperEntry("yes", "no", "yes", "2", "1", "2", "epoch"),
    "tf_kd_reg": PaperEntry("yes", "yes", "yes", "1", "1", "1", "-"),
    "cs_kd": PaperEntry("yes", "yes", "yes", "2", "2", "1", "-"),
    "ps_kd": PaperEntry("yes", "yes", "yes", "2", "1", "2", "epoch"),
    "mr_kd": PaperEntry("yes", "yes", "yes", "≥2", "1", "1", "epoch"),
    "ddgsd": PaperEntry("yes", "yes", "yes", "2", "2", "1", "-"),
    "byot": PaperEntry("yes", "yes", "no", "1", "≥2", "1", "-"),
    "dlb": PaperEntry("yes", "yes", "yes", "1", "1", "1", "batch"),
}
