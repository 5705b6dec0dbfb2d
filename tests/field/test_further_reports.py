"""Reports from public issue trackers of the field: what people met gives the right value here, or one clear line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Subset, TensorDataset

from noisylab.corruption import (
    asymmetric,
    from_file,
    from_pair,
    human,
    preset,
    read_labels,
    symmetric,
)
from noisylab.data import from_datasets, load_data
from noisylab.data.repeated_images import warn_of_repeated

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 10, 5000)
IMAGES = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8)


def test_a_test_folder_that_lacks_a_class_keeps_the_numbers_of_the_others(tmp_path: Path) -> None:
    """Ultralytics 13936: with no images of 180 degrees in the test set, those of 90 were taken for 180."""
    for part, angles in (("train", (0, 90, 180, 270)), ("test", (0, 90, 270))):
        for angle in angles:
            folder = tmp_path / part / str(angle)
            folder.mkdir(parents=True)
            Image.fromarray(RNG.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / "0.png")
    data = load_data(f"folder:{tmp_path}")
    assert data.class_names == ("0", "90", "180", "270")
    assert [data.class_names[label] for label in data.test_labels] == ["0", "90", "270"]


class Letters:
    """EMNIST's letters as torchvision has them: labels 1 to 26, and 27 names, of which the first is no class."""

    classes = ("N/A", *"abcdefghijklmnopqrstuvwxyz")

    def __init__(self, count: int) -> None:
        self.targets = torch.arange(count) % 26 + 1
        self.images = np.random.default_rng(count).integers(0, 256, (count, 8, 8), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.images[index], int(self.targets[index])


def test_a_named_class_without_samples_is_said_before_noise_is_given_to_it() -> None:
    """Torchvision 2176 and 2673: the labels of EMNIST's letters start at 1, under 27 names."""
    with pytest.warns(UserWarning, match="no sample has the class N/A, of the 27 that the data set names"):
        data = from_datasets(Letters(78), Letters(52))
    assert [data.class_names[label] for label in data.train_labels[:3]] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="every class from 0 to 26, got none of class 0"):
        symmetric(Letters(78).targets, 0.4)


def test_the_rate_counts_wrong_labels_and_a_code_that_redraws_them_is_said_to_reach_less() -> None:
    """DivideMix 29: 50 % symmetric noise that may redraw the true class mislabels 45 % of CIFAR-10."""
    assert symmetric(TRUE, 0.5).rate == pytest.approx(0.5, abs=1e-3)
    theirs = preset(TRUE, rate=0.5, source="dividemix")
    assert (theirs.nominal_rate, theirs.rate) == (0.5, pytest.approx(0.45, abs=0.01))


def test_classes_that_flip_to_each_other_do_so_at_once() -> None:
    """ELR 16: cats became dogs before dogs became cats, so that dogs flipped more often than asked for."""
    transition = asymmetric(TRUE, 0.4, "cifar10").realised_transition()
    assert transition[3, 5] == pytest.approx(0.4, abs=0.01)
    assert transition[5, 3] == pytest.approx(0.4, abs=0.01)


def test_labels_in_the_order_of_another_library_are_refused(tmp_path: Path) -> None:
    """cifar-10-100n 4: TensorFlow's CIFAR-10 has its images in another order than torchvision's."""
    given = symmetric(TRUE, 0.4).given
    np.save(tmp_path / "ordered.npy", given[np.random.default_rng(1).permutation(len(given))])
    with pytest.raises(ValueError, match="as labels in another order would"):
        from_file(TRUE, tmp_path / "ordered.npy")


def test_an_empty_or_pickled_file_of_labels_is_refused_by_name(tmp_path: Path) -> None:
    """cifar-10-100n 1: the published files had 0 bytes; later ones are pickled dicts."""
    (tmp_path / "empty.npy").write_bytes(b"")
    np.save(tmp_path / "pickled.npy", np.array({"clean_label": [0, 1]}, dtype=object), allow_pickle=True)
    for name in ("empty.npy", "pickled.npy"):
        with pytest.raises(ValueError, match=f"{name}' is not a list of labels"):
            read_labels(tmp_path / name)


def test_a_file_with_another_rate_than_its_name_says_is_refused(tmp_path: Path) -> None:
    """MentorMix 1: files named for 40 % noise changed 24 % of the labels."""
    (tmp_path / "blue_noise_nl_0.4.json").write_text(json.dumps(symmetric(TRUE, 0.24).given.tolist()))
    with pytest.raises(ValueError, match=r"must have rate 0.4, got 0.24"):
        from_file(TRUE, tmp_path / "blue_noise_nl_0.4.json", rate=0.4)


def test_human_labels_that_do_not_exist_are_refused_with_those_that_do(tmp_path: Path) -> None:
    """ProMix 9: CIFAR-100N has one kind of noisy labels, and was asked for CIFAR-10N's aggregate."""
    with pytest.raises(ValueError, match="cifar100n_fine"):
        human(TRUE, "cifar100n_aggre", root=str(tmp_path))  # type: ignore[arg-type]


def test_test_images_that_are_trained_on_are_said(tmp_path: Path) -> None:
    """Fuel 244: a subset beyond the training images silently gave the test images, which then selected models."""
    labels = np.arange(60) % 3
    np.savez(tmp_path / "d.npz", train_images=IMAGES, train_labels=labels, test_images=IMAGES[:20], test_labels=labels[:20])
    with pytest.warns(UserWarning, match="20 of 20 test images are training images too, such as test image 0"):
        load_data(f"npz:{tmp_path / 'd.npz'}")
    with pytest.raises(ValueError, match=r"train size must be between 3 .* and 60 .*, got 61"):
        load_data(f"npz:{tmp_path / 'd.npz'}", train_size=61)


def test_an_image_with_two_labels_is_said_and_blank_ones_are_not() -> None:
    images, labels = np.concatenate([IMAGES, IMAGES[:8]])[:, None], np.arange(68) % 7
    with pytest.warns(UserWarning, match="16 of 68 training images occur with different labels, such as training image 0"):
        warn_of_repeated([images, 255 - images], [labels, labels], "mine")
    images[:] = 7
    warn_of_repeated([images, images], [labels, labels], "mine")


def test_noise_of_the_whole_set_does_not_fit_a_part_of_it_and_a_part_of_the_wrapped_set_keeps_its_ids() -> None:
    """Torch 97944: a Subset has no targets, so people take those of the whole set."""
    true = torch.arange(100) % 4
    whole, noisy = TensorDataset(torch.zeros(100, 1, 8, 8), true), symmetric(true, 0.4)
    with pytest.raises(ValueError, match="the data set has 50 samples, the corruption 100"):
        noisy.wrap(Subset(whole, range(50, 100)))
    _, given, index = Subset(noisy.wrap(whole), [5, 71])[1]
    assert (given, index) == (noisy.given[71], 71)


def test_a_data_set_that_was_shuffled_after_the_noise_was_made_is_refused() -> None:
    """SMP 1: labels were kept by step, and the order of samples changed in every epoch."""
    true = torch.arange(100) % 4
    order = np.random.default_rng(2).permutation(100)
    wrapped = symmetric(true, 0.4).wrap([(torch.zeros(1), int(true[place])) for place in order])
    with pytest.raises(ValueError, match="was it made from this data set, in this order"):
        [wrapped[place] for place in range(100)]


def test_several_labels_for_a_sample_are_refused_in_words() -> None:
    """Argilla 1982: lists of labels came to cleanlab as an array of objects."""
    with pytest.raises(ValueError, match="labels must be one for each sample, got lists of different lengths"):
        symmetric([[0], [0, 1], [0]], 0.2)  # type: ignore[list-item]


def test_predictions_instead_of_given_labels_make_no_noise_and_are_said(tmp_path: Path) -> None:
    """Cleanlab 60: the argmax of the predictions was passed as the labels, so nothing was ever wrong."""
    (tmp_path / "given.json").write_text(json.dumps(TRUE.tolist()))
    with pytest.warns(UserWarning, match=r"gives every sample its true label \(rate 0\)"):
        from_file(TRUE, tmp_path / "given.json")
    assert from_pair(TRUE, TRUE).rate == 0


def test_labels_as_loaders_give_them() -> None:
    """Bytes, and small or unsigned integers."""
    labels = np.arange(200) % 5
    for kind in (np.uint8, np.uint64, np.int16):
        assert symmetric(labels.astype(kind), 0.2) == symmetric(labels, 0.2)
    with pytest.raises(ValueError, match="got bytes values such as b'a' at position 0"):
        symmetric(np.array([b"a", b"b"] * 10), 0.2)
