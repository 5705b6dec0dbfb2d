"""SCE against its formula."""

import math

import pytest
import torch
from helpers_formula import average, check_far_off, check_formula, check_steps, draw
from torch import Tensor
from torch.nn import functional

from noisylab.core.registries import METHODS
from noisylab.methods.sce import sce_loss


def by_hand(p: list[Tensor], g: int, alpha: float, beta: float) -> Tensor:
    y = [1.0 if k == g else 0.0 for k in range(len(p))]
    ce = -sum(y[k] * torch.log(p[k]) for k in range(len(p)))
    rce = -sum(p[k] * math.log(max(y[k], 1e-4)) for k in range(len(p)))
    return alpha * ce + beta * rce


@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 1.0), (6.0, 0.1), (0.0, 1.0)])
def test_loss_and_gradient_are_those_of_the_formula(alpha: float, beta: float) -> None:
    check_formula(lambda z, y: sce_loss(z, y, alpha=alpha, beta=beta), average(lambda p, g: by_hand(p, g, alpha, beta)))
    check_far_off(lambda z, y: sce_loss(z, y, alpha=alpha, beta=beta))


def test_its_parts_are_cross_entropy_and_a_multiple_of_the_absolute_error() -> None:
    logits, labels = draw(8)
    torch.testing.assert_close(sce_loss(logits, labels, alpha=1, beta=0), functional.cross_entropy(logits, labels))
    error = 1 - logits.softmax(1)[torch.arange(8), labels].mean()
    torch.testing.assert_close(sce_loss(logits, labels, alpha=0, beta=1), -math.log(1e-4) * error)


def test_the_reverse_part_pulls_less_at_a_sample_that_is_off() -> None:
    logits = torch.tensor([[8.0, 0.0, 0.0], [1.0, 0.0, 0.0]], requires_grad=True)
    pull = []
    for beta in (0.0, 0.1, 1.0):
        (gradient,) = torch.autograd.grad(sce_loss(logits, torch.tensor([1, 1]), alpha=0.1, beta=beta), logits)
        far, near = gradient.abs().sum(1)
        pull.append(float(far / near))
    assert pull == sorted(pull, reverse=True)


def test_a_sure_and_right_prediction_costs_nothing() -> None:
    logits = torch.tensor([[30.0, 0.0]])
    assert 0 <= float(sce_loss(logits, torch.tensor([0]), alpha=1, beta=1)) < 1e-11


def test_steps() -> None:
    check_steps("sce", lambda z, y: sce_loss(z, y, alpha=0.1, beta=1))
    check_steps("sce(alpha=6, beta=0.1)", lambda z, y: sce_loss(z, y, alpha=6, beta=0.1))


def test_weights_are_not_negative() -> None:
    with pytest.raises(ValueError, match="beta must be a number >= 0"):
        METHODS.parse("sce(beta=-1)")
