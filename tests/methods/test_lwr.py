"""LWR's loss against its formula, and when its memory is renewed."""

import method_kit as kit
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.methods.lwr import lwr_loss


def by_hand(z: Tensor, labels: Tensor, targets: Tensor, temperature: float, weight: float) -> Tensor:
    return (1 - weight) * kit.cross_entropy(z, labels) + weight * temperature**2 * kit.divergence(targets, z, temperature)


@pytest.mark.parametrize(("temperature", "weight"), [(5.0, 0.9), (1.0, 0.5), (2.0, 0.0), (3.0, 1.0)])
def test_loss_and_gradient_are_those_of_the_formula(temperature: float, weight: float) -> None:
    kit.check_formula(
        lambda y, z, t: lwr_loss(z, y, t.softmax(1), temperature=temperature, weight=weight),
        lambda y, z, t: by_hand(z, y, t.softmax(1), temperature, weight),
        taught=1,
    )


def test_the_weight_moves_the_minimum_from_the_label_to_the_target_and_temperature_keeps_the_gradient_s_size() -> None:
    z, labels, targets = kit.draw(4, 5).requires_grad_(), kit.draw_labels(4, 5), kit.draw(4, 5, seed=1).softmax(1)
    at_target = (3.0 * targets.log()).requires_grad_()
    (gradient,) = torch.autograd.grad(lwr_loss(at_target, labels, targets, temperature=3.0, weight=1.0), at_target)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-6, rtol=0)
    sizes = []
    for temperature in (50.0, 100.0):
        soft = torch.softmax(torch.randn(4, 5, generator=torch.Generator().manual_seed(1)) / temperature, dim=1)
        (gradient,) = torch.autograd.grad(lwr_loss(z, labels, soft, temperature=temperature, weight=1.0), z)
        sizes.append(float(gradient.norm()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_targets_are_renewed_every_k_epochs_and_the_weight_rises(k: int) -> None:
    ages = set()

    def expected(each: kit.Presentation) -> Tensor:
        if each.epoch < k:
            return functional.cross_entropy(each.step.logits, each.batch.labels)
        age = each.epoch % k + 1
        ages.add(age)
        targets = kit.probabilities(torch.stack([rows[-age] for rows in each.before]), 4.0)
        # A stair: the weight of the last epoch that renewed the targets.
        weight = 0.6 * k * ((each.epoch + 1) // k) / 7
        return by_hand(each.step.logits, each.batch.labels, targets, 4.0, weight)

    method = kit.check_training(f"lwr(k={k}, temperature=4.0, weight=0.6)", expected, epochs=7)
    assert ages == set(range(1, k + 1))
    assert float(method.weight) == pytest.approx(0.6 * k * (7 // k) / 7)


def test_the_first_k_epochs_are_cross_entropy_to_the_bit() -> None:
    for each in kit.watched("lwr(k=3)", 3)[1].presentations:
        assert torch.equal(each.step.loss, functional.cross_entropy(each.step.logits, each.batch.labels))


def test_the_default_weight_ends_where_the_public_code_ends() -> None:
    method = kit.build("lwr", epochs=200)
    weights = []
    for epoch in range(200):
        method.start_epoch(epoch)
        weights.append(float(method.weight))
    # Epochs from 1: .9 over 240 in steps of k = 5, and cross-entropy alone up to k.
    assert weights == pytest.approx([0.9 * 5 * (e // 5) / 240 if e > 5 else 0 for e in range(1, 201)])
    assert weights[-1] == pytest.approx(0.75)
