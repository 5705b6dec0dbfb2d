"""Comparisons between the methods of a study: paired differences, pooled or for each noise, the best method, and ranks.

Holm's correction has one family of tests for each question, whatever a table or a figure shows of it: the primary contrasts
among themselves; and under each noise the primary contrasts with the differences from the baselines of the study. So `methods`
chooses rows and changes no p-value, unlike a table of fewer runs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas

from noisylab.analysis.statistics import holm, paired_difference, pairs_for_power, power_of_difference
from noisylab.analysis.tables import EXPOSURE, check_columns, check_comparable, known_method, mean_of, several, under_each
from noisylab.core.specs import split_contrast

CONTRASTS = (("dlb", "repeat"), ("dlb", "ce"))
"""The usual primary contrasts: method and baseline."""

BASELINES = ("ce", "repeat")
"""The methods that all others are compared with, as far as they were run."""

SEED = ["seed", "noise_seed"]


def compare(
    results: pandas.DataFrame,
    measure: str = "test_accuracy_last",
    baselines: Sequence[str] | None = None,
    by: Sequence[str] = (),
    *,
    contrasts: Sequence[tuple[str, str] | str] | None = None,
    methods: Sequence[str] = (),
) -> pandas.DataFrame:
    """Differences between methods under each noise, paired by seed and noise seed, with Holm-corrected p-values.

    Args:
        results: Rows of `results.csv`.
        measure: A column of numbers.
        baselines: Methods that all others are compared with; by default those of `usual_baselines`.
        by: Settings whose values are kept apart.
        contrasts: Pairs of a method and its baseline, or texts such as "dlb - repeat", instead of all pairs with `baselines`.
        methods: Only the rows of pairs of these methods; if there are none, of each with the first usual baseline among them.
            Empty: all rows.

    Returns:
        A row per value of `by`, noise and pair of methods: method, baseline, measure, n (pairs), difference (method -
        baseline), half its 95 % interval (`difference_ci95_half`), p of the paired t-test, `p_holm`, `tests`, and how many
        times the baseline's exposure the method had (`EXPOSURE`, each with `_ratio`). `p_holm` is corrected over the `tests`
        of its noise: all pairs with the usual baselines, and those asked for, at all values of `by`. So a difference has the
        same p whichever of these pairs, methods and noises are shown.

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, a run occurs twice, or no run is of a baseline.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.comparisons import compare
        >>> results = pandas.read_csv("runs/noise_sweep/results.csv")  # doctest: +SKIP
        >>> compare(results, baselines=["ce", "repeat"])  # doctest: +SKIP
    """
    if contrasts is None:
        against = usual_baselines(results) if baselines is None else several("baselines", baselines)
        pairs = _pairs_with([known_method(name, results) for name in against], results)
    else:
        pairs = _known_pairs(contrasts, results)
    check_comparable(results, by)
    _check_measure(measure, results)
    shown = _of_methods(pairs, methods, results)
    # The tests that are corrected together, each pair in one direction; those asked for come first.
    family: list[tuple[str, str]] = []
    for a, b in [*pairs, *shown, *_pairs_with(usual_baselines(results), results)]:
        family += [(a, b)] if not {(a, b), (b, a)} & set(family) else []
    rows = _paired(results, measure, by, list(dict.fromkeys([*pairs, *shown, *family])))
    head = [*by, "noise", "method", "baseline", "measure", "n", "difference", "difference_ci95_half"]
    table = _corrected(rows, head, results, "noise")
    return of_pairs(table, shown).reset_index(drop=True)


def primary_contrasts(
    results: pandas.DataFrame,
    contrasts: Sequence[tuple[str, str] | str] | None = None,
    measure: str = "test_accuracy_last",
    by: Sequence[str] = (),
    *,
    methods: Sequence[str] = (),
    difference: float = 0.02,
    level: float = 0.05,
) -> pandas.DataFrame:
    """Differences between methods pooled over the noisy settings, paired by seed: the few questions of a study.

    For each seed, the measure of a method is its mean over all noisy settings (realised rate above 0) that both methods were
    run under; only seeds that have all of them count. One number per seed and method is left, so the settings of a seed, whose
    noise is nested (the flips of a low rate are among those of a high one) and whose networks start alike, are never taken
    for independent; and because both methods see the same noise, the difference is paired.

    Args:
        results: Rows of `results.csv`.
        contrasts: Pairs of a method and its baseline, or texts such as "dlb - repeat". None: those of `CONTRASTS` whose methods
            were run, or else the first method against every other one.
        measure: A column of numbers.
        by: Settings whose values are kept apart.
        methods: Only the rows of contrasts of these methods, as of `compare`.
        difference: The true difference for which power is stated, in the unit of `measure`.
        level: Of significance, in (0, 1).

    Returns:
        A row per value of `by` and contrast: method, baseline, measure, `noises` (number of noisy settings), n (seeds),
        `left_out` (seeds that lack a setting), difference (method - baseline), half its 95 % interval
        (`difference_ci95_half`), its standard deviation over seeds (`difference_sd`), p of the paired t-test, `p_holm`,
        corrected over all the contrasts, their number (`tests`), and the exposure relative to the baseline's. `power`: the
        probability that n seeds of this spread show `difference`; `n_for_power`: the seeds for which it is .8. Both are at the
        strictest level of Holm, `level` over the number of tests, and as uncertain as the spread.

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, a run occurs twice, or no run is of a method.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.comparisons import primary_contrasts
        >>> results = pandas.read_csv("runs/noise_sweep/results.csv")  # doctest: +SKIP
        >>> primary_contrasts(results, [("dlb", "repeat")])[["n", "difference", "p_holm"]]  # doctest: +SKIP
    """
    pairs = usual_contrasts(results) if contrasts is None else _known_pairs(contrasts, results)
    check_comparable(results, by)
    _check_measure(measure, results)
    shown = _of_methods(pairs, methods, results)
    rows: list[dict[str, Any]] = []
    for key, group in under_each(results, by):
        rates = group.groupby("noise")["realised_rate"].max()
        noisy = group[group["noise"].isin(rates.index[rates > 0])]
        for a, b in dict.fromkeys([*pairs, *shown]):
            both = noisy[noisy["method"].isin((a, b))]
            values = both.pivot_table(index=SEED, columns=["noise", "method"], values=measure)
            shared = [noise for noise in values.columns.unique("noise") if {(noise, a), (noise, b)} <= set(values.columns)]
            whole = values[[(noise, method) for noise in shared for method in (a, b)]].dropna()
            if not shared or whole.empty:
                continue
            mean_a, mean_b = (whole.xs(method, axis=1, level="method").to_numpy().mean(axis=1) for method in (a, b))
            interval, p = paired_difference(mean_a, mean_b)
            # Without p there is no spread either: one seed, or differences that are equal up to rounding.
            spread = float((mean_a - mean_b).std(ddof=1)) if p == p else float("nan")
            row = {"method": a, "baseline": b, "measure": measure, "noises": len(shared), "n": interval.n}
            row |= {"left_out": len(values) - len(whole), "difference": interval.mean}
            row |= {"difference_ci95_half": interval.half, "difference_sd": spread, "p": p}
            rows.append(key | row | _ratios(_exposure(both[both["noise"].isin(shared)]), a, b))
    head = [*by, "method", "baseline", "measure", "noises", "n", "left_out", "difference", "difference_ci95_half"]
    table = _corrected(rows, [*head, "difference_sd"], results)
    strictest = level / max([1, *table["tests"]])
    table = of_pairs(table, shown).reset_index(drop=True)
    spreads = table["difference_sd"].tolist()
    power = [power_of_difference(sd, n, difference, strictest) for sd, n in zip(spreads, table["n"].tolist(), strict=True)]
    needed = [pairs_for_power(sd, difference, strictest) for sd in spreads]
    return table.assign(power=power, n_for_power=pandas.Series(needed, dtype="Int64"))


def usual_contrasts(results: pandas.DataFrame, contrasts: Sequence[tuple[str, str]] = CONTRASTS) -> list[tuple[str, str]]:
    """The contrasts whose methods were both run; if there are none, every other method against the first usual baseline."""
    return of_run_methods(results, contrasts) or _pairs_with(usual_baselines(results)[:1], results)


def of_run_methods(results: pandas.DataFrame, contrasts: Iterable[Sequence[str]]) -> list[tuple[str, str]]:
    """Those of the contrasts whose method and baseline were both run."""
    methods = set(results["method"])
    return [(method, baseline) for method, baseline in contrasts if {method, baseline} <= methods]


def usual_pairs(results: pandas.DataFrame, contrasts: Sequence[tuple[str, str]] = CONTRASTS) -> list[tuple[str, str]]:
    """The pairs that are compared under each noise: every other method with the usual baselines, then further contrasts.

    If none of `BASELINES` was run, but the methods of some contrast were, it is the contrasts alone.
    """
    asked = of_run_methods(results, contrasts)
    if asked and not {*results["method"]} & {*BASELINES}:
        return asked
    pairs = _pairs_with(usual_baselines(results), results)
    return [*pairs, *((a, b) for a, b in asked if not {(a, b), (b, a)} & {*pairs})]


def of_pairs(rows: pandas.DataFrame, pairs: Collection[tuple[str, str]]) -> pandas.DataFrame:
    """The rows of some pairs of a method and its baseline."""
    # With `loc`, since no row at all would choose no column.
    return rows.loc[[pair in pairs for pair in zip(rows["method"], rows["baseline"], strict=True)]]


def usual_baselines(results: pandas.DataFrame) -> list[str]:
    """Those of `BASELINES` that were run; if there are none, the first method.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.comparisons import usual_baselines
        >>> usual_baselines(pandas.DataFrame({"method": ["dlb", "elr", "ce"]}))
        ['ce']
    """
    methods = list(dict.fromkeys(results["method"]))
    return [name for name in BASELINES if name in methods] or methods[:1]


def leaders(
    results: pandas.DataFrame, measure: str = "test_accuracy_last", by: Sequence[str] = (), *, level: float = 0.05
) -> pandas.DataFrame:
    """The method with the highest mean under each noise, and whether it is significantly above every other one.

    Args:
        results: Rows of `results.csv`.
        measure: A column of numbers.
        by: Settings whose values are kept apart.
        level: Of significance, in (0, 1).

    Returns:
        A row per value of `by` and noise: method; `p_holm`, the largest p of its paired t-tests with the others after Holm's
        correction over all `tests` of the table, NaN unless all of them have two pairs at least; significant: `p_holm` < level.

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, or a run occurs twice.
    """
    check_comparable(results, by)
    parts: list[dict[str, Any]] = []
    best: list[tuple[dict[str, Any], str, int]] = []
    for key, group in under_each(results, by, "noise"):
        leader = str(group.groupby("method", sort=False)[measure].mean().idxmax())
        parts += [row | {"place": len(best)} for row in _paired(group, measure, (), _pairs_with([leader], group))]
        best.append((key, leader, group["method"].nunique() - 1))
    tests = pandas.DataFrame(parts, columns=["place", "p"])
    tests["p_holm"], count = holm(tests["p"]), int(tests["p"].notna().sum())
    rows = []
    for place, (key, leader, others) in enumerate(best):
        p = tests.loc[tests["place"] == place, "p_holm"]
        whole = len(p) == others > 0 and bool(p.notna().all())
        largest = float(p.max()) if whole else float("nan")
        rows.append(key | {"method": leader, "p_holm": largest, "tests": count, "significant": largest < level})
    return pandas.DataFrame(rows)


def seed_ranks(results: pandas.DataFrame, measure: str = "test_accuracy_last", by: Sequence[str] = ()) -> pandas.DataFrame:
    """The rank of every method in every seed (1 = best, ties share), under each noise.

    Under each noise, only the seeds that all methods have count. Arguments and errors are those of `mean_ranks`.

    Returns:
        A row per value of `by`, noise, method and seed, with noise_seed and rank.
    """
    check_comparable(results, by)
    parts = []
    for key, group in under_each(results, by, "noise"):
        values = group.pivot_table(index=SEED, columns="method", values=measure, sort=False).dropna()
        ranks = values.rank(axis=1, ascending=False).melt(ignore_index=False, value_name="rank").reset_index()
        parts.append(ranks.assign(**{name: [value] * len(ranks) for name, value in key.items()}))
    return pandas.concat(parts, ignore_index=True)[[*by, "noise", "method", *SEED, "rank"]]


def mean_ranks(results: pandas.DataFrame, measure: str = "test_accuracy_last", by: Sequence[str] = ()) -> pandas.DataFrame:
    """The mean rank of every method over the seeds of one data set (1 = best, ties share), under each noise.

    Friedman's test here asks whether the methods differ on this data set and under this noise, for new seeds. It does not ask
    whether they differ on other data sets, as it does in Demsar's use, which ranks over data sets; a critical-difference
    diagram belongs to that use alone.

    Args:
        results: Rows of `results.csv`.
        measure: A column of numbers; high is good.
        by: Settings whose values are kept apart.

    Returns:
        A row per value of `by`, noise and method: n (seeds that all methods have), rank, half its 95 % interval
        (`rank_ci95_half`), and Friedman's p over seeds, NaN for fewer than three methods or two seeds.

    Raises:
        ValueError: If runs differ in a setting that is not in `by`, or a run occurs twice.

    Source:
        Friedman (1937), The use of ranks to avoid the assumption of normality; compare Demsar (2006), Sec. 3.2.
    """
    ranks = seed_ranks(results, measure, by)
    rows = []
    for key, group in under_each(ranks, by, "noise"):
        table = group.pivot_table(index=SEED, columns="method", values="rank", sort=False)
        testable = table.shape[0] > 1 and table.shape[1] > 2
        p = float("nan")
        if testable:
            from scipy.stats import friedmanchisquare

            p = float(friedmanchisquare(*table.to_numpy().T).pvalue)
        rows += [
            key | {"method": method, "n": len(table)} | mean_of(table[method], "rank") | {"friedman_p": p}
            for method in table.columns
        ]
    return pandas.DataFrame(rows, columns=[*by, "noise", "method", "n", "rank", "rank_ci95_half", "friedman_p"])


def _paired(
    results: pandas.DataFrame, measure: str, by: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """The rows of `compare` without the correction."""
    rows = []
    for key, group in under_each(results, by, "noise"):
        values = group.pivot_table(index=SEED, columns="method", values=measure)
        measured, exposure = {str(name): values[name].to_numpy() for name in values.columns}, _exposure(group)
        for a, b in pairs:
            if not {a, b} <= measured.keys():
                continue
            both = ~(np.isnan(measured[a]) | np.isnan(measured[b]))
            if both.any():
                interval, p = paired_difference(measured[a][both], measured[b][both])
                row = {"method": a, "baseline": b, "measure": measure, "n": interval.n, "difference": interval.mean}
                rows.append(key | row | {"difference_ci95_half": interval.half, "p": p} | _ratios(exposure, a, b))
    return rows


def _pairs_with(baselines: Iterable[str], results: pandas.DataFrame) -> list[tuple[str, str]]:
    """Every other method against each of the baselines, each pair in one direction."""
    pairs: list[tuple[str, str]] = []
    for b in baselines:
        pairs += [(a, b) for a in dict.fromkeys(results["method"]) if a != b and (b, a) not in pairs]
    return pairs


def _of_methods(
    pairs: Sequence[tuple[str, str]], methods: Sequence[str], results: pandas.DataFrame
) -> Sequence[tuple[str, str]]:
    """The pairs whose methods are both chosen, or the usual ones of the chosen methods; all pairs if none is chosen."""
    chosen = [known_method(name, results) for name in several("methods", methods)]
    return usual_contrasts(pandas.DataFrame({"method": chosen}), pairs) if chosen else pairs


def _known_pairs(contrasts: Sequence[tuple[str, str] | str], results: pandas.DataFrame) -> list[tuple[str, str]]:
    """The contrasts with the names that the tables have for their methods."""
    pairs = []
    for given in several("contrasts", contrasts):
        pair = split_contrast(given) if isinstance(given, str) else tuple(given)
        if len(pair) != 2:
            raise ValueError(f"a contrast must be a pair of a method and its baseline, as ('dlb', 'repeat'), got {given!r}")
        method, baseline = (known_method(name, results) for name in pair)
        if method == baseline:
            raise ValueError(f"a contrast must name two methods, got {method!r} twice")
        pairs.append((method, baseline))
    return pairs


def _check_measure(measure: str, results: pandas.DataFrame) -> None:
    """Raise ValueError unless some run has a number in the column."""
    check_columns([measure], results, "measure")
    if results[measure].isna().all():
        needs = {"selected": "held-out validation samples", "validation": "held-out validation samples"}
        why = next((f"; it needs {what}" for part, what in needs.items() if part in measure), "")
        raise ValueError(f"no run has a value of {measure}{why}")


def _exposure(runs: pandas.DataFrame) -> dict[str, dict[str, float]]:
    """The mean exposure of a run of each method: `EXPOSURE` -> method -> mean."""
    means = {name: runs.groupby("method")[name].mean() for name in EXPOSURE if name in runs}
    return {name: {str(method): float(value) for method, value in held.items()} for name, held in means.items()}


def _ratios(exposure: Mapping[str, Mapping[str, float]], method: str, baseline: str) -> dict[str, float]:
    """How many times the baseline's exposure the method had."""
    return {f"{name}_ratio": float(np.divide(held[method], held[baseline])) for name, held in exposure.items()}


def _corrected(
    rows: list[dict[str, Any]], head: Sequence[str], results: pandas.DataFrame, within: str | None = None
) -> pandas.DataFrame:
    """The rows as a table, with Holm's correction over all of them, or over those of each value of the column `within`.

    A pair of methods in both directions is one test.
    """
    ratios = [f"{name}_ratio" for name in EXPOSURE if name in results]
    table = pandas.DataFrame(rows, columns=[*head, "p", *ratios])
    by = [name for name in head[: head.index("method")] if name != within]
    p_holm, tests = [float("nan")] * len(table), [0] * len(table)
    for _, family in table.groupby(within, sort=False) if within else [("", table)]:
        of = {
            place: (*(row[name] for name in by), frozenset((row["method"], row["baseline"])))
            for place, row in zip(family.index, family.to_dict("records"), strict=True)
        }
        p = dict(zip(of.values(), family["p"], strict=True))
        corrected = dict(zip(p, holm(list(p.values())), strict=True))
        count = sum(each == each for each in p.values())
        for place, test in of.items():
            p_holm[place], tests[place] = float(corrected[test]), count
    table.insert(len(head) + 1, "p_holm", p_holm)
    table.insert(len(head) + 2, "tests", tests)
    return table
