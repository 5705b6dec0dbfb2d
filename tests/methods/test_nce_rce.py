"""NCE + RCE against its formula."""

import math

import pytest
import torch
from helpers_formula import average, check_far_off, check_formula, check_steps, draw
from torch import Tensor

from noisylab.methods.nce_rce import nce_rce_loss, normalised_cross_entropies
from noisylab.methods.sce import sce_loss


def by_hand(p: list[Tensor], g: int, alpha: float, beta: float, normaliser: float = 1.0) -> Tensor:
    nce = -torch.log(p[g]) / sum(-torch.log(p[k]) for k in range(len(p)))
    rce = -sum(p[k] * math.log(1.0 if k == g else 1e-4) for k in range(len(p)))
    return alpha * nce + beta * rce * normaliser


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (10.0, 0.1), (1.0, 0.0)])
def test_loss_and_gradient_are_those_of_the_formula(alpha: float, beta: float) -> None:
    check_formula(lambda z, y: nce_rce_loss(z, y, alpha=alpha, beta=beta), average(lambda p, g: by_hand(p, g, alpha, beta)))
    check_far_off(lambda z, y: nce_rce_loss(z, y, alpha=alpha, beta=beta))


def test_the_normaliser_divides_by_four_times_the_other_classes() -> None:
    check_formula(
        lambda z, y: nce_rce_loss(z, y, alpha=1, beta=1, normalised=True),
        average(lambda p, g: by_hand(p, g, 1, 1, 1 / (4 * (5 - 1)))),
    )


def test_the_parts_are_weighted() -> None:
    logits, labels = draw(8)
    nce = nce_rce_loss(logits, labels, alpha=1, beta=0)
    rce = nce_rce_loss(logits, labels, alpha=0, beta=1)
    torch.testing.assert_close(nce_rce_loss(logits, labels, alpha=2, beta=3), 2 * nce + 3 * rce)
    torch.testing.assert_close(rce, sce_loss(logits, labels, alpha=0, beta=1))


def test_the_normalised_cross_entropies_of_all_labels_sum_to_one() -> None:
    logits = draw(8)[0].detach()
    total = sum(normalised_cross_entropies(logits, torch.full((8,), g)) for g in range(5))
    torch.testing.assert_close(total, torch.ones(8, dtype=torch.float64))


def test_steps() -> None:
    check_steps("nce_rce", lambda z, y: nce_rce_loss(z, y, alpha=1, beta=1))
    check_steps("nce_rce(alpha=10, beta=0.1)", lambda z, y: nce_rce_loss(z, y, alpha=10, beta=0.1))
    check_steps("nce_rce(normalised=True)", lambda z, y: nce_rce_loss(z, y, alpha=1, beta=1, normalised=True))
