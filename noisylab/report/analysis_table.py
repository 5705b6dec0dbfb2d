"""The table of a further analysis, as a named study asks for it."""

import pandas

from noisylab.analysis.statistics import format_p
from noisylab.analysis.tables import is_share
from noisylab.report.table import Column, Table

# Columns of shares whatever the measure.
SHARES = ("share_",)
# Columns in the unit of the measure.
IN_UNIT = ("mean", "sd", "difference")


def analysis_table(name: str, analysed: pandas.DataFrame, measure: str = "test_accuracy_last") -> Table:
    """A row of text per row of a table of numbers: shares, and numbers in the unit of a share, in percent.

    name: of the analysis, for the caption. analysed: text and numbers; columns named p or p_... are p-values. measure: what was
    analysed.
    """
    text = [str(column) for column in analysed if not pandas.api.types.is_numeric_dtype(analysed[column])]
    numbers = [str(column) for column in analysed if column not in text]
    heads = [
        Column(str(column).replace("_", " "), text=column in text, fold=None if column in text else 9)
        for column in (*text, *numbers)
    ]
    percent = [column for column in numbers if column.startswith(SHARES) or (column in IN_UNIT and is_share(measure))]

    def cell(column: str, value: object) -> str:
        if column in text:
            return str(value)
        if pandas.isna(value):  # type: ignore[call-overload]
            return "-"
        number = float(value)  # type: ignore[arg-type]
        if column == "p" or column.startswith("p_"):
            return format_p(number)
        if column in percent:
            return f"{100 * number:.1f}"
        return f"{number:.0f}" if pandas.api.types.is_integer_dtype(analysed[column]) else f"{number:.2f}"

    rows = tuple(tuple(cell(column, row[column]) for column in (*text, *numbers)) for row in analysed.to_dict("records"))
    said = f"{name.replace('_', ' ').capitalize()}: {measure.replace('_', ' ')}, shares in percent"
    return Table(said, tuple(heads), rows, sections=1 if len(text) > 1 else 0)
