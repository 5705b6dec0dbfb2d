"""The stronger augmentations: drawn for every image alone, repeatable, and what their papers say."""

import numpy as np
import pytest
import torch
from torch import Tensor

from noisylab.core.registries import AUGMENTATIONS
from noisylab.data.augmentations.resized_crop import RandomResizedCrop

NAMES = ["cutout", "random_erasing", "autoaugment", "randaugment", "trivialaugment", "cutout(size=8, flip=False)"]


def make(text: str) -> object:
    return AUGMENTATIONS.create(AUGMENTATIONS.parse(text))


def images(count: int = 64, channels: int = 3, size: int = 32) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(1, 256, (count, channels, size, size), dtype=np.uint8))


def apply(text: str, pixels: Tensor, seed: int = 0) -> Tensor:
    augmentation = make(text)
    drawn = augmentation.draw(len(pixels), torch.Generator().manual_seed(seed))  # type: ignore[attr-defined]
    return augmentation(pixels, drawn)  # type: ignore[no-any-return, operator]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32)])
def test_shape_and_type_stay_and_the_seed_alone_decides(name: str, channels: int, size: int) -> None:
    pixels = images(16, channels, size)
    before = torch.random.get_rng_state()
    one, again, other = apply(name, pixels), apply(name, pixels), apply(name, pixels, seed=1)
    assert (one.shape, one.dtype) == (pixels.shape, torch.uint8)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator is as it was"


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_drawn_on_its_own_and_the_batch_does_not_matter(name: str) -> None:
    pixels = images(1).expand(32, -1, -1, -1)
    augmentation = make(name)
    drawn = augmentation.draw(32, torch.Generator().manual_seed(0))  # type: ignore[attr-defined]
    whole = augmentation(pixels, drawn)  # type: ignore[operator]
    assert len({image.numpy().tobytes() for image in whole}) > 16
    halves = torch.cat([augmentation(pixels[part], drawn[part]) for part in (slice(0, 16), slice(16, 32))])  # type: ignore[operator]
    assert torch.equal(whole, halves)


def test_cutout_blackens_a_square_and_nothing_else() -> None:
    pixels = images()
    plain = apply("cutout(size=8, padding=0, flip=False)", pixels)
    for before, after in zip(pixels, plain, strict=True):
        black = (after == 0).all(0)
        assert torch.equal(after[:, ~black], before[:, ~black])
        rows, columns = black.any(1).nonzero(), black.any(0).nonzero()
        height, width = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
        assert black.sum() == height * width
        assert 4 <= height <= 8
        assert 4 <= width <= 8
    sizes = [(after == 0).all(0).sum().item() for after in plain]
    assert max(sizes) == 64


def test_cutout_of_more_than_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="below 16 for images of 8x8, got 16"):
        apply("cutout", images(2, 1, 8))


def test_random_erasing_has_the_paper_s_areas_shapes_and_probability() -> None:
    pixels = images(2000)
    erased = apply("random_erasing(probability=0.5, padding=0, flip=False)", pixels)
    black = (erased == 0).all(1)
    touched = black.flatten(1).any(1)
    assert float(touched.float().mean()) == pytest.approx(0.5, abs=0.04)
    share = black[touched].float().mean((1, 2))
    assert share.min() > 0.012
    assert share.max() < 0.43
    assert float(share.mean()) == pytest.approx(0.21, abs=0.015)
    height, width = black[touched].any(2).sum(1), black[touched].any(1).sum(1)
    assert float((height / width).min()) > 0.2
    assert float((height / width).max()) < 4.5
    none = apply("random_erasing(probability=0.0, padding=0, flip=False)", pixels[:8])
    assert torch.equal(none, pixels[:8])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("cutout:0", "size"),
        ("random_erasing:1.5", "probability"),
        ("autoaugment:cifar", "cifar10"),
        ("randaugment:31", "magnitude"),
        ("randaugment(operations=0)", "operations"),
        ("random_resized_crop:0", r"in \(0, 1\], got 0"),
    ],
)
def test_impossible_values_are_refused(bad: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(bad)


@pytest.mark.parametrize("flip", [False, True])
def test_resized_crops_of_a_batch_are_those_of_torchvision(flip: bool) -> None:
    augmentation = RandomResizedCrop(flip=flip)
    images = torch.nn.functional.interpolate(
        torch.rand(64, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 255, size=(24, 20), mode="bilinear"
    ).to(torch.uint8)
    drawn = augmentation.draw(64, torch.Generator().manual_seed(1))
    together = augmentation(images, drawn)
    alone = torch.stack([augmentation.one(image, row, (24, 20)) for image, row in zip(images, drawn, strict=True)])
    assert together.shape == images.shape
    assert (together.int() - alone.int()).abs().max() <= 2
    assert not torch.equal(together, images)


def test_resized_crops_have_the_areas_and_shapes_asked_for() -> None:
    augmentation = RandomResizedCrop(smallest=0.25, flip=True)
    drawn = augmentation.draw(4000, torch.Generator().manual_seed(0))
    top, left, height, width, mirrored = augmentation._boxes(drawn, 200, 200)
    area, ratio = height * width / 200**2, width / height
    assert area.min() > 0.24
    # Sides that are too long were cut, so the mean is a little lower than that of the uniform distribution.
    assert 0.58 < area.mean() < 0.63
    assert ratio.min() > 0.74
    assert ratio.max() < 1.35
    assert (top >= 0).all()
    assert (left + width <= 200).all()
    assert (top + height <= 200).all()
    assert 0.47 < mirrored.double().mean() < 0.53
