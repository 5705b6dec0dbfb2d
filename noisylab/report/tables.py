"""Tables of a study in the forms that papers and notes want: Markdown and LaTeX."""

import math

import pandas

from noisylab.analysis.statistics import percent
from noisylab.analysis.tables import compare, leaders, summarise, training_length

_LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "_%&#${}"},
        "±": r"$\pm$",
        "≥": r"$\geq$",
        "<": r"$<$",
        ">": r"$>$",
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def latex_text(text: str) -> str:
    """`text` with what LaTeX would not take as it is."""
    return text.translate(_LATEX)


def accuracy_table(results: pandas.DataFrame, measure: str = "test_accuracy_last") -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """A row per method, a column per noise: mean ± 95 % interval in percent, and the exposure; and which cells are best.

    The second table has the shape of the first, and True for the best of a noise where it is significantly above every other.
    """
    summary = summarise(results)
    best = leaders(results, measure)
    marked = {(row["noise"], row["method"]) for row in best.to_dict("records") if row["significant"]}
    rows, bold = [], []
    for method, group in summary.groupby("method", sort=False):
        cells: dict[str, str] = {"method": str(method)}
        cells |= {str(noise): "-" for noise in summary["noise"].unique()}
        for row in group.to_dict("records"):
            cells[row["noise"]] = percent(row[measure], row[f"{measure}_ci"])
        cells |= {"images": f"{group['images_processed'].mean():,.0f}", "steps": f"{group['steps'].mean():,.0f}"}
        rows.append(cells)
        bold.append({column: (column, method) in marked for column in cells})
    return pandas.DataFrame(rows), pandas.DataFrame(bold)


def difference_table(results: pandas.DataFrame, baseline: str, measure: str = "test_accuracy_last") -> pandas.DataFrame:
    """A row per method, for every noise its paired difference to `baseline` in points and (Holm's p over the whole table)."""
    rows: dict[str, dict[str, str]] = {}
    for row in compare(results, measure, baselines=[baseline]).to_dict("records"):
        p = "" if math.isnan(row["p_holm"]) else f" ({_p(row['p_holm'])})"
        cells = rows.setdefault(row["method"], {"method": row["method"]})
        cells[row["noise"]] = percent(row["difference"], row["difference_ci"], sign="+") + p
    return pandas.DataFrame(list(rows.values()) or [{"method": "-"}]).fillna("-")


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def to_markdown(table: pandas.DataFrame, bold: pandas.DataFrame | None = None) -> str:
    """The table in Markdown, first column left and the others right."""
    shown = table if bold is None else table.where(~bold, "**" + table + "**")
    align = ["left"] + ["right"] * (table.shape[1] - 1)
    text: str = shown.to_markdown(index=False, colalign=align, disable_numparse=True)
    return text + "\n"


def to_latex(table: pandas.DataFrame, caption: str, bold: pandas.DataFrame | None = None) -> str:
    """The table as a LaTeX `table` with booktabs."""
    shown = table.map(latex_text)
    if bold is not None:
        shown = shown.where(~bold, r"\textbf{" + shown + "}")
    shown.columns = [latex_text(str(column)) for column in table.columns]
    layout = "l" + "r" * (table.shape[1] - 1)
    text: str = shown.to_latex(index=False, escape=False, column_format=layout, caption=latex_text(caption), position="tb")
    return text


def protocol(results: pandas.DataFrame) -> str:
    """In one sentence, what the numbers of a table are of."""
    first = results.iloc[0]
    seeds = results.groupby(["noise", "method"]).size()
    count = " to ".join(dict.fromkeys(map(str, (seeds.min(), seeds.max()))))
    task = f"{first['data']} ({first['train_size']:,} training samples), {first['model']}, {training_length(first)}"
    measure = "test accuracy in percent at the last epoch, mean ± 95 % interval (Student t)"
    return f"{task}, batch {first['batch_size']}: {measure} over {count} seeds"
