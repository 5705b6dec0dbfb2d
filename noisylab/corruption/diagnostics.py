"""Compare the noise that was asked for with the noise that was drawn."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noisylab.core.foreign_text import padded, printable, short_names, width_of
from noisylab.core.lines import counted
from noisylab.corruption.class_numbers import shortened
from noisylab.corruption.drawing import Drawing
from noisylab.corruption.matrices import DENSE, Matrix, dense, diagonal_of, empirical_matrix, row_chunks, rows_of

if TYPE_CHECKING:
    from noisylab.corruption.record import NoisyLabels


@dataclass(frozen=True)
class Diagnostics:
    """Numbers about one corruption. Numbers that need an unknown request (its rate or matrix) are NaN.

    So are those that compare all cells of the matrix, for more than 1,000 classes: largest_deviation, p_value and condition.

    Attributes:
        rate: Realised rate.
        nominal_rate: Rate that was asked for.
        expected_rate: Mean of the realised rate over seeds.
        rate_spread: Its standard deviation over seeds: 0 if the number of flips is exact over the whole set, that of rounding
            if it is exact per class, NaN if it is not known.
        rate_per_class: float64[C], realised; NaN for absent classes.
        expected_per_class: float64[C], expected; NaN for absent classes.
        largest_deviation: Max `|T - realised|`.
        p_value: Chi-square test of all rows against the matrix. A small value means that the labels were not drawn from it, 1
            that they are spread more evenly than independent draws.
        dominance: The smallest T_ii - max_j T_ij.
        learnable: Whether the true class is the most frequent given label in every row.
        condition: Condition number of the matrix (2-norm); infinite if it cannot be inverted.
        never_given: Classes that occur but are given to no sample.
        only_given: Classes that no sample has but that are given to some.
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
    only_given: tuple[int, ...]


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
    classes = noisy.num_classes
    present, given = (np.bincount(labels, minlength=classes) > 0 for labels in (noisy.true, noisy.given))
    asked = noisy.matrix
    expected = spread = deviation = p_value = condition = math.nan
    flip = _flip_probability(noisy)
    if flip is not None:
        expected, spread = float(flip.mean()), _spread(noisy, flip)
    matrix = empirical_matrix(noisy.true, noisy.given, classes) if asked is None else asked
    if classes <= DENSE:
        if asked is not None:
            cells = dense(asked)[present]
            deviation = float(np.abs(noisy.realised_transition()[present] - cells).max())
            p_value = _chi_square(noisy.counts()[present], cells)
        condition = float(np.linalg.cond(dense(matrix)))
    margins = _margins(matrix)
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
        condition=math.inf if condition >= 1e12 else condition,
        never_given=tuple(np.flatnonzero(present & ~given).tolist()),
        only_given=tuple(np.flatnonzero(given & ~present).tolist()),
    )


def _flip_probability(noisy: "NoisyLabels") -> NDArray[np.float64] | None:
    """How likely each sample was to be mislabelled, float64[N]; None if that is not known."""
    if noisy.flip_probability is not None:
        return noisy.flip_probability
    # A matrix says nothing about replaced images.
    if noisy.matrix is None or noisy.replaced_by is not None:
        return None
    return np.asarray((1 - diagonal_of(noisy.matrix))[noisy.true])


def _margins(matrix: Matrix) -> NDArray[np.float64]:
    """T_ii - max_j T_ij of every class, float64[C]; 1 for a single class."""
    largest = np.zeros(len(matrix))
    for start, stop in row_chunks(len(matrix)):
        rows = rows_of(matrix, start, stop)
        rows[np.arange(stop - start), np.arange(start, stop)] = 0
        largest[start:stop] = rows.max(axis=1)
    return np.asarray(diagonal_of(matrix) - largest)


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


# Characters of a line of the report.
WIDTH = 80

LISTED = 100
"""Up to this many classes the report lists all of them."""
ENDS = 10
"""How many of the noisiest classes, and of the cleanest, it lists of more."""


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
    found = diagnose(noisy)
    names = [str(c) for c in range(noisy.num_classes)] if noisy.class_names is None else list(noisy.class_names)
    parameters = named_parameters(noisy.parameters, noisy.class_names)
    asked = "" if not parameters else " (" + ", ".join(f"{k}={_short(v)}" for k, v in parameters.items()) + ")"
    lines = [
        f"{noisy.kind}{asked}, seed {noisy.seed}: {counted(len(noisy), 'label')}, "
        f"{counted(noisy.num_classes, 'class', 'classes')}",
        f"nominal rate {found.nominal_rate:.4f}, realised rate {found.rate:.4f} ({noisy.mislabelled.sum():,} mislabelled)",
    ]
    if "published_rate" in noisy.parameters:
        lines.append(f"published rate {noisy.parameters['published_rate']:.4f}, of the whole set")
    if not math.isnan(found.expected_rate):
        lines.append(f"expected rate {found.expected_rate:.4f}{_spread_in_words(found.rate_spread)}")
    few = noisy.num_classes <= DENSE
    if noisy.matrix is not None and few:
        lines.append(f"largest |realised - asked| transition {found.largest_deviation:.4f}, chi-square p {found.p_value:.3g}")
    learnable = "learnable" if found.learnable else "NOT learnable: some class is mostly given another label"
    condition = f", condition number {found.condition:.4g}" if few else ""
    lines.append(f"diagonal dominance {found.dominance:.4f} ({learnable}){condition}")
    if not few:
        lines.append(f"left out for more than {DENSE} classes: largest |realised - asked|, chi-square test, condition number")
    if noisy.replaced_by is not None:
        lines.append(f"images replaced from another data set: {int((noisy.replaced_by >= 0).sum())}")
    if found.never_given:
        lines.append(f"classes never given: {shortened([names[c] for c in found.never_given])}")
    if found.only_given:
        count = int(np.isin(noisy.given, found.only_given).sum())
        lines.append(f"classes that no sample has, given to {count}: {shortened([names[c] for c in found.only_given])}")
    return "\n".join(map(printable, [*lines, *_class_table(noisy, names, found.rate_per_class)]))


def _class_table(noisy: "NoisyLabels", names: list[str], rates: NDArray[np.float64]) -> list[str]:
    """A line for each class; of more than LISTED classes, only for the noisiest and the cleanest."""
    listed, title = list(range(noisy.num_classes)), []
    if noisy.num_classes > LISTED:
        present = np.flatnonzero(~np.isnan(rates))
        order = present[np.argsort(-rates[present], kind="stable")].tolist()
        listed = order[:ENDS] + order[ENDS:][-ENDS:]
        absent = noisy.num_classes - len(order)
        without = f"; {absent} without samples" if absent else ""
        title = [
            f"the {ENDS} noisiest and the {ENDS} cleanest classes, and {len(order) - len(listed)} more{without} "
            "(diagnose(noisy).rate_per_class has all)"
        ]
    sizes = np.bincount(noisy.true, minlength=noisy.num_classes)
    true, given, count = noisy.pairs()
    bounds = np.searchsorted(true, np.arange(noisy.num_classes + 1))
    wide = any(width_of(name) > len(name) for name in names)
    cut = short_names(names, 11 if wide else 22)
    width = max(10, *(width_of(cut[label]) for label in listed))
    lines = [f"{'true class':>{width}} {'samples':>8} {'rate':>7}  most frequent wrong labels"]
    indent = " " * (len(lines[0]) - len("most frequent wrong labels"))
    for label in listed:
        own = slice(bounds[label], bounds[label + 1])
        frequent = [pair for pair in np.argsort(-count[own], kind="stable")[:4] if given[own][pair] != label][:3]
        shown = [f"{cut[given[own][pair]]} ({count[own][pair]})" for pair in frequent] or ["-"]
        rate = f"{rates[label]:7.4f}" if sizes[label] else f"{'-':>7}"
        line = f"{padded(cut[label], width, right=True)} {sizes[label]:>8} {rate}  {shown[0]}"
        for text in shown[1:]:
            if width_of(line) + width_of(text) + 3 > WIDTH:
                lines.append(f"{line},")
                line = f"{indent}{text}"
            else:
                line += f", {text}"
        lines.append(line)
    return title + lines


def _short(value: object) -> str:
    """A parameter in a line: long ones, such as the groups of many classes, are cut."""
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:80]}... ({len(value)} entries)"  # type: ignore[arg-type]
