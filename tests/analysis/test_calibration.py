"""Likelihood, calibration and ranking by confidence, against slow references and scikit-learn."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given as cases
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from noisylab.analysis import aurc, brier, ece, ece_classwise, nll
from noisylab.analysis.calibration import log_softmax

ALL: list[Callable[..., float]] = [aurc, brier, ece, ece_classwise, nll]


@st.composite
def outputs(draw: st.DrawFn, most: int = 12) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits, with many ties, and labels."""
    shape = draw(st.integers(1, most)), draw(st.integers(2, 4))
    logits = draw(arrays(np.float64, shape, elements=st.integers(-6, 6).map(lambda n: n / 2)))
    return logits, draw(arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))


def softmax(row: NDArray[np.float64]) -> list[float]:
    powers = [math.exp(value - max(row)) for value in row]
    return [power / sum(powers) for power in powers]


def slow_error(probability: list[float], event: list[bool], bins: int) -> float:
    """Sum over bins of n_b / N |mean of event - mean of probability|."""
    total = 0.0
    for place in range(bins):
        inside = [n for n, p in enumerate(probability) if place / bins < p <= (place + 1) / bins or (place == 0 and p == 0)]
        if inside:
            frequency = sum(event[n] for n in inside) / len(inside)
            mean = sum(probability[n] for n in inside) / len(inside)
            total += len(inside) / len(event) * abs(frequency - mean)
    return total


@cases(outputs())
def test_likelihood_and_brier_score_are_their_definitions(case: Any) -> None:
    logits, labels = case
    p = [softmax(row) for row in logits]
    expected = -sum(math.log(row[label]) for row, label in zip(p, labels, strict=True)) / len(labels)
    assert nll(logits, labels) == pytest.approx(expected, abs=1e-12)
    assert nll(logits, labels) == pytest.approx(log_loss(labels, p, labels=range(logits.shape[1])), abs=1e-9)
    squares = [sum((q - (k == label)) ** 2 for k, q in enumerate(row)) for row, label in zip(p, labels, strict=True)]
    assert brier(logits, labels) == pytest.approx(sum(squares) / len(labels), abs=1e-12)


@cases(outputs(), st.sampled_from([1, 7, 15]))
def test_calibration_errors_are_their_definitions(case: Any, bins: int) -> None:
    logits, labels = case
    p = [softmax(row) for row in logits]
    right = [int(np.argmax(row)) == label for row, label in zip(logits, labels, strict=True)]
    assert ece(logits, labels, bins=bins) == pytest.approx(slow_error([max(row) for row in p], right, bins), abs=1e-9)
    each = [
        slow_error([row[k] for row in p], [label == k for label in labels], bins) for k in range(logits.shape[1])
    ]  # fmt: skip
    assert ece_classwise(logits, labels, bins=bins) == pytest.approx(sum(each) / len(each), abs=1e-9)


@cases(outputs(most=5))
def test_the_area_is_the_mean_over_all_orders_of_the_tied(case: Any) -> None:
    logits, labels = case
    confidence = log_softmax(logits).max(axis=1).tolist()
    wrong = [int(np.argmax(row)) != label for row, label in zip(logits, labels, strict=True)]
    areas = []
    for order in itertools.permutations(range(len(labels))):
        if all(confidence[one] >= confidence[two] for one, two in itertools.pairwise(order)):
            risks = [sum(wrong[n] for n in order[:stop]) / stop for stop in range(1, len(order) + 1)]
            areas.append(sum(risks) / len(risks))
    assert aurc(logits, labels) == pytest.approx(np.mean(areas), abs=1e-12)


@cases(outputs(), st.integers(-20, 20), st.permutations(range(12)))
def test_neither_a_shift_of_the_logits_nor_the_order_of_samples_matters(case: Any, shift: int, order: list[int]) -> None:
    logits, labels = case
    order = [place for place in order if place < len(labels)]
    for measure in ALL:
        expected = pytest.approx(measure(logits, labels), abs=1e-12)
        assert measure(logits + shift, labels) == expected
        assert measure(logits[order], labels[order]) == expected


def test_a_certain_and_right_network_has_no_error_and_a_certain_and_wrong_one_the_largest() -> None:
    logits = 100 * np.eye(4)
    labels = np.arange(4)
    for measure in ALL:
        assert measure(logits, labels) == pytest.approx(0, abs=1e-12)
    wrong = (labels + 1) % 4
    assert (ece(logits, wrong), aurc(logits, wrong), brier(logits, wrong)) == (1, 1, 2)
    assert ece_classwise(logits, wrong) == pytest.approx(0.5)
    assert nll(logits, wrong) == pytest.approx(100)


def test_float16_logits_are_computed_in_float64() -> None:
    rng = np.random.default_rng(0)
    logits = (10 * rng.normal(size=(300, 100))).astype(np.float16)
    labels = rng.integers(0, 100, 300)
    for measure in ALL:
        assert measure(logits, labels) == measure(logits.astype(np.float64), labels)
    # exp would overflow in half precision.
    assert np.isfinite(nll(np.float16([[60000, -60000]]), [1]))


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize(
    ("logits", "labels", "said"),
    [
        ([0.0, 1.0], [0], "float"),
        ([[0.0, 1.0]], [0, 1], "labels must be float"),
        ([[0.0, 1.0]], [2], r"in \[0, 2\), got 2"),
        ([[0.0, 1.0]], [-1], "got -1"),
        ([[0.0, 1.0]], [0.5], "float64"),
        ([[0.0, np.nan]], [0], "NaN"),
        (np.zeros((0, 2)), np.zeros(0, int), r"\[0, 2\]"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(measure: Callable[..., float], logits: Any, labels: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        measure(logits, labels)
