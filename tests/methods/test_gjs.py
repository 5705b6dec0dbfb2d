"""GJS against its formula, its limits, and its two views."""

import math

import method_kit as kit
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.methods.gjs import gjs_loss


def by_hand(views: list[Tensor], labels: Tensor, pi: float) -> Tensor:
    ps, total = [kit.probabilities(z) for z in views], torch.zeros((), dtype=torch.float64)
    for i, g in enumerate(labels.tolist()):
        m = [pi * (k == g) + (1 - pi) / len(ps) * sum(p[i, k] for p in ps) for k in range(ps[0].shape[1])]
        total = total - pi * torch.log(m[g])
        for p in ps:
            total = total + (1 - pi) / len(ps) * sum(p[i, k] * torch.log(p[i, k] / m[k]) for k in range(len(m)))
    return total / len(labels) / (-(1 - pi) * math.log(1 - pi))


@pytest.mark.parametrize("pi", [0.1, 0.5, 0.9])
def test_loss_and_gradient_are_those_of_the_formula(pi: float) -> None:
    # Of a single class there is nothing to say.
    sizes = ((5, 4), (1, 3))
    kit.check_formula(
        lambda y, a, b: gjs_loss([a, b], y, pi=pi), lambda y, a, b: by_hand([a, b], y, pi), trained=2, sizes=sizes, halves=True
    )
    kit.check_formula(lambda y, z: gjs_loss([z], y, pi=pi), lambda y, z: by_hand([z], y, pi), sizes=sizes, halves=True)
    kit.check_far_off(lambda y, z: gjs_loss([z, -z], y, pi=pi))


def test_of_one_mind_both_views_are_one() -> None:
    z, labels = kit.draw(6, 5), kit.draw_labels(6, 5)
    torch.testing.assert_close(gjs_loss([z, z], labels, pi=0.3), gjs_loss([z], labels, pi=0.3))


def test_a_light_label_gives_cross_entropy_and_a_heavy_one_the_mean_absolute_error() -> None:
    z, labels = kit.draw(6, 5), kit.draw_labels(6, 5)
    torch.testing.assert_close(gjs_loss([z], labels, pi=1e-6), functional.cross_entropy(z, labels), rtol=1e-4, atol=1e-4)
    error = (1 - z.softmax(1).gather(1, labels[:, None])).mean()
    # The approach is as slow as that of 1 / log(1 - pi).
    gaps = [float((gjs_loss([z], labels, pi=1 - 10.0**-digits) - error).abs()) for digits in (2, 6, 12)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.1


def test_views_that_differ_cost_more_than_their_labels_do() -> None:
    a, b, labels = torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([[0.0, 3.0, 0.0]]), torch.tensor([2])
    together = (gjs_loss([a, a], labels, pi=0.3) + gjs_loss([b, b], labels, pi=0.3)) / 2
    assert gjs_loss([a, b], labels, pi=0.3) > together + 0.1


def test_the_halves_of_a_batch_are_the_views() -> None:
    method = kit.build("gjs:0.6")
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    views = list(step.logits.chunk(2))
    torch.testing.assert_close(step.loss, gjs_loss(views, batch.labels[:5], pi=0.6))
