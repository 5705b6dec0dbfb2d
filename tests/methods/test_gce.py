"""GCE against its formula."""

import pytest
import torch
from helpers_formula import average, check_far_off, check_formula, check_steps, draw
from torch.nn import functional

from noisylab.core.registries import METHODS
from noisylab.methods.gce import gce_loss


@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_loss_and_gradient_are_those_of_the_formula(q: float) -> None:
    check_formula(lambda z, y: gce_loss(z, y, q=q), average(lambda p, g: (1 - p[g] ** q) / q))
    check_far_off(lambda z, y: gce_loss(z, y, q=q))


def test_its_limits_are_cross_entropy_and_half_of_the_absolute_error() -> None:
    logits, labels = draw(8)
    ce = functional.cross_entropy(logits, labels)
    torch.testing.assert_close(gce_loss(logits, labels, q=0), ce)
    torch.testing.assert_close(gce_loss(logits, labels, q=1e-9), ce)
    # In float32 too: 1 - p^q alone would have lost all digits there.
    torch.testing.assert_close(gce_loss(logits.float(), labels, q=1e-7), ce.float())
    absolute = (logits.softmax(1) - functional.one_hot(labels, 5)).abs().sum(1).mean()
    torch.testing.assert_close(gce_loss(logits, labels, q=1), absolute / 2)


def test_the_higher_q_the_less_a_sample_that_is_off_pulls() -> None:
    logits = torch.tensor([[5.0, 0.0, 0.0], [1.0, 0.0, 0.0]], requires_grad=True)
    pull = []
    for q in (0.0, 0.3, 0.7, 1.0):
        (gradient,) = torch.autograd.grad(gce_loss(logits, torch.tensor([1, 1]), q=q), logits)
        far, near = gradient.abs().sum(1)
        pull.append(float(far / near))
    assert pull == sorted(pull, reverse=True)
    assert pull[0] > 1 > pull[-1]


def test_steps() -> None:
    check_steps("gce", lambda z, y: gce_loss(z, y, q=0.7))
    check_steps("gce(q=0.2)", lambda z, y: gce_loss(z, y, q=0.2))


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_q_is_a_share(q: float) -> None:
    with pytest.raises(ValueError, match="q must be a number in"):
        METHODS.parse(f"gce(q={q})")
