"""ELR+ against its formula, its targets from the other network's average, and its schedules."""

import math

import method_kit as kit
import pytest
import torch
from helpers_training import CONFIG, SAMPLES, make_method, training_set
from torch import Tensor, nn

from noisylab.methods.elr_plus import elr_plus_loss
from noisylab.methods.mixup import mixup
from noisylab.methods.soft_targets import gaussian_rise
from noisylab.training import train


def by_hand(z: Tensor, labels: Tensor, targets: Tensor, weight: float) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for row, y, t in zip(kit.probabilities(z), labels.double(), targets.double(), strict=True):
        p = [value.clamp(1e-4, 1 - 1e-4) for value in row]
        total = total - sum(y[k] * torch.log(row[k]) for k in range(len(p)))
        total = total + weight * torch.log(1 - sum(t[k] * p[k] for k in range(len(p))))
    return total / len(z)


@pytest.mark.parametrize("weight", [0.0, 3.0, 7.0])
def test_loss_and_gradient_are_those_of_the_formula(weight: float) -> None:
    kit.check_formula(
        lambda y, z, m, t: elr_plus_loss(z, m.softmax(1), 0.7 * t.softmax(1), weight=weight),
        lambda y, z, m, t: by_hand(z, m.softmax(1), 0.7 * t.softmax(1), weight),
        taught=2,
    )


def test_each_network_is_taught_by_the_other_s_average_on_unmixed_images() -> None:
    method = kit.build("elr_plus(momentum=0.6, weight=2)")
    with torch.no_grad():
        for n, average in enumerate(method.averages):
            for parameter in average.parameters():
                parameter.mul_(1 + n)
    method.targets = torch.rand(2, SAMPLES, 4, generator=torch.Generator().manual_seed(3)) / 4
    batch = kit.make_batch(method)
    predictions = [kit.probabilities(average(batch.images)) for average in method.averages]
    torch.manual_seed(8)
    step = method.loss(batch)
    torch.manual_seed(8)
    wanted, updated = torch.zeros((), dtype=torch.float64), []
    given = torch.eye(4, dtype=torch.float64)[batch.labels]
    for n, network in enumerate((method.network, method.second)):
        updated.append(0.6 * method.targets[n, batch.index].double() + 0.4 * predictions[1 - n])
        images, both = mixup(batch.images, torch.cat([given, updated[-1]], dim=1), alpha=1.0)
        wanted = wanted + by_hand(kit.logits_of(network, images), both[:, :4], both[:, 4:], 2.0)
    torch.testing.assert_close(step.loss.double(), wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(step.logits, method.averages[0](batch.images))
    method.observe(step.logits, batch)
    for n in range(2):
        torch.testing.assert_close(method.targets[n, batch.index].double(), updated[n], rtol=1e-5, atol=1e-6)


def test_averages_follow_their_networks_after_every_step_with_a_decay_that_rises() -> None:
    method = kit.build("elr_plus(decay=0.9)", epochs=100)
    for progress, share in ((0.0, 0.9 * math.exp(-5)), (0.25, None), (0.9, 0.9)):
        method.seen = int(progress * method.total)
        share = 0.9 * math.exp(-5 * (1 - 0.25 * 78_200 / 40_000) ** 2) if share is None else share
        with torch.no_grad():
            for parameter in [*method.network.parameters(), *method.second.parameters()]:
                parameter.add_(0.1)
        statistics = [value.clone() for average in method.averages for value in average.buffers()]
        before = [[p.clone() for p in average.parameters()] for average in method.averages]
        method.after_step()
        for average, old, network in zip(method.averages, before, (method.network, method.second), strict=True):
            for own, past, now in zip(average.parameters(), old, network.parameters(), strict=True):
                torch.testing.assert_close(own, share * past + (1 - share) * now)
        # Those of an average come from its own passes.
        kept = [value for average in method.averages for value in average.buffers()]
        assert all(torch.equal(a, b) for a, b in zip(statistics, kept, strict=True))


def test_averages_start_as_copies_and_the_progress_is_that_of_the_run() -> None:
    method = make_method("elr_plus", epochs=2)
    for average, network in zip(method.averages, (method.network, method.second), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(average.parameters(), network.parameters(), strict=True))
    counted = list[int]()
    for network in (method.network, method.second, *(average.network for average in method.averages)):
        assert isinstance(network, nn.Module)
        network.classifier.register_forward_hook(lambda module, inputs, output: counted.append(len(output)))
    train(method, training_set(), CONFIG.__class__(**{**CONFIG.__dict__, "epochs": 2}))
    assert method.progress() == 1
    assert sum(counted) == SAMPLES * 2 * type(method).total_images_factor(epochs=2)


def test_the_weight_can_rise() -> None:
    risen = [gaussian_rise(x, 1, over=0.5) for x in (0, 0.25, 0.5, 3)]
    assert [*risen, gaussian_rise(0, 1, over=0)] == pytest.approx([math.exp(-5), math.exp(-1.25), 1, 1, 1])
    losses = []
    for spec in ("elr_plus(weight=0)", "elr_plus(ramp_up=0.5)", "elr_plus"):
        method = kit.build(spec)
        torch.manual_seed(0)
        losses.append(method.loss(kit.make_batch(method)).loss.item())
    assert losses[1] - losses[0] == pytest.approx(math.exp(-5) * (losses[2] - losses[0]), rel=1e-3)


def test_both_networks_predict() -> None:
    method, images = kit.build("elr_plus").eval(), kit.draw(3, 1, 8, 8).float()
    torch.testing.assert_close(method(images), (method.network(images) + method.second(images)) / 2)
