"""Hard bootstrapping against its formula."""

import pytest
import torch
from method_kit import average, check_far_off, check_formula, draw, draw_labels, pulls
from torch import Tensor
from torch.nn import functional

from noisylab.methods.bootstrap_hard import hard_bootstrap_loss


@pytest.mark.parametrize("beta", [0.8, 0.3, 0.0])
def test_loss_and_gradient_are_those_of_the_formula(beta: float) -> None:
    def by_hand(p: list[Tensor], g: int) -> Tensor:
        predicted = max(range(len(p)), key=lambda k: float(p[k].detach()))
        target = [beta * (k == g) + (1 - beta) * (k == predicted) for k in range(len(p))]
        return -sum(target[k] * torch.log(p[k]) for k in range(len(p)))

    check_formula(lambda y, z: hard_bootstrap_loss(z, y, beta=beta), average(by_hand), halves=True)
    check_far_off(lambda y, z: hard_bootstrap_loss(z, y, beta=beta))


def test_it_becomes_cross_entropy() -> None:
    logits, labels = draw(8, 5), draw_labels(8, 5)
    torch.testing.assert_close(hard_bootstrap_loss(logits, labels, beta=1), functional.cross_entropy(logits, labels))


def test_the_lower_beta_the_more_the_predicted_class_is_pulled_up() -> None:
    gradients = pulls(lambda z, b: hard_bootstrap_loss(z, torch.tensor([1]), beta=b), [[1.0, 0.0, 0.0]], (1.0, 0.8, 0.5, 0.0))
    up = [float(-gradient[0, 0]) for gradient in gradients]
    assert up == sorted(up)
    assert up[0] < 0 < up[-1]
