"""CORES2 against its formula, its sieve, its weight and its shares of labels."""

import method_kit as kit
import pytest
import torch
from helpers_training import CLASSES, training_set
from torch import Tensor

from noisylab.methods.cores2 import cores2_loss, kept_by_sieve


def shares_of(classes: int) -> Tensor:
    q = torch.arange(1, classes + 1, dtype=torch.float64)
    return q / q.sum()


def by_hand(z: Tensor, labels: Tensor, beta: float, keeps: bool) -> Tensor:
    p, q, losses = kit.probabilities(z), shares_of(z.shape[1]), []
    for row, g in zip(p, labels, strict=True):
        uniform = sum(-torch.log(row[k] + 1e-8) for k in range(len(row))) / len(row)
        if not keeps or bool(-torch.log(row[g]) <= uniform):
            losses.append(-torch.log(row[g]) - beta * sum(-q[k] * torch.log(row[k] + 1e-8) for k in range(len(row))))
    return sum(losses, 0 * z.double().sum()) / max(1, len(losses))


@pytest.mark.parametrize("beta", [0.0, 0.5, 2.0])
def test_loss_and_gradient_are_those_of_the_formula(beta: float) -> None:
    def loss(y: Tensor, z: Tensor) -> Tensor:
        return cores2_loss(z, y, shares_of(z.shape[1]), beta=beta)

    kit.check_formula(loss, lambda y, z: by_hand(z, y, beta, keeps=False), halves=True)
    kit.check_far_off(loss)


def test_the_sieve_keeps_losses_below_the_mean_over_classes_and_trains_on_them_alone() -> None:
    logits, labels = kit.draw(9, 5).requires_grad_(), kit.draw_labels(9, 5)
    kept = kept_by_sieve(logits, labels)
    assert 0 < int(kept.sum()) < 9
    loss, wanted = cores2_loss(logits, labels, shares_of(5), beta=2.0, kept=kept), by_hand(logits, labels, 2.0, keeps=True)
    torch.testing.assert_close(loss, wanted)
    (gradient,), (expected,) = (torch.autograd.grad(value, logits) for value in (loss, wanted))
    torch.testing.assert_close(gradient, expected)
    assert ((gradient.abs().sum(1) > 0) == kept).all()


def test_nothing_is_learned_if_nothing_is_kept() -> None:
    logits = torch.tensor([[5.0, 0.0, 0.0], [0.0, 0.0, 4.0]], requires_grad=True)
    labels = torch.tensor([1, 0])
    loss = cores2_loss(logits, labels, shares_of(3), beta=2.0, kept=kept_by_sieve(logits, labels))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_weight_sieve_and_learning_rate_are_those_of_the_hundred_published_epochs() -> None:
    method = kit.build("cores2", epochs=100)
    weights = [method.weight_at(epoch) for epoch in range(100)]
    assert weights[:11] == [0] * 11
    assert weights[39:] == pytest.approx([2] * 61)
    assert weights[10:40] == pytest.approx([2 * n / 29 for n in range(30)])
    assert [method.learning_rate_factor(epoch + 0.5) for epoch in (5, 60)] == pytest.approx([1, 1 / 3])
    on = []
    for epoch in range(100):
        method.start_epoch(epoch)
        on.append(method.sieves())
    assert on == [False] * 31 + [True] * 69
    method = kit.build("cores2(sieve_from=1)", epochs=2)
    method.start_epoch(1)
    assert not method.sieves()


def test_the_shares_are_those_of_the_given_labels_and_then_of_the_kept_ones() -> None:
    def kept_in(epoch: int) -> Tensor:
        steps = [each for each in watch.presentations if each.epoch == epoch]
        kept = [kept_by_sieve(each.step.logits, each.batch.labels) for each in steps]
        labels = torch.cat([each.batch.labels[rows] for each, rows in zip(steps, kept, strict=True)])
        return torch.bincount(labels, minlength=CLASSES) / len(labels)

    method, watch = kit.watched("cores2(sieve_from=0.4)", 1)
    given = torch.bincount(torch.from_numpy(training_set().given_labels), minlength=CLASSES).float()
    torch.testing.assert_close(method.shares, given / given.sum())
    assert method.selected is None
    method, watch = kit.watched("cores2(sieve_from=0.4)", 5)
    torch.testing.assert_close(method.shares, kept_in(4))
    last = watch.presentations[-1]
    assert torch.equal(method.selected, kept_by_sieve(last.step.logits, last.batch.labels))
    expected = cores2_loss(last.step.logits, last.batch.labels, kept_in(3), beta=2.0, kept=method.selected)
    torch.testing.assert_close(last.step.loss, expected)
