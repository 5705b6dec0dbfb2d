"""Hard bootstrapping against its formula."""

import pytest
import torch
from helpers_formula import average, check_far_off, check_formula, check_steps, draw
from torch import Tensor
from torch.nn import functional

from noisylab.methods.bootstrap_hard import hard_bootstrap_loss


def by_hand(p: list[Tensor], g: int, beta: float) -> Tensor:
    predicted = max(range(len(p)), key=lambda k: float(p[k].detach()))
    target = [beta * (k == g) + (1 - beta) * (k == predicted) for k in range(len(p))]
    return -sum(target[k] * torch.log(p[k]) for k in range(len(p)))


@pytest.mark.parametrize("beta", [0.8, 0.3, 0.0])
def test_loss_and_gradient_are_those_of_the_formula(beta: float) -> None:
    check_formula(lambda z, y: hard_bootstrap_loss(z, y, beta=beta), average(lambda p, g: by_hand(p, g, beta)))
    check_far_off(lambda z, y: hard_bootstrap_loss(z, y, beta=beta))


def test_it_becomes_cross_entropy() -> None:
    logits, labels = draw(8)
    torch.testing.assert_close(hard_bootstrap_loss(logits, labels, beta=1), functional.cross_entropy(logits, labels))


def test_the_lower_beta_the_more_the_predicted_class_is_pulled_up() -> None:
    logits = torch.tensor([[1.0, 0.0, 0.0]], requires_grad=True)
    pulls = []
    for beta in (1.0, 0.8, 0.5, 0.0):
        (gradient,) = torch.autograd.grad(hard_bootstrap_loss(logits, torch.tensor([1]), beta=beta), logits)
        pulls.append(float(-gradient[0, 0]))
    assert pulls == sorted(pulls)
    assert pulls[0] < 0 < pulls[-1]


def test_steps() -> None:
    check_steps("bootstrap_hard", lambda z, y: hard_bootstrap_loss(z, y, beta=0.8))
    check_steps("bootstrap_hard(beta=0.3)", lambda z, y: hard_bootstrap_loss(z, y, beta=0.3))
