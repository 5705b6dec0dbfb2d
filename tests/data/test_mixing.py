"""mixup and CutMix as augmentations: what is mixed with what, and in which shares."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from noisylab.core.registries import AUGMENTATIONS
from noisylab.data.augmentations.mixing import CutMix, Mixup
from noisylab.data.batches.batch import Batch, Mix
from noisylab.data.batches.composition import Composition, Delayed
from noisylab.data.batches.loader import BatchLoader, TrainingSet
from noisylab.data.batches.samplers import make_sampler
from noisylab.methods.losses import given_targets

SAMPLES = 46
SPECS = ["mixup(padding=0, flip=False)", "cutmix(probability=1, padding=0, flip=False)"]


def feed(augmentation: str, composition: Composition, seed: int = 3, batch: int = 16, **replica: int) -> BatchLoader:
    """Every image is of one value, which is its index."""
    images = np.broadcast_to(np.arange(SAMPLES, dtype=np.uint8)[:, None, None, None], (SAMPLES, 1, 6, 8)).copy()
    labels = np.arange(SAMPLES) * 10
    data = TrainingSet(images, labels, (0.0,), (1.0,), AUGMENTATIONS.create(AUGMENTATIONS.parse(augmentation)))
    return BatchLoader(data, make_sampler(composition, labels, batch, seed, **replica), seed, torch.device("cpu"))


def values(images: Tensor) -> Tensor:
    return images[:, 0] * 255


@settings(max_examples=20, deadline=None)
@given(augmentation=st.sampled_from(SPECS), composition=st.sampled_from(["plain", "last", "twin"]), seed=st.integers(0, 99))
def test_images_are_what_their_labels_say(augmentation: str, composition: Composition, seed: int) -> None:
    for batch in feed(augmentation, composition, seed).batches(1):
        mix = batch.mix
        assert mix is not None
        partner = mix.labels // 10
        mean = mix.share * batch.index + (1 - mix.share) * partner
        torch.testing.assert_close(values(batch.images).mean(dim=(1, 2)), mean, atol=1e-3, rtol=1e-4)
        if augmentation.startswith("cutmix"):
            # Every pixel is of one of the two.
            pixels = values(batch.images).round().long()
            assert ((pixels == batch.index[:, None, None]) | (pixels == partner[:, None, None])).all()


@pytest.mark.parametrize("augmentation", SPECS)
@pytest.mark.parametrize("composition", ["plain", "last", "twin", Delayed(2)])
def test_partners_are_of_the_same_half(augmentation: str, composition: Composition) -> None:
    for batch in feed(augmentation, composition).batches(1):
        assert batch.mix is not None
        for part in (slice(0, batch.new.start), batch.new, slice(batch.new.stop, None)):
            # A permutation: each image stands once as a partner.
            assert sorted((batch.mix.labels[part] // 10).tolist()) == sorted(batch.index[part].tolist())


@pytest.mark.parametrize("augmentation", SPECS)
@pytest.mark.parametrize("lag", [1, 2, 5])
def test_a_repeated_half_is_mixed_as_it_was_when_it_was_new(augmentation: str, lag: int) -> None:
    source, past = feed(augmentation, Delayed(lag)), []
    for epoch in range(3):
        for batch in source.batches(epoch):
            assert batch.mix is not None
            past.append([part[batch.new] for part in (batch.images, batch.index, *batch.mix)])
            repeated = [part[: batch.new.start] for part in (batch.images, batch.index, *batch.mix)]
            if len(past) > lag:
                assert all(torch.equal(a, b) for a, b in zip(past[-1 - lag], repeated, strict=True))
            else:
                assert len(repeated[0]) == 0


def test_both_views_of_a_twin_are_mixed_alike() -> None:
    for batch in feed(SPECS[0], "twin").batches(0):
        assert batch.mix is not None
        first, second = batch.mix.share.tensor_split(2)
        assert torch.equal(first, second)
        assert torch.equal(*batch.mix.labels.tensor_split(2))


def test_each_of_several_processes_mixes_its_own_entries() -> None:
    name = "mixup(padding=0, flip=False)"
    shares = [feed(name, "last", batch=8, num_replicas=2, rank=rank) for rank in range(2)]
    for parts in zip(*(share.batches(1) for share in shares), strict=True):
        for part in parts:
            assert part.mix is not None
            for half in (slice(0, part.new.start), part.new):
                assert sorted((part.mix.labels[half] // 10).tolist()) == sorted(part.index[half].tolist())
        assert not torch.equal(parts[0].mix.share, parts[1].mix.share)


def test_an_entry_looks_the_same_in_one_process_as_in_two() -> None:
    name = "crop(padding=2, flip=True)"
    shares = [feed(name, "last", batch=8, num_replicas=2, rank=rank) for rank in range(2)]
    for whole, *parts in zip(feed(name, "last").batches(1), *(share.batches(1) for share in shares), strict=True):
        assert torch.equal(whole.index, torch.stack([part.index for part in parts], dim=1).flatten())
        assert torch.equal(whole.images, torch.stack([part.images for part in parts], dim=1).flatten(0, 1))


def test_another_epoch_and_another_seed_mix_otherwise() -> None:
    def drawn(epoch: int, seed: int) -> list[float]:
        return [share for batch in feed(SPECS[0], "plain", seed).batches(epoch) if batch.mix for share in batch.mix.share]

    assert drawn(0, 3) == drawn(0, 3)
    assert drawn(0, 3) != drawn(1, 3)
    assert drawn(0, 3) != drawn(0, 4)


def test_mixup_draws_shares_from_beta() -> None:
    from scipy import stats

    drawn = Mixup(alpha=0.3).draw_mix(4000, np.random.default_rng(0))[:, 0]
    assert stats.kstest(drawn, stats.beta(0.3, 0.3).cdf).pvalue > 0.01


def test_cutmix_boxes_are_as_published() -> None:
    cutmix = CutMix(probability=0.5)
    drawn = cutmix.draw_mix(20000, np.random.default_rng(0))
    side = drawn[:, 0]
    assert (side == 0).mean() == pytest.approx(0.5, abs=0.02)
    # l from Beta(1, 1): the box, before it is cut at the edges, has an area of 1 - l.
    assert (side[side > 0] ** 2).mean() == pytest.approx(0.5, abs=0.02)
    rows = torch.tensor([[0.5, 0.5, 0.5], [0.5, 0.0, 0.99], [0.0, 0.3, 0.3]])
    images, partners = torch.zeros(3, 1, 8, 8), torch.ones(3, 1, 8, 8)
    mixed, share = cutmix.mix(images, partners, rows)
    middle = torch.zeros(8, 8)
    middle[2:6, 2:6] = 1
    corner = torch.zeros(8, 8)
    corner[:2, 5:] = 1
    assert torch.equal(mixed[:, 0], torch.stack([middle, corner, torch.zeros(8, 8)]))
    torch.testing.assert_close(share, torch.tensor([1 - 16 / 64, 1 - 6 / 64, 1.0]))


def test_targets_of_mixed_images() -> None:
    logits, index = torch.zeros(3, 4), torch.arange(3)
    labels, mix = torch.tensor([0, 1, 2]), Mix(torch.tensor([3, 1, 0]), torch.tensor([0.25, 0.6, 1.0]))
    batch = Batch(torch.zeros(3, 1, 2, 2), labels, index, slice(0, 3), mix)
    expected = torch.tensor([[0.25, 0, 0, 0.75], [0, 1, 0, 0], [0, 0, 1, 0]])
    torch.testing.assert_close(given_targets(batch, logits), expected)
    assert given_targets(Batch(batch.images, labels, index, slice(0, 3)), logits) is labels


@pytest.mark.parametrize("text", ["mixup:0", "mixup(alpha=-1)", "cutmix:1.5", "cutmix(alpha=0)"])
def test_impossible_mixes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"alpha|probability"):
        AUGMENTATIONS.parse(text)
