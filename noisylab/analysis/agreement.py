"""Whether methods rank alike under two noises."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas

from noisylab.analysis.comparisons import SEED
from noisylab.analysis.tables import check_columns, check_comparable, under_each
from noisylab.core.seeds import derive_seed

RESAMPLES = 1000


def rank_agreement(
    results: pandas.DataFrame,
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    confidence: float = 0.95,
) -> pandas.DataFrame:
    """Kendall's tau-b between the mean results of all methods under two noises, with a bootstrap interval over seeds.

    1: the same order; 0: no relation; -1: the opposite order. Only seeds that all methods have under both noises count, and
    they are drawn together. A draw repeats some seeds, which adds spread to the means, so the interval leans towards 0, the
    more so the closer the methods lie together.

    Args:
        results: Rows of `results.csv`.
        measure: A column of numbers.
        by: Settings whose values are kept apart.
        pairs: Pairs of noises. None: all.
        confidence: Of the interval, in (0, 1).

    Returns:
        A row per value of `by` and pair of noises: noise, other, `methods` (that have runs under both), n (seeds), tau, low,
        high (NaN for fewer than three seeds).

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, a noise has no runs, or two share fewer than three methods.

    Source:
        Kendall (1945), The treatment of ties in ranking problems; percentile bootstrap.
    """
    from scipy import stats

    check_comparable(results, by)
    check_columns([measure], results, "measure")
    known = list(dict.fromkeys(results["noise"]))
    chosen = [(a, b) for place, a in enumerate(known) for b in known[place + 1 :]] if pairs is None else list(pairs)
    if missing := [noise for pair in chosen for noise in pair if noise not in known]:
        raise ValueError(f"no run is under {missing[0]!r}; there are {', '.join(known)}")
    rows: list[dict[str, Any]] = []
    for key, group in under_each(results, by):
        tables = {
            noise: runs.pivot_table(index=SEED, columns="method", values=measure, sort=False).dropna()
            for noise, runs in group.groupby("noise", sort=False)
        }
        for first, second in chosen:
            if not {first, second} <= tables.keys():
                continue
            shared = [method for method in tables[first] if method in tables[second]]
            if len(shared) < 3:
                raise ValueError(f"ranks need three methods under both noises, and {first} and {second} share {len(shared)}")
            seeds = tables[first].index.intersection(tables[second].index)
            a, b = (tables[noise].loc[seeds, shared].to_numpy() for noise in (first, second))
            random = np.random.default_rng(derive_seed(0, f"rank agreement/{first}/{second}"))
            draws = random.integers(len(seeds), size=(RESAMPLES if len(seeds) > 2 else 0, len(seeds)))
            taus = [stats.kendalltau(a[draw].mean(axis=0), b[draw].mean(axis=0)).statistic for draw in draws]
            low, high = np.nanquantile(taus, [(1 - confidence) / 2, (1 + confidence) / 2]) if taus else (np.nan, np.nan)
            tau = stats.kendalltau(a.mean(axis=0), b.mean(axis=0)).statistic if len(seeds) else np.nan
            row = {"noise": first, "other": second, "methods": len(shared), "n": len(seeds)}
            rows.append(key | row | {"tau": float(tau), "low": float(low), "high": float(high)})
    return pandas.DataFrame(rows, columns=[*by, "noise", "other", "methods", "n", "tau", "low", "high"])
