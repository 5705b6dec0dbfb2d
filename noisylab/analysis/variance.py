"""How much of the spread of a measure is due to the noise's seed, and how much to that of training."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas
from numpy.typing import ArrayLike

from noisylab.analysis.comparisons import usual_contrasts
from noisylab.analysis.statistics import pairs_for_power
from noisylab.analysis.tables import check_columns, check_comparable, under_each
from noisylab.core.lines import least_to_most

NAN = float("nan")
DEPENDENT = "Runs share seeds of noise or training, so they are not independent, and intervals and p-values are too small"


def variance_components(values: ArrayLike) -> dict[str, float]:
    """The variances of rows, of columns and of the rest in a table with one value for each row and column.

    The model is y_ij = mean + row_i + column_j + rest_ij with random rows and columns; the rest is their interaction and all
    else that differs between runs.

    Args:
        values: float[R, C], R and C at least 2.

    Returns:
        `rows`, `columns` and `rest`: the variances, by equating mean squares with their expectations, and 0 where that gives a
        negative number. `p_rows` and `p_columns`: F tests of the hypothesis that a variance is 0; NaN if the rest is 0.

    Raises:
        ValueError: If a value is missing, or there are fewer than two rows or columns.

    Example:
        >>> from noisylab.analysis.variance import variance_components
        >>> found = variance_components([[0.0, 1.0], [4.0, 5.0], [8.0, 9.0]])
        >>> {name: round(found[name], 2) for name in ("rows", "columns", "rest")}
        {'rows': 16.0, 'columns': 0.5, 'rest': 0.0}

    Source:
        Searle, Casella and McCulloch (1992), Variance Components, Sec. 4.3 (ANOVA estimators of the two-way crossed model).
    """
    from scipy import stats

    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or np.isnan(table).any():
        raise ValueError(f"values must be a whole table of two rows and columns or more, got {table.shape}")
    rows, columns = table.shape
    mean = table.mean()
    by_row, by_column = table.mean(axis=1), table.mean(axis=0)
    square_rows = columns * by_row.var(ddof=1)
    square_columns = rows * by_column.var(ddof=1)
    rest = table - by_row[:, None] - by_column[None, :] + mean
    free = (rows - 1) * (columns - 1)
    square_rest = (rest**2).sum() / free
    # Sums of equal values differ from 0 by rounding.
    exact = square_rest <= 1e-24 * max(1.0, float((table**2).max()))

    def p(square: float, degrees: int) -> float:
        return NAN if exact else float(stats.f.sf(square / square_rest, degrees, free))

    return {
        "rows": max(0.0, float(square_rows - square_rest) / columns),
        "columns": max(0.0, float(square_columns - square_rest) / rows),
        "rest": 0.0 if exact else float(square_rest),
        "p_rows": p(square_rows, rows - 1),
        "p_columns": p(square_columns, columns - 1),
    }


def are_crossed(results: pandas.DataFrame) -> bool:
    """Whether runs of a method under a noise share one of their two seeds, so that they are not independent."""
    groups = [name for name in ("noise", "method") if name in results]
    pairs = results[[*groups, "seed", "noise_seed"]].drop_duplicates().groupby(groups)
    return bool((pairs["seed"].nunique() < pairs.size()).any() and (pairs["noise_seed"].nunique() > 1).any())


def counted_seeds(counts: Collection[float], results: pandas.DataFrame) -> str:
    """`5 seeds`, `3 to 5 seeds`, or `36 pairs of seeds` if `are_crossed`. counts: runs of each mean; results: the runs."""
    noun = "pair{} of seeds" if are_crossed(results) else "seed{}"
    return f"{least_to_most(counts)} {noun.format('' if max(counts) == 1 else 's')}"


def seed_variance(
    results: pandas.DataFrame,
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    *,
    contrasts: Sequence[tuple[str, str]] | None = None,
    difference: float = 0.01,
) -> pandas.DataFrame:
    """The shares of a measure's variance that are due to the noise's seed and to the training's, under each noise.

    Needs every noise seed with every training seed. A contrast is the difference of two methods in runs with the same seeds.

    Args:
        results: Rows of `results.csv`.
        measure: A column of numbers.
        by: Settings whose values are kept apart.
        contrasts: Pairs of a method and its baseline. None: the usual ones.
        difference: The difference that a study is to find, in the unit of `measure`.

    Returns:
        A row per value of `by`, noise and method, and one per contrast ("dlb - repeat"): `noise_seeds` and `seeds` (numbers),
        `mean`, `sd` (of one run whose two seeds are both new), the shares of its variance `share_noise_seed`, `share_seed` and
        `share_rest`, the p-values of F tests (`p_noise_seed`, `p_seed`), and for contrasts `n_for_power`: the pairs, each with
        new seeds, with which a paired t-test at .05 finds `difference` with probability .8.

    Raises:
        ValueError: If runs differ in another setting, or the seeds are not crossed.

    Example:
        >>> from noisylab.analysis.variance import seed_variance
        >>> seed_variance(study.results)[["noise", "method", "share_noise_seed"]]  # doctest: +SKIP
    """
    check_comparable(results, by)
    check_columns([measure], results, "measure")
    pairs = usual_contrasts(results, *([] if contrasts is None else [contrasts]))
    rows: list[dict[str, Any]] = []
    for key, group in under_each(results, by, "noise"):
        tables: dict[str, pandas.DataFrame] = {
            str(method): runs.pivot_table(index="noise_seed", columns="seed", values=measure)
            for method, runs in group.groupby("method", sort=False)
        }
        differences = {f"{a} - {b}": tables[a] - tables[b] for a, b in pairs if {a, b} <= tables.keys()}
        for name, table in {**tables, **differences}.items():
            if min(table.shape) < 2 or table.isna().any(axis=None):
                raise ValueError(
                    f"{name} under {key['noise']}: every noise seed must be run with every seed, two of each or more; "
                    "run with over={'noise_seed': [0, 1, 2]} (--over noise_seed=0,1,2)"
                )
            found = variance_components(table)
            total = found["rows"] + found["columns"] + found["rest"]
            shares = {
                name: found[part] / total if total else NAN
                for name, part in (("share_noise_seed", "rows"), ("share_seed", "columns"), ("share_rest", "rest"))
            }
            needed = pairs_for_power(total**0.5, difference) if name in differences else None
            counts = {"method": name, "noise_seeds": table.shape[0], "seeds": table.shape[1]}
            rows.append(
                key
                | counts
                | {"mean": float(table.to_numpy().mean()), "sd": total**0.5}
                | shares
                | {"p_noise_seed": found["p_rows"], "p_seed": found["p_columns"], "n_for_power": needed}
            )
    table = pandas.DataFrame(rows)
    return table.astype({"n_for_power": "Int64"})
