"""SCE against its formula."""

import math

import pytest
import torch
from method_kit import average, check_far_off, check_formula, draw, draw_labels, pulls
from torch import Tensor
from torch.nn import functional

from noisylab.methods.sce import sce_loss


@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 1.0), (6.0, 0.1), (0.0, 1.0)])
def test_loss_and_gradient_are_those_of_the_formula(alpha: float, beta: float) -> None:
    def by_hand(p: list[Tensor], g: int) -> Tensor:
        reverse = -sum(p[k] * math.log(1.0 if k == g else 1e-4) for k in range(len(p)))
        return -alpha * torch.log(p[g]) + beta * reverse

    check_formula(lambda y, z: sce_loss(z, y, alpha=alpha, beta=beta), average(by_hand), halves=True)
    check_far_off(lambda y, z: sce_loss(z, y, alpha=alpha, beta=beta))


def test_its_parts_are_cross_entropy_and_a_multiple_of_the_absolute_error() -> None:
    logits, labels = draw(8, 5), draw_labels(8, 5)
    torch.testing.assert_close(sce_loss(logits, labels, alpha=1, beta=0), functional.cross_entropy(logits, labels))
    error = 1 - logits.softmax(1)[torch.arange(8), labels].mean()
    torch.testing.assert_close(sce_loss(logits, labels, alpha=0, beta=1), -math.log(1e-4) * error)


def test_the_reverse_part_pulls_less_at_a_sample_that_is_off() -> None:
    logits, labels = [[8.0, 0.0, 0.0], [1.0, 0.0, 0.0]], torch.tensor([1, 1])
    gradients = pulls(lambda z, beta: sce_loss(z, labels, alpha=0.1, beta=beta), logits, (0.0, 0.1, 1.0))
    off = [float(far / near) for far, near in (gradient.abs().sum(1) for gradient in gradients)]
    assert off == sorted(off, reverse=True)


def test_a_sure_and_right_prediction_costs_nothing() -> None:
    assert 0 <= float(sce_loss(torch.tensor([[30.0, 0.0]]), torch.tensor([0]), alpha=1, beta=1)) < 1e-11
