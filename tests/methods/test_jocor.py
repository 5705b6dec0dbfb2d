"""JoCoR against its formula, its choice, its schedule and its two networks."""

import pytest
import torch
from helpers_training import CLASSES, SAMPLES
from method_kit import (
    assert_formula,
    build,
    check_far_off,
    check_gradients,
    cross_entropy,
    divergence,
    draw,
    draw_labels,
    logits_of,
    make_batch,
    make_network,
    probabilities,
    take_step,
)
from torch import Tensor
from torch.nn import functional

from noisylab.methods import RunInfo
from noisylab.methods.jocor import JoCoR, joint_losses
from noisylab.training.optimizers import scheduled_parameters


def by_hand(first: Tensor, second: Tensor, labels: Tensor, weight: float) -> list[Tensor]:
    found = []
    for i in range(len(labels)):
        a, b, y = first[i : i + 1], second[i : i + 1], labels[i : i + 1]
        agreement = divergence(probabilities(a), b) + divergence(probabilities(b), a)
        found.append((1 - weight) * (cross_entropy(a, y) + cross_entropy(b, y)) + weight * agreement)
    return found


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.9, 1.0])
def test_joint_losses_and_both_gradients_are_those_of_the_formula(weight: float) -> None:
    labels = draw_labels(6, 5)
    # Of the losses with different weights, so that each has a gradient of its own.
    shares = torch.arange(1.0, 7.0).double()
    assert_formula(
        lambda a, b: (shares * joint_losses(a, b, labels, weight=weight)).sum(),
        lambda a, b: (shares * torch.stack(by_hand(a, b, labels, weight))).sum(),
        [draw(6, 5), draw(6, 5, seed=1)],
    )
    halves = [draw(6, 5).half(), draw(6, 5, seed=1).half()]
    floats = [z.float() for z in halves]
    assert torch.equal(joint_losses(*halves, labels, weight=weight), joint_losses(*floats, labels, weight=weight))
    check_far_off(lambda y, z: joint_losses(z, -z, y, weight=weight).mean())


def test_no_gradient_is_stopped() -> None:
    a, b = draw(3, 4).requires_grad_(), draw(3, 4, seed=1).requires_grad_()
    whole = torch.autograd.grad(joint_losses(a, b, draw_labels(3, 4), weight=1.0).sum(), a)[0]
    # As a student of the other alone, it would have this one.
    (stopped,) = torch.autograd.grad(functional.kl_div(a.log_softmax(1), b.detach().softmax(1), reduction="sum"), a)
    assert float((whole - stopped).abs().max()) > 0.1


@pytest.mark.parametrize(("entries", "epoch", "count"), [(8, 0, 8), (8, 50, 4), (5, 50, 3), (1, 50, 1)])
def test_the_smallest_joint_losses_are_kept_averaged_and_said(entries: int, epoch: int, count: int) -> None:
    method = build("jocor")  # tau is .4
    method.start_epoch(epoch)
    batch = make_batch(method, entries)
    method.network, method.second = method.network.eval(), method.second.eval()
    step = method.loss(batch)
    first, second = method.network(batch.images), method.second(batch.images)
    losses = by_hand(first, second, batch.labels, 0.9)
    chosen = sorted(range(entries), key=lambda i: float(losses[i].detach()))[:count]
    torch.testing.assert_close(step.loss.double(), sum(losses[i] for i in chosen) / count)
    assert step.selected is not None
    assert step.selected.dtype == torch.bool
    assert step.selected.nonzero().flatten().tolist() == sorted(chosen)
    step.loss.backward()
    assert all(parameter.grad is not None for parameter in method.parameters())


@pytest.mark.parametrize(("options", "rising"), [("", 10), ("(gradual_epochs=2)", 2), ("(gradual_epochs=1)", 1)])
def test_forgetting_rises_over_epochs(options: str, rising: int) -> None:
    method = build(f"jocor{options}")
    shares = []
    for epoch in range(13):
        method.start_epoch(epoch)
        shares.append(float(method.remembered))
    assert shares == pytest.approx([1 - 0.4 * min(e / rising, 1) for e in range(13)])


def test_one_optimiser_trains_both_networks_and_the_first_is_measured() -> None:
    method = build("jocor(forget_rate=0.2)")
    assert not torch.equal(method.network.classifier.weight, method.second.classifier.weight)
    assert len(scheduled_parameters(method)) == len(list(method.parameters()))
    batch = make_batch(method)
    step = check_gradients(method, batch)
    first, second = (logits_of(network, batch.images) for network in (method.network, method.second))
    assert torch.equal(step.logits, first)
    torch.testing.assert_close(step.loss, joint_losses(first, second, batch.labels, weight=0.9).mean())
    assert JoCoR.images_factor() == 1
    assert JoCoR.total_images_factor(epochs=3) == 2
    assert bool(take_step(method, batch).selected.all()), "in the first epoch"


def test_the_rate_has_to_be_known_from_somewhere() -> None:
    with pytest.raises(ValueError, match="forget_rate must be given if the noise rate is not known"):
        JoCoR(RunInfo(make_network, CLASSES, SAMPLES, 3))
    assert JoCoR(RunInfo(make_network, CLASSES, SAMPLES, 3, noise_rate=0.4), forget_rate=0.0).forget_rate == 0
    assert JoCoR(RunInfo(make_network, CLASSES, SAMPLES, 3, noise_rate=0.4)).forget_rate == 0.4
