"""ELR's loss against its formula, its targets and its clamping."""

import method_kit as kit
import pytest
import torch
from helpers_training import make_method
from torch import Tensor
from torch.nn import functional

from noisylab.methods.elr import elr_loss, updated_targets


def by_hand(z: Tensor, labels: Tensor, targets: Tensor, weight: float) -> Tensor:
    p, total = kit.probabilities(z).clamp(1e-4, 1 - 1e-4), torch.zeros((), dtype=torch.float64)
    for i in range(len(z)):
        total = total + torch.log(1 - (targets[i].double() * p[i]).sum())
    return kit.cross_entropy(z, labels) + weight * total / len(z)


def update_by_hand(target: Tensor, z: Tensor, momentum: float) -> Tensor:
    p = kit.probabilities(z).clamp(1e-4, 1 - 1e-4)
    return momentum * target.double() + (1 - momentum) * p / p.sum(1, keepdim=True)


@pytest.mark.parametrize("weight", [0.0, 3.0, 7.0])
def test_loss_and_gradient_are_those_of_the_formula(weight: float) -> None:
    # Less than a whole probability, as targets are that began at 0.
    kit.check_formula(
        lambda y, z, t: elr_loss(z, y, 0.7 * t.softmax(1), weight=weight),
        lambda y, z, t: by_hand(z, y, 0.7 * t.softmax(1), weight),
        taught=1,
    )
    logits = kit.draw(6, 5).requires_grad_()
    assert not updated_targets(torch.zeros(6, 5), logits, momentum=0.7).requires_grad


def test_the_weight_pulls_the_prediction_to_the_target_s_class() -> None:
    labels, targets = torch.tensor([0]), torch.tensor([[0.0, 0.9, 0.0]])
    pulls = []
    for weight in (0.0, 1.0, 3.0):
        z = torch.tensor([[0.5, 1.0, 0.0]], requires_grad=True)
        elr_loss(z, labels, targets, weight=weight).backward()
        pulls.append(float(-z.grad[0, 1]))
    assert pulls[0] < 0 < pulls[2]
    assert pulls[0] < pulls[1] < pulls[2]


def test_sure_predictions_are_clamped() -> None:
    z = torch.tensor([[60.0, 0.0, -60.0]], requires_grad=True)
    targets = updated_targets(torch.tensor([[1.0, 0.0, 0.0]]), z, momentum=0.7)
    torch.testing.assert_close(targets.double(), update_by_hand(torch.tensor([[1.0, 0.0, 0.0]]), z, 0.7))
    loss = elr_loss(z, torch.tensor([0]), targets, weight=3.0)
    torch.testing.assert_close(loss.double(), by_hand(z, torch.tensor([0]), targets, 3.0), rtol=1e-3, atol=1e-3)
    assert torch.isfinite(torch.autograd.grad(loss, z)[0]).all()


@pytest.mark.parametrize(("momentum", "weight"), [(0.7, 3.0), (0.9, 1.0), (0.0, 3.0)])
def test_the_target_averages_all_predictions_from_zero_the_one_at_hand_included(momentum: float, weight: float) -> None:
    def expected(each: kit.Presentation) -> Tensor:
        targets = torch.zeros(len(each.batch.images), each.step.logits.shape[1], dtype=torch.float64)
        for n in range(each.epoch):
            targets = update_by_hand(targets, torch.stack([rows[n] for rows in each.before]), momentum)
        targets = update_by_hand(targets, each.step.logits, momentum)
        return by_hand(each.step.logits, each.batch.labels, targets, weight)

    kit.check_training(f"elr(momentum={momentum}, weight={weight})", expected, epochs=4)


def test_without_weight_it_is_cross_entropy() -> None:
    for each in kit.watched("elr(weight=0)", 2)[1].presentations:
        torch.testing.assert_close(each.step.loss, functional.cross_entropy(each.step.logits, each.batch.labels))


def test_repeated_ids_share_the_target_that_is_remembered() -> None:
    method, logits = make_method("elr").train(), torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    method.network = kit.Given(logits.requires_grad_())
    batch = kit.some_batch([3, 3])
    step = kit.take_step(method, batch)
    logits = logits.detach()
    targets = update_by_hand(torch.zeros(2, 4), logits, 0.7)[[1, 1]]
    torch.testing.assert_close(step.loss.double(), by_hand(logits, batch.labels, targets, 3.0))
    torch.testing.assert_close(method.targets[3].double(), targets[0])
