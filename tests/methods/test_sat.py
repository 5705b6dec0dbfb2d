"""SAT's loss against its formula, and its targets: when they start, what they average, and who shares them."""

import method_kit as kit
import pytest
import torch
from helpers_training import make_method
from torch import Tensor
from torch.nn import functional

from noisylab.methods.sat import sat_loss


def by_hand(z: Tensor, targets: Tensor) -> Tensor:
    p, total, weights = kit.probabilities(z), torch.zeros((), dtype=torch.float64), 0.0
    for i in range(len(z)):
        weight = max(targets[i].tolist())
        total = total - weight * sum(targets[i, k].double() * torch.log(p[i, k]) for k in range(z.shape[1]))
        weights += weight
    return total / weights


def test_loss_and_gradient_are_those_of_the_formula() -> None:
    kit.check_formula(
        lambda y, z, t: sat_loss(z, t.softmax(1)),
        lambda y, z, t: by_hand(z, t.softmax(1)),
        taught=1,
        sizes=((5, 4), (1, 3)),
    )
    logits, targets = kit.draw(5, 4).half(), kit.draw(5, 4, seed=1).softmax(1)
    assert torch.equal(sat_loss(logits, targets), sat_loss(logits.float(), targets))
    kit.check_far_off(lambda y, z: sat_loss(z, functional.one_hot(y, 3).float()))


def test_a_sample_without_a_clear_target_counts_less() -> None:
    z = torch.zeros(2, 2, requires_grad=True)
    sat_loss(z, torch.tensor([[0.9, 0.1], [0.55, 0.45]])).backward()
    # By its own target each would pull as far as that is from a half.
    pulls = z.grad.abs().sum(1)
    assert float(pulls[0] / pulls[1]) == pytest.approx(0.9 / 0.55 * 0.4 / 0.05, rel=1e-5)


@pytest.mark.parametrize(("momentum", "start"), [(0.9, 0.3), (0.5, 0.0), (0.0, 0.5), (0.9, 1.0)])
def test_targets_average_the_label_and_the_predictions_since_the_start_the_one_at_hand_included(
    momentum: float, start: float
) -> None:
    def expected(each: kit.Presentation) -> Tensor:
        z, y = each.step.logits, each.batch.labels
        if each.epoch < start * 5:
            return kit.cross_entropy(z, y)
        targets = functional.one_hot(y, z.shape[1]).double()
        for n in range(each.epoch):
            if n >= start * 5:
                targets = momentum * targets + (1 - momentum) * kit.probabilities(torch.stack([row[n] for row in each.before]))
        return by_hand(z, momentum * targets + (1 - momentum) * kit.probabilities(z))

    kit.check_training(f"sat(momentum={momentum}, start={start})", expected, epochs=5)


def test_the_start_is_a_share_of_the_run() -> None:
    for epochs, first in ((200, 60), (20, 6), (40, 12), (1, 1)):
        method = kit.build("sat", epochs=epochs)
        switched = []
        for epoch in range(epochs):
            method.start_epoch(epoch)
            switched.append(method.updates_targets)
        assert switched == [epoch >= first for epoch in range(epochs)]


def test_no_gradient_goes_through_the_target() -> None:
    method = kit.build("sat(momentum=0.0)")
    method.start_epoch(2)
    z = kit.draw(5, 4).float().requires_grad_()
    method.loss_from_logits(z, kit.some_batch([0, 1, 2, 3, 4])).backward()
    # With the prediction itself as a constant target there is nothing to learn.
    torch.testing.assert_close(z.grad, torch.zeros_like(z), atol=1e-6, rtol=0)


def test_repeated_ids_share_the_target_that_is_remembered() -> None:
    method, logits = make_method("sat(start=0)").train(), torch.tensor([[2.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    method.start_epoch(0)
    method.network = kit.Given(logits.clone().requires_grad_())
    batch = kit.some_batch([3, 3])
    step = kit.take_step(method, batch)
    target = 0.9 * functional.one_hot(batch.labels[1], 4) + 0.1 * logits[1].softmax(0)
    torch.testing.assert_close(step.loss.double(), by_hand(logits, target.expand(2, 4)))
    torch.testing.assert_close(method.targets[3], target)
