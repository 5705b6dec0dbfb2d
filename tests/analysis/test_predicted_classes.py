"""Accuracy by class, confusion, top k, churn and chosen samples, against scikit-learn and slow references."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given as cases
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix, precision_score, recall_score, top_k_accuracy_score

from noisylab.analysis import churn, class_accuracy, confusion, mean_churn, selection, top_k_accuracy

CLASSES = 4
LABELS = arrays(np.int64, 9, elements=st.integers(0, CLASSES - 1))


@cases(LABELS, LABELS)
def test_confusion_and_accuracy_by_class_are_scikit_learn_s(prediction: Any, labels: Any) -> None:
    matrix = confusion(prediction, labels, CLASSES)
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, prediction, labels=range(CLASSES)))
    assert matrix.trace() / matrix.sum() == (prediction == labels).mean()
    expected = recall_score(labels, prediction, labels=range(CLASSES), average=None, zero_division=np.nan)
    np.testing.assert_allclose(class_accuracy(prediction, labels, CLASSES), expected)


def test_a_class_without_samples_has_no_accuracy() -> None:
    np.testing.assert_array_equal(class_accuracy([0, 2], [0, 0]), [0.5, np.nan, np.nan])


@cases(st.permutations(range(9 * CLASSES)), LABELS, st.integers(1, CLASSES - 1))
def test_top_k_accuracy_is_scikit_learn_s_if_no_logits_are_equal(ranks: list[int], labels: Any, k: int) -> None:
    logits = np.reshape(ranks, (9, CLASSES)) / 7
    assert top_k_accuracy(logits, labels, k) == pytest.approx(top_k_accuracy_score(labels, logits, k=k, labels=range(CLASSES)))


@cases(arrays(np.float16, (9, CLASSES), elements=st.integers(0, 2)), LABELS)
def test_top_1_is_the_accuracy_whatever_is_tied(logits: Any, labels: Any) -> None:
    assert top_k_accuracy(logits, labels, 1) == (logits.argmax(axis=1) == labels).mean()
    assert top_k_accuracy(logits, labels, CLASSES) == top_k_accuracy(logits, labels, 99) == 1


@cases(st.lists(LABELS, min_size=2, max_size=5))
def test_churn_is_the_share_of_differences_and_its_mean_goes_over_all_pairs(rows: list[Any]) -> None:
    pairs = [np.mean([a != b for a, b in zip(one, two, strict=True)]) for one, two in itertools.combinations(rows, 2)]
    assert churn(rows[0], rows[1]) == pairs[0]
    assert mean_churn(np.stack(rows)) == pytest.approx(np.mean(pairs))


def test_a_single_network_has_no_churn() -> None:
    assert np.isnan(mean_churn([[0, 1]]))


@cases(arrays(bool, 9), arrays(bool, 9))
def test_a_selection_has_the_precision_and_recall_of_a_search_for_true_labels(selected: Any, mislabelled: Any) -> None:
    found = selection(selected, mislabelled)
    assert found.precision == pytest.approx(precision_score(~mislabelled, selected, zero_division=np.nan), nan_ok=True)
    assert found.recall == pytest.approx(recall_score(~mislabelled, selected, zero_division=np.nan), nan_ok=True)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: confusion([0, 1], [0]), r"int64\[2\] and int64\[1\]"),
        (lambda: confusion([0.5], [0]), "float64"),
        (lambda: confusion([-2], [0]), "or -1 for none, got -2 at position 0"),
        (lambda: confusion([0], [-1]), "labels must be at least 0, got -1 at position 0"),
        (lambda: confusion([3], [0], 3), "at least 4 for these labels and predictions, got 3"),
        (lambda: mean_churn([0, 1]), r"int64\[2\]"),
        (lambda: selection([True], [True, False]), r"\(1,\) and \(2,\)"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
