"""Data sets without positions: the error, and the labels by number."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from noisylab.corruption import NoisyLabels, from_pair, open_set, symmetric
from noisylab.data import from_datasets

TRUE = np.arange(30) % 3
NOISY = symmetric(TRUE, 0.4, seed=1)


class Stream(IterableDataset[tuple[int, int]]):
    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(enumerate(TRUE.tolist()))


class Counted(Stream):
    def __len__(self) -> int:
        return 30


@pytest.mark.parametrize("data", [Stream(), Counted(), iter(Stream()), (row for row in Stream())])
def test_a_stream_cannot_be_wrapped_and_the_error_says_what_can_be_done(data: Any) -> None:
    with pytest.raises(ValueError, match=r"must have a length, and a sample at every position, got .*; noisy.given_for\(ids\)"):
        NOISY.wrap(data)
    with pytest.raises(ValueError, match=r"must have a length.*give list\(data\)"):
        from_datasets(data, data)


def test_a_map_function_takes_the_given_labels_of_a_stream() -> None:
    class Given(IterableDataset[tuple[int, int]]):
        def __iter__(self) -> Iterator[tuple[int, int]]:
            return ((number, NOISY.given_for(number, true)) for number, true in Stream())  # type: ignore[misc]

    batches = list(DataLoader(Given(), batch_size=7))
    assert torch.equal(torch.cat([labels for _, labels in batches]), torch.tensor(NOISY.given))


@pytest.mark.parametrize("ids", [[4, 4, 29], np.array([0, 7], dtype=np.uint8), torch.tensor([3, 2, 1]), torch.tensor(5), 6])
def test_one_number_gives_a_number_and_several_an_array(ids: Any) -> None:
    expected = NOISY.given[np.asarray(ids)]
    given = NOISY.given_for(ids, TRUE[np.asarray(ids)])
    assert np.array_equal(given, expected)
    assert isinstance(given, int) == (expected.ndim == 0)


def test_numbers_are_those_of_the_data_set_if_the_record_is_of_a_part_of_it() -> None:
    part = NoisyLabels(NOISY.given[:3], TRUE[:3], 3, "pair", 0.4, 0, positions=np.array([20, 5, 11]))
    assert part.given_for([5, 20, 11]).tolist() == NOISY.given[[1, 0, 2]].tolist()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"the 3 in positions, got 6"):
        part.given_for([5, 6])


def test_positions_are_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    part = NoisyLabels(NOISY.given, TRUE, 3, "pair", 0.4, 0, positions=np.arange(30)[::-1].copy())
    part.given_for(3)
    monkeypatch.setattr(np, "argsort", lambda *_, **__: pytest.fail("sorted again"))
    assert part.given_for(4) == NOISY.given[25]


def test_no_numbers_have_no_labels() -> None:
    assert NOISY.given_for([]).tolist() == NOISY.given_for([], []).tolist() == []  # type: ignore[union-attr]


def test_names_of_true_labels_are_checked_too() -> None:
    noisy = from_pair(true=["cat", "dog", "dog"], given=["dog", "dog", "cat"])
    assert noisy.given_for([0, 2], ["cat", "dog"]).tolist() == [1, 0]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"sample 1 has label cat in the data set but true label 1"):
        noisy.given_for(1, "cat")


@pytest.mark.parametrize(
    ("ids", "true", "message"),
    [
        (30, None, r"ids must be samples of the corruption, 0 to 29, got 30"),
        ([0, -1], None, r"got -1"),
        (0.0, None, r"ids must be one integer, or int\[B\].*got float64 \[\]"),
        ("a.png", None, r"number the samples of a stream"),
        (True, None, r"got bool"),
        ([[0]], None, r"\[1, 1\]"),
        ([0, 1], [0], r"one shape, got \[2\] and \[1\]"),
        ([0, 1], [0, 2], r"sample 1 has label 2 in the data set but true label 1 in the corruption"),
    ],
)
def test_wrong_numbers_and_labels_are_refused(ids: Any, true: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NOISY.given_for(ids, true)


def test_replaced_images_are_more_than_labels() -> None:
    with pytest.raises(ValueError, match="replaces images too"):
        open_set(TRUE, 0.4, 10).given_for(0)
