"""What was asked for against what was drawn."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noisylab.corruption.record import NoisyLabels


@dataclass(frozen=True)
class Diagnostics:
    """Numbers about one corruption. Those that need the matrix asked for are NaN where there is none.

    rate, nominal_rate: realised, and asked for. expected_rate, rate_spread: mean and standard deviation of the realised rate
    over seeds (0 apart from rounding where counts are exact). rate_per_class: float64[C], NaN for absent classes.
    largest_deviation: max |T - realised|. p_value: of a chi-square test of all rows against the matrix; small means that the
    labels were not drawn from it, and 1 that they were spread more evenly than independent draws are. dominance: the least
    T_ii - max_j T_ij. learnable: whether the true class is the most frequent given label in every row. condition: of the
    matrix (2-norm), infinite where it cannot be inverted. never_given: classes that occur but are given to no sample.
    """

    rate: float
    nominal_rate: float
    expected_rate: float
    rate_spread: float
    rate_per_class: NDArray[np.float64]
    largest_deviation: float
    p_value: float
    dominance: float
    learnable: bool
    condition: float
    never_given: tuple[int, ...]


def diagnose(noisy: NoisyLabels) -> Diagnostics:
    """The diagnostics of a corruption; matrix properties are those of the matrix asked for, else of the realised one."""
    counts, realised = noisy.counts(), noisy.realised_transition()
    sizes = counts.sum(axis=1)
    present = sizes > 0
    asked = noisy.transition
    expected = spread = deviation = p_value = math.nan
    if asked is not None:
        flip = 1 - np.diagonal(asked)
        expected = noisy.nominal_rate if noisy.replaced_by is not None else float(flip @ sizes / len(noisy))
        iid = noisy.parameters.get("sampling") == "iid"
        spread = math.sqrt(float(flip * (1 - flip) @ sizes)) / len(noisy) if iid else 0.0
        deviation = float(np.abs(realised - asked)[present].max())
        p_value = _chi_square(counts[present], asked[present])
    matrix = np.where(present[:, None], realised, np.eye(noisy.num_classes)) if asked is None else asked
    off = matrix - 2 * np.eye(len(matrix))
    margins = np.diagonal(matrix) - off.max(axis=1) if len(matrix) > 1 else np.ones(1)
    condition = float(np.linalg.cond(matrix))
    return Diagnostics(
        rate=noisy.rate,
        nominal_rate=noisy.nominal_rate,
        expected_rate=expected,
        rate_spread=spread,
        rate_per_class=_rate_per_class(noisy, sizes),
        largest_deviation=deviation,
        p_value=p_value,
        dominance=float(margins[present].min()),
        learnable=bool((margins[present] > 0).all()),
        condition=condition if condition < 1e12 else math.inf,
        never_given=tuple(np.flatnonzero((counts.sum(axis=0) == 0) & present).tolist()),
    )


def _rate_per_class(noisy: NoisyLabels, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    wrong = np.bincount(noisy.clean[noisy.flipped], minlength=noisy.num_classes)
    return np.asarray(np.divide(wrong, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0))


def _chi_square(counts: NDArray[np.int64], asked: NDArray[np.float64]) -> float:
    """The p-value of counts int64[R, C] against rows float64[R, C]; 0 where something impossible was drawn."""
    from scipy.special import chdtrc

    possible = asked > 0
    if counts[~possible].any():
        return 0.0
    expected = asked * counts.sum(axis=1, keepdims=True)
    statistic = float(((counts - expected)[possible] ** 2 / expected[possible]).sum())
    freedom = int((possible.sum(axis=1) - 1).sum())
    return float(chdtrc(freedom, statistic)) if freedom else 1.0


def describe_record(noisy: NoisyLabels) -> str:
    """The diagnostics of a corruption as a text of several lines."""
    found, counts = diagnose(noisy), noisy.counts()
    asked = "" if not noisy.parameters else " (" + ", ".join(f"{k}={v!r}" for k, v in noisy.parameters.items()) + ")"
    lines = [
        f"{noisy.kind}{asked}, seed {noisy.seed}: {len(noisy)} labels, {noisy.num_classes} classes",
        f"nominal rate {found.nominal_rate:.4f}, realised rate {found.rate:.4f} ({int(noisy.flipped.sum())} mislabelled)",
    ]
    if noisy.transition is not None:
        lines.append(f"expected rate {found.expected_rate:.4f}, spread over seeds {found.rate_spread:.4f}")
        lines.append(f"largest |realised - asked| transition {found.largest_deviation:.4f}, chi-square p {found.p_value:.3g}")
    learnable = "learnable" if found.learnable else "NOT learnable: some class is mostly given another label"
    lines.append(f"diagonal dominance {found.dominance:.4f} ({learnable}), condition number {found.condition:.4g}")
    if noisy.replaced_by is not None:
        lines.append(f"images replaced from another data set: {int((noisy.replaced_by >= 0).sum())}")
    if found.never_given:
        lines.append(f"classes never given: {', '.join(map(str, found.never_given))}")
    lines.append(f"{'true class':>10} {'samples':>8} {'rate':>7}  most frequent wrong labels")
    for true, rate in enumerate(found.rate_per_class):
        total, wrong = int(counts[true].sum()), counts[true].copy()
        wrong[true] = 0
        frequent = [given for given in np.argsort(-wrong, kind="stable")[:3] if wrong[given]]
        shown = ", ".join(f"{given} ({wrong[given]})" for given in frequent)
        lines.append(f"{true:>10} {total:>8} {f'{rate:7.4f}' if total else f'{chr(45):>7}'}  {shown or '-'}")
    return "\n".join(lines)
