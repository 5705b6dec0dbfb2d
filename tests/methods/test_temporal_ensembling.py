"""Temporal ensembling's loss against its formula, its average and its weight."""

import dataclasses
import math

import method_kit as kit
import pytest
import torch
from helpers_training import CONFIG, SAMPLES
from torch import Tensor
from torch.nn import functional

from noisylab.methods.soft_targets import averaging_rate, gaussian_rise
from noisylab.methods.temporal_ensembling import temporal_ensembling_loss


def by_hand(z: Tensor, labels: Tensor, targets: Tensor, weight: float) -> Tensor:
    p, total = kit.probabilities(z), torch.zeros((), dtype=torch.float64)
    for i in range(len(z)):
        for k in range(z.shape[1]):
            total = total + (p[i, k] - targets[i, k].double()) ** 2
    return kit.cross_entropy(z, labels) + weight * total / len(z) / z.shape[1]


@pytest.mark.parametrize("weight", [0.0, 0.5, 300.0])
def test_loss_and_gradient_are_those_of_the_formula(weight: float) -> None:
    kit.check_formula(
        lambda y, z, t: temporal_ensembling_loss(z, y, t.softmax(1), weight=weight),
        lambda y, z, t: by_hand(z, y, t.softmax(1), weight),
        taught=1,
    )


def test_the_weight_pulls_to_the_targets() -> None:
    z, labels, targets = kit.draw(6, 5), kit.draw_labels(6, 5), kit.draw(6, 5, seed=1).softmax(1)
    moved = []
    for weight in (0.0, 5.0, 50.0):
        student = z.detach().clone().requires_grad_()
        for _ in range(200):
            loss = temporal_ensembling_loss(student, labels, targets, weight=weight)
            (gradient,) = torch.autograd.grad(loss, student)
            student = (student - 0.2 * gradient).detach().requires_grad_()
        moved.append(float((kit.probabilities(student.detach()) - targets).square().sum()))
    assert moved[0] > moved[1] > moved[2]


@pytest.mark.parametrize("momentum", [0.0, 0.6, 0.9])
def test_the_recursion_is_the_published_average_with_its_correction(momentum: float) -> None:
    predictions = torch.rand(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z, target = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for n, p in enumerate(predictions, start=1):
        z = momentum * z + (1 - momentum) * p
        rate = averaging_rate(momentum, n)
        target = (1 - rate) * target + rate * p
        torch.testing.assert_close(target, z / (1 - momentum**n))


def test_the_rise_is_the_published_one() -> None:
    # 300 epochs: 80 of them rise.
    values = [gaussian_rise(epoch, 300) for epoch in range(300)]
    assert values[0] == pytest.approx(math.exp(-5))
    assert values[40] == pytest.approx(math.exp(-5 * 0.25))
    assert values[79] < 1
    assert set(values[80:]) == {1.0}
    assert values == sorted(values)


@pytest.mark.parametrize("momentum", [0.6, 0.0, 0.9])
def test_the_target_is_the_average_of_the_epochs_before(momentum: float) -> None:
    epochs = 8

    def expected(each: kit.Presentation) -> Tensor:
        if each.epoch == 0:
            return functional.cross_entropy(each.step.logits, each.batch.labels)
        targets = torch.zeros(len(each.batch.images), each.step.logits.shape[1], dtype=torch.float64)
        for n in range(each.epoch):
            targets = momentum * targets + (1 - momentum) * kit.probabilities(torch.stack([rows[n] for rows in each.before]))
        targets = targets / (1 - momentum**each.epoch)
        weight = 2.0 * math.exp(-5 * (1 - min(1, each.epoch / (epochs * 80 / 300))) ** 2)
        return by_hand(each.step.logits, each.batch.labels, targets, weight)

    name = f"temporal_ensembling(momentum={momentum}, weight=2.0)"
    method = kit.check_training(name, expected, epochs=epochs)
    assert float(method.weight) == 2


def test_the_first_epoch_is_cross_entropy_to_the_bit() -> None:
    for each in kit.watched("temporal_ensembling", 1)[1].presentations:
        assert torch.equal(each.step.loss, functional.cross_entropy(each.step.logits, each.batch.labels))


def test_the_learning_rate_rises_with_the_weight() -> None:
    config = dataclasses.replace(CONFIG, milestones=())
    rates = kit.watched("temporal_ensembling", 8, config)[1].rates
    # `rates` are those of each epoch's first step, half a step into it.
    steps = math.ceil(SAMPLES / config.batch_size)
    expected = [math.exp(-5 * (1 - min(1, (epoch + 0.5 / steps) / (8 * 80 / 300))) ** 2) for epoch in range(8)]
    assert rates == pytest.approx([config.learning_rate * rise for rise in expected])
    assert set(kit.watched("temporal_ensembling(ramp_learning_rate=False)", 8, config)[1].rates) == {config.learning_rate}
