"""Somebody else's data set with our given labels."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import FakeData

from noisylab.corruption import CorruptedDataset, NoisyLabels, symmetric

LABELS = np.arange(12) % 3
NOISY = symmetric(LABELS, 0.5)


class Counting:
    """A data set that counts what is read from it."""

    def __init__(self, labels: np.ndarray, **attributes: Any) -> None:
        self.labels_, self.read = labels, 0
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return len(self.labels_)

    def __getitem__(self, index: int) -> tuple[int, int]:
        self.read += 1
        return 100 + index, int(self.labels_[index])


def test_samples_are_image_given_label_and_index() -> None:
    dataset = NOISY.wrap(Counting(LABELS))
    assert [dataset[i] for i in range(12)] == [(100 + i, int(NOISY.given[i]), i) for i in range(12)]
    assert dataset.targets == NOISY.given.tolist()


@pytest.mark.parametrize("index", [torch.tensor(4), np.int64(4), -8])
def test_any_integer_is_an_index_and_gives_the_same_sample(index: Any) -> None:
    assert NOISY.wrap(Counting(LABELS))[index] == (104, int(NOISY.given[4]), 4)


def test_iteration_ends() -> None:
    with pytest.raises(IndexError):
        NOISY.wrap(Counting(LABELS))[12]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    inner = Counting(LABELS, targets=LABELS.tolist())
    dataset = CorruptedDataset(inner, NOISY)
    assert inner.read == 0
    _ = dataset[3]
    assert inner.read == 1


def test_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="the data set has 11 samples, the corruption 12"):
        CorruptedDataset(Counting(LABELS[:11]), NOISY)


def test_other_true_labels_are_refused_at_once_where_they_are_known_and_else_when_read() -> None:
    other = LABELS.copy()
    other[7] = 0
    with pytest.raises(ValueError, match="sample 7 has label 0 in the data set but true label 1"):
        CorruptedDataset(Counting(other, targets=torch.from_numpy(other)), NOISY)
    dataset = CorruptedDataset(Counting(other), NOISY)
    assert dataset[6][2] == 6
    with pytest.raises(ValueError, match="sample 7 has label 0"):
        dataset[7]


def test_tensor_data_sets_lists_and_torchvision_work() -> None:
    tensors = TensorDataset(torch.arange(12.0), torch.from_numpy(LABELS))
    assert NOISY.wrap(tensors)[2][1:] == (int(NOISY.given[2]), 2)
    assert NOISY.wrap(list(zip("abcdefghijkl", LABELS, strict=True)))[2][0] == "c"
    fake = FakeData(6, (3, 4, 4), 3)
    labels = np.array([int(fake[i][1]) for i in range(6)])
    assert symmetric(labels, 0.5, 3).wrap(fake)[5][2] == 5


@pytest.mark.slow
def test_workers_that_are_spawned_get_it() -> None:
    dataset = NOISY.wrap(TensorDataset(torch.arange(12.0), torch.from_numpy(LABELS)))
    loader = DataLoader(dataset, batch_size=5, num_workers=1, multiprocessing_context="spawn")
    batches = list(loader)
    assert torch.cat([labels for _, labels, _ in batches]).tolist() == NOISY.given.tolist()
    assert torch.cat([index for _, _, index in batches]).tolist() == list(range(12))


def test_it_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(NOISY.wrap(list(zip(range(12), LABELS, strict=True)))))
    assert again[1] == (1, int(NOISY.given[1]), 1)
    assert isinstance(again.noisy, NoisyLabels)
