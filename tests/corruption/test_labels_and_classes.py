"""What labels and classes may be: counted from 0, none missing, whole numbers; and what is advised where they are not."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from noisylab.core.registries import NOISES
from noisylab.corruption import (
    asymmetric,
    confident_transition,
    from_pair,
    human,
    instance,
    long_tail_indices,
    long_tailed,
    open_set,
    pair_flip,
    preset,
    replace_images,
    restrict,
    symmetric,
)
from noisylab.corruption import subclass as subclass_noise

FROM_ONE = np.arange(1000) % 4 + 1
FOUR = np.arange(1000) % 4


@pytest.mark.parametrize(
    "call",
    [
        lambda labels: symmetric(labels, 0.4),
        lambda labels: pair_flip(labels, 0.4),
        lambda labels: asymmetric(labels, 0.4, {1: 2}),
        lambda labels: preset(labels, 0.4, "dividemix"),
        lambda labels: subclass_noise(labels, 0.1, np.arange(len(labels)) % 7),
        lambda labels: from_pair(labels, labels),
        lambda labels: long_tail_indices(labels, 0.1),
        lambda labels: long_tailed(labels, 0.1, "symmetric:0.4"),
    ],
)
def test_a_class_that_no_label_is_of_is_refused_unless_the_classes_are_counted(call: Callable[..., Any]) -> None:
    with pytest.raises(
        ValueError, match="got none of class 0: pass num_classes=5 if there are such classes, or number"
    ) as said:
        call(FROM_ONE)
    assert "np.unique(labels, return_inverse=True)" in str(said.value)
    call(np.unique(FROM_ONE, return_inverse=True)[1])


def test_counted_classes_may_be_absent() -> None:
    assert symmetric(FROM_ONE, 0.4, 5).num_classes == 5
    assert from_pair([1, 2], [1, 0]).num_classes == 3
    # Named by the map, class 2 is known to exist.
    assert asymmetric([0, 1], 1, {0: 2}).num_classes == 3


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: symmetric([0, 1, 5, 9], 0.4), "got none of class 2, 3, 4, 6, 7, ...: pass num_classes=10"),
        (lambda: symmetric([3, 10**15], 0.4), "got none of class 0, 1, 2, 4, 5, ...: pass"),
        (lambda: symmetric(FROM_ONE, 0.4, 4), "got 4 at position 3; classes are counted from 0"),
        (lambda: asymmetric(FOUR, 0.4, "cifar10"), "is for 10 classes, got labels of 4 classes; pass num_classes=10 if they"),
        (lambda: asymmetric(FOUR, 0.4, "cifar100_superclass", 4), "is for 100 classes, got num_classes = 4"),
        (
            lambda: preset(FOUR, 0.4, "elr", form="asymmetric"),
            "is for CIFAR-10's 10 classes, got 4 classes; pass num_classes=10",
        ),
        (lambda: preset(FOUR, 0.4, "sce", 4, form="asymmetric"), "is for CIFAR-10's 10 classes, got 4 classes"),
        (lambda: symmetric([1.0, 0.0], 0.4), "they are whole numbers, so labels.astype(int) will do"),
        (lambda: symmetric(np.array([0, None], object), 0.4), "labels must be integers, got None at position 1"),
        (lambda: symmetric(np.array([0, True], object), 0.4), "labels must be integers, got bool values such as True"),
        (lambda: symmetric(FOUR, 40), "rate must be a number in [0, 1], got 40; did you mean 0.4?"),
        (lambda: symmetric(FOUR, "40 %"), "got '40 %'; did you mean 0.4?"),  # type: ignore[arg-type]
        (lambda: restrict(symmetric(FOUR, 0.4), 3), "classes must be a list, e.g. [3], got 3"),  # type: ignore[arg-type]
        (lambda: restrict(symmetric(FOUR, 0.4), [3, 15]), "among the 4 classes 0 to 3: 15 is not a class"),
        (lambda: restrict(symmetric(FOUR, 0.4), []), "at least one class, got none"),
        (lambda: long_tail_indices(FOUR, 100), "(0, 1], got 100; write 0.01 for an imbalance factor of 100"),
        (lambda: NOISES.parse("symmetric:40"), "got 40; did you mean 0.4?"),
        (lambda: NOISES.parse("on_classes(noise='symmetric:0.4', classes=3)"), "classes must be a list, e.g. [3], got 3"),
        (lambda: NOISES.parse("long_tailed(factor=100, noise='symmetric:0.4')"), "write 0.01 for an imbalance factor of 100"),
    ],
)
def test_what_is_wrong_is_named_with_the_way_out(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        call()


def test_a_preset_of_another_data_set_says_whose_map_it_is() -> None:
    assert preset(np.arange(100) % 10, 0.4, "elr", form="asymmetric").parameters["mapping"] == "cifar10"
    assert "mapping" not in preset(np.arange(100) % 10, 0.4, "elr").parameters


def test_integers_that_numpy_keeps_as_objects_are_labels() -> None:
    assert symmetric(FOUR.astype(object), 0.4) == symmetric(FOUR, 0.4)


def test_arguments_in_another_order_are_said_to_be_so() -> None:
    noisy, images = open_set([0, 1, 0], 1, 2), np.zeros((3, 1, 2, 2), np.uint8)
    wrong: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
        (replace_images, (noisy, images, images), "images, noisy, outside in this order, got a ndarray as noisy"),
        (replace_images, (images, images, noisy), "images, noisy, outside in this order"),
        (confident_transition, (np.full((3, 2), 0.5), [0, 1, 0]), "the given labels come first"),
    ]
    for function, arguments, said in wrong:
        with pytest.raises(TypeError, match=said):
            function(*arguments)
    for call, arguments, said in (
        (human, (FOUR, "cifar10n_worse"), r"got an array of shape \(\d+,\); the arguments are variant, labels, root"),
        (
            instance,
            (FOUR, np.ones((4, 2)), 0.3),
            r"rate must .* got an array of shape \(4, 2\); the arguments are labels, rate, feat",
        ),
    ):
        with pytest.raises(ValueError, match=said):
            call(*arguments)
