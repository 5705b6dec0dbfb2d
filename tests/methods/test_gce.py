"""GCE against its formula."""

import pytest
import torch
from method_kit import average, check_far_off, check_formula, draw, draw_labels, pulls
from torch.nn import functional

from noisylab.methods.gce import gce_loss


@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_loss_and_gradient_are_those_of_the_formula(q: float) -> None:
    check_formula(lambda y, z: gce_loss(z, y, q=q), average(lambda p, g: (1 - p[g] ** q) / q), halves=True)
    check_far_off(lambda y, z: gce_loss(z, y, q=q))


def test_its_limits_are_cross_entropy_and_half_of_the_absolute_error() -> None:
    logits, labels = draw(8, 5), draw_labels(8, 5)
    ce = functional.cross_entropy(logits, labels)
    torch.testing.assert_close(gce_loss(logits, labels, q=0), ce)
    torch.testing.assert_close(gce_loss(logits, labels, q=1e-9), ce)
    # In float32 too: 1 - p^q alone would have lost all digits there.
    torch.testing.assert_close(gce_loss(logits.float(), labels, q=1e-7), ce.float())
    absolute = (logits.softmax(1) - functional.one_hot(labels, 5)).abs().sum(1).mean()
    torch.testing.assert_close(gce_loss(logits, labels, q=1), absolute / 2)


def test_the_higher_q_the_less_a_sample_that_is_off_pulls() -> None:
    logits, labels = [[5.0, 0.0, 0.0], [1.0, 0.0, 0.0]], torch.tensor([1, 1])
    sizes = [gradient.abs().sum(1) for gradient in pulls(lambda z, q: gce_loss(z, labels, q=q), logits, (0.0, 0.3, 0.7, 1.0))]
    off = [float(far / near) for far, near in sizes]
    assert off == sorted(off, reverse=True)
    assert off[0] > 1 > off[-1]
