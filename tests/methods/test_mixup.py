"""Mixup inside a method: one share of at least a half for all entries of a batch, images and targets alike."""

import torch

from noisylab.methods.mixup import mixup


def test_images_and_targets_are_mixed_with_the_same_partner_and_share() -> None:
    shares = []
    for seed in range(200):
        torch.manual_seed(seed)
        images, targets = mixup(torch.arange(6.0)[:, None, None, None], torch.eye(6), alpha=4.0)
        for i in range(6):
            value = sum(float(targets[i, k]) * k for k in range(6))
            assert abs(float(images[i]) - value) < 1e-5
        own = targets.diagonal()
        # An entry can be its own partner.
        shares.append(float(own.min()))
        assert ((own - own.min()).abs() < 1e-6).logical_or((own - 1).abs() < 1e-6).all()
    assert min(shares) >= 0.5
    # max(l, 1 - l) with l from Beta(4, 4) has mean 1/2 + E|l - 1/2| = 1/2 + C(8, 4) / 2^9.
    shares = [share for share in shares if share < 1]
    assert abs(sum(shares) / len(shares) - (0.5 + 70 / 512)) < 0.02
