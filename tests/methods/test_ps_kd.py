"""PS-KD's loss against its formula, its memory, and its snapshot."""

import copy

import method_kit as kit
import pytest
import torch
from helpers_training import CONFIG, make_method, training_set
from torch import Tensor
from torch.nn import functional

from noisylab.methods.ps_kd import ps_kd_loss
from noisylab.training import train


def by_hand(z: Tensor, labels: Tensor, targets: Tensor, alpha: float) -> Tensor:
    p, total = kit.probabilities(z), torch.zeros((), dtype=torch.float64)
    for i in range(len(z)):
        for k in range(z.shape[1]):
            soft = (1 - alpha) * float(k == labels[i]) + alpha * targets[i, k].double()
            total = total - soft * torch.log(p[i, k])
    return total / len(z)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8, 1.0])
def test_loss_and_gradient_are_those_of_the_formula(alpha: float) -> None:
    kit.check_formula(
        lambda y, z, t: ps_kd_loss(z, y, t.softmax(1), alpha=alpha),
        lambda y, z, t: by_hand(z, y, t.softmax(1), alpha),
        taught=1,
    )


def test_the_weight_moves_the_minimum_from_the_label_to_the_target() -> None:
    labels, targets = kit.draw_labels(4, 5), kit.draw(4, 5, seed=1).softmax(1)
    one_hot = functional.one_hot(labels, 5).float()
    losses = {a: (ps_kd_loss((one_hot + 1e-4).log(), labels, targets, alpha=a), a) for a in (0.0, 0.5, 1.0)}
    assert losses[0.0] < losses[0.5] < losses[1.0]
    z = targets.log().requires_grad_()
    (gradient,) = torch.autograd.grad(ps_kd_loss(z, labels, targets, alpha=1.0), z)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-7, rtol=0)


@pytest.mark.parametrize("alpha", [0.8, 0.3])
def test_the_target_is_last_epoch_s_training_output_and_the_weight_rises_to_alpha(alpha: float) -> None:
    def expected(each: kit.Presentation) -> Tensor:
        assert {len(rows) for rows in each.before} == {each.epoch}
        if each.epoch == 0:
            return functional.cross_entropy(each.step.logits, each.batch.labels)
        targets = kit.probabilities(torch.stack([rows[-1] for rows in each.before]))
        return by_hand(each.step.logits, each.batch.labels, targets, alpha * (each.epoch + 1) / 5)

    method = kit.check_training(f"ps_kd(alpha={alpha})", expected, epochs=5)
    assert float(method.weight) == pytest.approx(alpha)


def test_without_weight_and_in_the_first_epoch_it_is_cross_entropy() -> None:
    for name, epochs in (("ps_kd(alpha=0)", 3), ("ps_kd", 1), ("ps_kd(snapshot=True)", 1)):
        for each in kit.watched(name, epochs)[1].presentations:
            torch.testing.assert_close(each.step.loss, functional.cross_entropy(each.step.logits, each.batch.labels))


def test_the_snapshot_is_the_network_as_last_epoch_left_it() -> None:
    method = make_method("ps_kd(snapshot=True)")
    train(method, training_set(), CONFIG)
    before = copy.deepcopy(method.network).eval()
    method.train().start_epoch(1)
    batch = kit.some_batch([0, 4, 9, 11])
    for _ in range(2):
        step = method.loss(batch)
        targets = kit.probabilities(before(batch.images))
        torch.testing.assert_close(step.loss.double(), by_hand(step.logits, batch.labels, targets, 0.8 * 2 / 3))
        step.loss.backward()
        assert all(p.grad is None for p in method.teacher.parameters())
        with torch.no_grad():
            for parameter in method.network.parameters():
                parameter -= 0.1 * parameter.grad
