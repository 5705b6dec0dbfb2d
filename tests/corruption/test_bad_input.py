"""Bad input is refused with a message that names the value and what was expected."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from noisylab.corruption import asymmetric, from_transition, pair_flip, symmetric

LABELS = [0, 1, 2] * 4
EYE = np.eye(3)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: symmetric(LABELS, 1.5), "rate must be a number in [0, 1], got 1.5"),
        (lambda: symmetric(LABELS, -0.1), "got -0.1"),
        (lambda: pair_flip(LABELS, float("nan")), "rate must be a finite number in [0, 1], got nan"),
        (lambda: asymmetric(LABELS, "much", {0: 1}), "got 'much'"),
        (lambda: symmetric([0, -1, 2], 0.2), "labels must not be negative, got -1 at position 1"),
        (lambda: symmetric([0.0, 1.5], 0.2), "labels must be integers, got float64"),
        (lambda: symmetric([0, float("nan")], 0.2), "got NaN at position 1"),
        (lambda: symmetric(["a", None], 0.2), "labels must be all names or all numbers, got None at position 1"),
        (lambda: symmetric(np.array(["a", 3], object), 0.2), "labels must be all names or all numbers, got 3 at position 1"),
        (lambda: symmetric([0, 1, 3], 0.2, 3), "labels must be below num_classes = 3, got 3 at position 2"),
        (lambda: symmetric([], 0.2), "got an empty array"),
        (lambda: symmetric([[0, 1], [1, 1]], 0.2), "one-dimensional, got an array of shape (2, 2)"),
        (lambda: symmetric([[0, 1], [1, 0]], 0.2), "they are one-hot, and labels.argmax(axis=1) makes them numbers"),
        (lambda: symmetric([0, 0], 0.2), "at least 2 classes, got num_classes = 1"),
        (lambda: symmetric(LABELS, 0.2, num_classes=2.5), "num_classes must be a whole number >= 1 or None, got 2.5"),
        (lambda: symmetric(LABELS, 0.2, sampling="floor"), "'exact_per_class', got 'floor'"),
        (lambda: symmetric(LABELS, 0.2, seed=-1), "seed must be a number >= 0, got -1"),
        (lambda: symmetric(LABELS, 0.2, seed=0.5), "seed must be a whole number >= 0, got 0.5"),
        (lambda: asymmetric(LABELS, 0.2, "cifar11"), "'cifar100_contiguous5' or a dict, got 'cifar11'"),
        (lambda: asymmetric(LABELS, 0.2, {}), "at least one pair, got {}"),
        (lambda: asymmetric(LABELS, 0.2, {0: 0}), "to another one, got 0 -> 0"),
        (lambda: asymmetric(LABELS, 0.2, {0: 7}, 3), "below num_classes = 3, got class 7"),
        (lambda: asymmetric(LABELS, 0.2, {0: 7}), "names class 7, but the labels are in classes 0 to 2; pass num_classes=8 if"),
        (
            lambda: asymmetric(LABELS, 0.2, {0: "1"}),
            "classes can be named only if their names are known, got '1'; pass class_names=",
        ),
        (lambda: asymmetric([0, 10], 0.2, "cifar10"), "mapping 'cifar10' is for 10 classes, got labels of 11 classes"),
        (lambda: asymmetric(LABELS, 0.2, "cifar10", 3), "for 10 classes, got num_classes = 3"),
        (lambda: from_transition(LABELS, np.ones((2, 3))), "matrix must be square (classes x classes), got shape (2, 3)"),
        (lambda: from_transition(LABELS, [0.5, 0.5]), "must be square"),
        (lambda: from_transition(LABELS, 0.9 * EYE), "rows must sum to 1 (row = true class, column = given class), got 0.9"),
        (
            lambda: from_transition(LABELS, [[0.6, 0.1, 0.0], [0.4, 0.9, 0.3], [0.0, 0.0, 0.7]]),
            "its columns do sum to 1, so it is the transpose of what is expected: pass matrix.T",
        ),
        (lambda: from_transition(LABELS, [[1.2, -0.2, 0], [0, 1, 0], [0, 0, 1]]), "probabilities in [0, 1], got 1.2 at [0, 0]"),
        (lambda: from_transition(LABELS, np.full((3, 3), np.nan)), "got nan"),
        (lambda: from_transition(LABELS, np.eye(2)), "labels must be below num_classes = 2, got 2"),
        (lambda: from_transition(LABELS, EYE, num_classes=4), "matrix must be 4 x 4 (num_classes), got shape (3, 3)"),
        (lambda: from_transition(LABELS, [["a"]]), "square array of numbers, got [['a']]"),
    ],
)
def test_the_message_names_the_value_and_the_expectation(call: Callable[[], Any], named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)):
        call()
