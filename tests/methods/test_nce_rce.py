"""NCE + RCE against its formula."""

import math

import pytest
import torch
from method_kit import average, check_far_off, check_formula, draw, draw_labels
from torch import Tensor

from noisylab.methods.nce_rce import nce_rce_loss, normalised_cross_entropies
from noisylab.methods.sce import sce_loss


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (10.0, 0.1), (1.0, 0.0)])
def test_loss_and_gradient_are_those_of_the_formula(alpha: float, beta: float) -> None:
    def by_hand(p: list[Tensor], g: int) -> Tensor:
        nce = -torch.log(p[g]) / sum(-torch.log(each) for each in p)
        rce = -sum(p[k] * math.log(1.0 if k == g else 1e-4) for k in range(len(p)))
        return alpha * nce + beta * rce

    def loss(labels: Tensor, logits: Tensor) -> Tensor:
        return nce_rce_loss(logits, labels, alpha=alpha, beta=beta)

    check_formula(loss, average(by_hand), sizes=((8, 5), (5, 5), (1, 5)), halves=True)
    check_far_off(loss)


def test_the_parts_are_weighted() -> None:
    logits, labels = draw(8, 5), draw_labels(8, 5)
    nce = nce_rce_loss(logits, labels, alpha=1, beta=0)
    rce = nce_rce_loss(logits, labels, alpha=0, beta=1)
    torch.testing.assert_close(nce_rce_loss(logits, labels, alpha=2, beta=3), 2 * nce + 3 * rce)
    torch.testing.assert_close(rce, sce_loss(logits, labels, alpha=0, beta=1))


def test_the_normalised_cross_entropies_of_all_labels_sum_to_one() -> None:
    total = sum(normalised_cross_entropies(draw(8, 5), torch.full((8,), g)) for g in range(5))
    torch.testing.assert_close(total, torch.ones(8, dtype=torch.float64))
