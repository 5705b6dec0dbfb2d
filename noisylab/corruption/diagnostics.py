"""Compare the noise that was asked for with the noise that was drawn."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noisylab.core.foreign_text import padded, printable, short_names, width_of
from noisylab.corruption.drawing import Drawing
from noisylab.corruption.validation import shortened

if TYPE_CHECKING:
    from noisylab.corruption.record import NoisyLabels


@dataclass(frozen=True)
class Diagnostics:
    """Numbers about one corruption. Numbers that need an unknown request (its rate or matrix) are NaN.

    Attributes:
        rate: Realised rate.
        nominal_rate: Rate that was asked for.
        expected_rate: Mean of the realised rate over seeds.
        rate_spread: Its standard deviation over seeds: 0 if the number of flips is exact over the whole set, that of rounding
            if it is exact per class, NaN if it is not known.
        rate_per_class: float64[C], realised; NaN for absent classes.
        expected_per_class: float64[C], expected; NaN for absent classes.
        largest_deviation: Max |T - realised|.
        p_value: Chi-square test of all rows against the matrix. A small value means that the labels were not drawn from it, 1
            that they are spread more evenly than independent draws.
        dominance: The smallest T_ii - max_j T_ij.
        learnable: Whether the true class is the most frequent given label in every row.
        condition: Condition number of the matrix (2-norm); infinite if it cannot be inverted.
        never_given: Classes that occur but are given to no sample.
    """

    rate: float
    nominal_rate: float
    expected_rate: float
    rate_spread: float
    rate_per_class: NDArray[np.float64]
    expected_per_class: NDArray[np.float64]
    largest_deviation: float
    p_value: float
    dominance: float
    learnable: bool
    condition: float
    never_given: tuple[int, ...]


def diagnose(noisy: "NoisyLabels") -> Diagnostics:
    """Compare the noise that was asked for with the noise that was drawn.

    Args:
        noisy: A record.

    Returns:
        The numbers that `noisy.report()` prints. They describe the requested matrix if there is one, else the realised matrix.

    Example:
        >>> from noisylab.corruption import diagnose, symmetric
        >>> found = diagnose(symmetric([0, 1, 2, 3] * 25, 0.4))
        >>> found.rate, round(found.expected_rate, 4), found.learnable
        (0.4, 0.4, True)
    """
    counts, realised = noisy.counts(), noisy.realised_transition()
    sizes = counts.sum(axis=1)
    present = sizes > 0
    asked = noisy.transition
    expected = spread = deviation = p_value = math.nan
    flip = _flip_probability(noisy)
    if flip is not None:
        expected, spread = float(flip.mean()), _spread(noisy, flip)
    if asked is not None:
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
        rate_per_class=_per_class(noisy, noisy.mislabelled),
        expected_per_class=_per_class(noisy, np.full(len(noisy), np.nan) if flip is None else flip),
        largest_deviation=deviation,
        p_value=p_value,
        dominance=float(margins[present].min()),
        learnable=bool((margins[present] > 0).all()),
        condition=condition if condition < 1e12 else math.inf,
        never_given=tuple(np.flatnonzero((counts.sum(axis=0) == 0) & present).tolist()),
    )


def _flip_probability(noisy: "NoisyLabels") -> NDArray[np.float64] | None:
    """How likely each sample was to be mislabelled, float64[N]; None if that is not known."""
    if noisy.flip_probability is not None:
        return noisy.flip_probability
    # A matrix says nothing about replaced images.
    if noisy.transition is None or noisy.replaced_by is not None:
        return None
    return np.asarray((1 - np.diagonal(noisy.transition))[noisy.true])


def _spread(noisy: "NoisyLabels", flip: NDArray[np.float64]) -> float:
    """The standard deviation of the realised rate over seeds; NaN if it is not known for this way of drawing."""
    mode, count = noisy.parameters.get("sampling"), len(noisy)
    if mode == Drawing.IID:
        return math.sqrt(float((flip * (1 - flip)).sum())) / count
    if mode == Drawing.EXACT_PER_CLASS:
        return _spread_of_rounding(noisy, flip)
    # A number of flips that is exact over the whole set is not exact in some of its classes.
    if mode == Drawing.ROUNDED_DOWN or (mode == Drawing.EXACT and "classes" not in noisy.parameters):
        return 0.0
    if mode == Drawing.REDRAWN and noisy.nominal_rate > 0:
        # Sampling without replacement; then each chosen sample is mislabelled with probability `wrong`.
        chosen, wrong = noisy.nominal_rate * count, flip / noisy.nominal_rate
        own = chosen * float((wrong * (1 - wrong)).mean())
        return math.sqrt(max(own, 0) + chosen * (count - chosen) / max(count - 1, 1) * float(wrong.var())) / count
    return 0.0 if mode == Drawing.REDRAWN else math.nan


def _spread_of_rounding(noisy: "NoisyLabels", flip: NDArray[np.float64]) -> float:
    """`_spread` if each of m classes rounds up when the fraction of its flips is above its own of m spaced thresholds."""
    expected = np.bincount(noisy.true, weights=flip, minlength=noisy.num_classes)
    expected = expected[expected > 0]
    m = len(expected)
    # The number of thresholds (k + .5) / m below each fraction; rounding errors do not count as fractions.
    fraction = (expected + 1e-9) % 1 - 1e-9
    below = np.sort(np.clip(np.ceil(m * fraction - 0.5 - 1e-9), 0, m))
    if ((below == 0) | (below == m)).all():
        return 0.0
    if "classes" in noisy.parameters:
        # It is not known how many of the omitted classes shared the thresholds.
        return math.nan
    chance = below / m
    # Thresholds are dealt without replacement, so the rounding of any two classes is correlated.
    others = np.cumsum(chance) - chance
    pairs = 2 * (others * ((below - 1) / max(m - 1, 1) - chance)).sum()
    variance = float((chance * (1 - chance)).sum() + pairs)
    return math.sqrt(variance) / len(noisy) if variance > 1e-9 else 0.0


def _per_class(noisy: "NoisyLabels", values: NDArray[np.generic]) -> NDArray[np.float64]:
    """The mean of a per-sample value in every true class; NaN for absent classes."""
    sizes = np.bincount(noisy.true, minlength=noisy.num_classes)
    total = np.bincount(noisy.true, weights=values, minlength=noisy.num_classes)
    return np.asarray(np.divide(total, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0))


# Cells that expect fewer samples make the chi-square distribution a bad approximation (Cochran 1954).
EXPECTED = 5


def _chi_square(counts: NDArray[np.int64], asked: NDArray[np.float64]) -> float:
    """The p-value of counts int64[R, C] against rows float64[R, C]; 0 if something impossible was drawn.

    In every row, cells that expect fewer than EXPECTED samples are merged, with the largest cell if they are still too few.
    """
    from scipy.special import chdtrc

    if counts[asked <= 0].any():
        return 0.0
    statistic, freedom = 0.0, 0
    for drawn, expected in zip(counts, asked * counts.sum(axis=1, keepdims=True), strict=True):
        sparse = expected < EXPECTED
        seen, wanted = drawn[~sparse].astype(np.float64), expected[~sparse]
        rest = float(expected[sparse].sum())
        if rest >= EXPECTED or not len(wanted):
            seen, wanted = np.append(seen, drawn[sparse].sum()), np.append(wanted, rest)
        elif rest > 0:
            largest = int(wanted.argmax())
            seen[largest] += drawn[sparse].sum()
            wanted[largest] += rest
        if len(wanted) > 1:
            statistic += float(((seen - wanted) ** 2 / wanted).sum())
            freedom += len(wanted) - 1
    return float(chdtrc(freedom, statistic)) if freedom else 1.0


def _spread_in_words(spread: float) -> str:
    if math.isnan(spread):
        return ""
    return f", spread over seeds {spread:.4f}" if spread >= 5e-5 else ", exact up to rounding"


def named_parameters(parameters: Mapping[str, Any], names: tuple[str, ...] | None) -> dict[str, Any]:
    """The parameters of a record, with the classes in them by name if names are known."""
    shown = dict(parameters)
    if names is None:
        return shown
    for key, value in parameters.items():
        if key == "mapping" and isinstance(value, Mapping):
            shown[key] = {names[int(true)]: names[given] for true, given in value.items()}
        elif key == "classes":
            shown[key] = [names[each] for each in value]
        elif key == "groups" and not isinstance(value, str):
            shown[key] = dict(zip(names, value, strict=True))
        elif isinstance(value, Mapping):
            shown[key] = named_parameters(value, names)
    return shown


def describe_record(noisy: "NoisyLabels") -> str:
    """The diagnostics of a corruption as text."""
    found, counts = diagnose(noisy), noisy.counts()
    names = [str(c) for c in range(noisy.num_classes)] if noisy.class_names is None else noisy.class_names
    parameters = named_parameters(noisy.parameters, noisy.class_names)
    asked = "" if not parameters else " (" + ", ".join(f"{k}={v!r}" for k, v in parameters.items()) + ")"
    lines = [
        f"{noisy.kind}{asked}, seed {noisy.seed}: {len(noisy)} labels, {noisy.num_classes} classes",
        f"nominal rate {found.nominal_rate:.4f}, realised rate {found.rate:.4f} ({int(noisy.mislabelled.sum())} mislabelled)",
    ]
    if "published_rate" in noisy.parameters:
        lines.append(f"published rate {noisy.parameters['published_rate']:.4f}, of the whole set")
    if not math.isnan(found.expected_rate):
        lines.append(f"expected rate {found.expected_rate:.4f}{_spread_in_words(found.rate_spread)}")
    if noisy.transition is not None:
        lines.append(f"largest |realised - asked| transition {found.largest_deviation:.4f}, chi-square p {found.p_value:.3g}")
    learnable = "learnable" if found.learnable else "NOT learnable: some class is mostly given another label"
    lines.append(f"diagonal dominance {found.dominance:.4f} ({learnable}), condition number {found.condition:.4g}")
    if noisy.replaced_by is not None:
        lines.append(f"images replaced from another data set: {int((noisy.replaced_by >= 0).sum())}")
    if found.never_given:
        lines.append(f"classes never given: {shortened([names[c] for c in found.never_given])}")
    cut = short_names(names, 30)
    width = max(10, *map(width_of, cut))
    lines.append(f"{'true class':>{width}} {'samples':>8} {'rate':>7}  most frequent wrong labels")
    for true, rate in enumerate(found.rate_per_class):
        total, wrong = int(counts[true].sum()), counts[true].copy()
        wrong[true] = 0
        frequent = [given for given in np.argsort(-wrong, kind="stable")[:3] if wrong[given]]
        shown = ", ".join(f"{cut[given]} ({wrong[given]})" for given in frequent)
        lines.append(
            f"{padded(cut[true], width, right=True)} {total:>8} {f'{rate:7.4f}' if total else f'{chr(45):>7}'}  {shown or '-'}"
        )
    return "\n".join(map(printable, lines))
