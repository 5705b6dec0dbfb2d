"""Soft bootstrapping against its formula."""

import pytest
import torch
from method_kit import average, check_far_off, check_formula, draw, draw_labels
from torch import Tensor
from torch.nn import functional

from noisylab.methods.bootstrap_soft import soft_bootstrap_loss
from noisylab.methods.losses import soft_cross_entropy


@pytest.mark.parametrize("beta", [0.95, 0.5, 0.0])
def test_loss_and_gradient_are_those_of_the_formula(beta: float) -> None:
    def by_hand(p: list[Tensor], g: int) -> Tensor:
        return -sum((beta * (k == g) + (1 - beta) * p[k]) * torch.log(p[k]) for k in range(len(p)))

    check_formula(lambda y, z: soft_bootstrap_loss(z, y, beta=beta), average(by_hand), halves=True)
    check_far_off(lambda y, z: soft_bootstrap_loss(z, y, beta=beta))


def test_it_becomes_cross_entropy() -> None:
    logits, labels = draw(8, 5), draw_labels(8, 5)
    torch.testing.assert_close(soft_bootstrap_loss(logits, labels, beta=1), functional.cross_entropy(logits, labels))


def test_without_the_target_s_gradient_it_would_be_cross_entropy_scaled_down() -> None:
    logits, labels = draw(8, 5).requires_grad_(), draw_labels(8, 5)
    target = 0.5 * functional.one_hot(labels, 5) + 0.5 * logits.softmax(1)
    (ce,) = torch.autograd.grad(functional.cross_entropy(logits, labels), logits)
    (constant,) = torch.autograd.grad(soft_cross_entropy(logits, target), logits)
    (gradient,) = torch.autograd.grad(soft_bootstrap_loss(logits, labels, beta=0.5), logits)
    torch.testing.assert_close(constant, 0.5 * ce)
    assert not torch.allclose(gradient, 0.5 * ce, atol=1e-3)


def test_the_entropy_s_part_makes_predictions_surer() -> None:
    logits = draw(8, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(soft_bootstrap_loss(logits, draw_labels(8, 5), beta=0), logits)
    entropies = [torch.distributions.Categorical(logits=z).entropy().mean() for z in (logits - 0.1 * gradient, logits)]
    assert entropies[0] < entropies[1]
