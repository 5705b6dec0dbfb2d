"""Augmentation of whole batches."""

import numpy as np
import pytest
import torch

from noisylab.data.augmentations.crop import Crop, Normalise, Unchanged

IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (64, 3, 8, 10), dtype=np.uint8))


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("padding", [0, 2])
def test_crops_equal_those_cut_one_by_one(padding: int, flip: bool) -> None:
    crop = Crop(padding, flip)
    drawn = crop.draw(64, torch.Generator().manual_seed(0))
    out = crop(IMAGES, drawn)
    padded = np.pad(IMAGES.numpy(), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    for image, (row, column, mirror), result in zip(padded, drawn.tolist(), out.numpy(), strict=True):
        expected = image[:, row : row + 8, column : column + 10]
        assert np.array_equal(result, expected[:, :, ::-1] if mirror else expected)
    assert out.dtype == torch.uint8


def test_every_entry_is_drawn_on_its_own_and_all_values_occur() -> None:
    drawn = Crop(2, True).draw(2000, torch.Generator().manual_seed(0))
    assert [sorted(set(column.tolist())) for column in drawn.T] == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1]]
    # The two halves of a batch of twins are cropped differently.
    assert not torch.equal(drawn[:1000], drawn[1000:])


def test_without_flip_nothing_is_mirrored_but_crops_are_the_same() -> None:
    first, second = (Crop(2, flip).draw(50, torch.Generator().manual_seed(1)) for flip in (True, False))
    assert torch.equal(first[:, :2], second[:, :2])
    assert not second[:, 2].any()


def test_unchanged_is_unchanged() -> None:
    unchanged = Unchanged()
    assert torch.equal(unchanged(IMAGES, unchanged.draw(64, torch.Generator())), IMAGES)


def test_normalised_pixels_have_the_given_scale() -> None:
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.4, 0.2)
    out = Normalise(mean, std, torch.device("cpu"))(IMAGES)
    expected = (IMAGES.double() / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert torch.allclose(out.double(), expected, atol=1e-5)


@pytest.mark.parametrize("bad", [{"padding": -1}, {"padding": 1.5}, {"flip": 1}])
def test_impossible_options_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Crop(**bad)  # type: ignore[arg-type]
