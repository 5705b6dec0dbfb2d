"""DivideMix against its formulas: the split, targets, mixing, loss, schedule and cost."""

import math
from dataclasses import replace

import method_kit as kit
import numpy as np
import pytest
import torch
from helpers_training import CONFIG, SAMPLES, make_method, training_set
from torch import Tensor, nn
from torch.distributions import Beta
from torch.nn import functional

from noisylab.methods.dividemix import clean_posterior, co_targets, negative_entropy, scaled_losses, semi_supervised_loss
from noisylab.training import train


def by_hand(z: Tensor, targets: Tensor, labelled: list[bool], weight: float) -> Tensor:
    p, classes = kit.probabilities(z), range(z.shape[1])
    zero = torch.zeros((), dtype=torch.float64)
    supervised, unsupervised = [], []
    for row, target, known in zip(p, targets.double(), labelled, strict=True):
        if known:
            supervised.append(-sum(target[k] * torch.log(row[k]) for k in classes))
        else:
            unsupervised.append(sum((row[k] - target[k]) ** 2 for k in classes) / len(classes))
    share = 1 / len(classes)
    prior = sum(share * torch.log(share / (sum(p[i, k] for i in range(len(p))) / len(p))) for k in classes)
    return (
        sum(supervised, zero) / max(1, len(supervised)) + weight * sum(unsupervised, zero) / max(1, len(unsupervised)) + prior
    )


@pytest.mark.parametrize("kind", ["mixed", "all", "none"])
@pytest.mark.parametrize("weight", [0.0, 25.0])
def test_loss_and_gradient_are_those_of_the_formula(kind: str, weight: float) -> None:
    def known(count: int) -> list[bool]:
        return [kind == "all" or (kind == "mixed" and i % 3 == 0) for i in range(count)]

    def targets_of(z: Tensor) -> Tensor:
        return kit.probabilities(kit.draw(*z.shape, seed=7)).to(z.dtype)

    kit.check_formula(
        lambda y, z: semi_supervised_loss(z, targets_of(z), torch.tensor(known(len(z))), weight=weight),
        lambda y, z: by_hand(z, targets_of(z), known(len(z)), weight),
    )


def test_a_class_that_nothing_is_predicted_as_leaves_the_loss_finite() -> None:
    logits = torch.tensor([[300.0, 0.0], [300.0, 0.0]], requires_grad=True)
    loss = semi_supervised_loss(logits, torch.tensor([[1.0, 0.0]] * 2), torch.tensor([True, False]), weight=25.0)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(loss)
    assert (gradient[:, 1] < 0).all(), "the divergence asks for the missing class"


def test_targets_are_refined_labels_or_guesses_of_both_and_sharpened() -> None:
    own, peer = (kit.probabilities(kit.draw(4, 3, seed=seed)) for seed in (1, 2))
    labels, clean = torch.tensor([2, 0, 1, 1]), torch.tensor([0.9, 0.2, 0.6, 0.5])
    labelled = clean > 0.5
    assert labelled.tolist() == [True, False, True, False]
    found = co_targets(own, peer, labels, clean, labelled, temperature=0.5)
    for i in range(4):
        w = float(clean[i])
        if w > 0.5:
            raw = [w * float(labels[i] == k) + (1 - w) * float(own[i, k]) for k in range(3)]
        else:
            raw = [(float(own[i, k]) + float(peer[i, k])) / 2 for k in range(3)]
        total = sum(value**2 for value in raw)
        assert found[i].tolist() == pytest.approx([value**2 / total for value in raw], rel=1e-6)


def test_the_mixture_finds_the_lower_losses() -> None:
    draws = np.random.default_rng(0)
    losses = torch.tensor(np.concatenate([draws.normal(0.1, 0.05, 60), draws.normal(0.8, 0.05, 40)]).clip(0, 1))
    clean = clean_posterior(losses)
    assert (clean > 0.5).tolist() == [True] * 60 + [False] * 40
    assert clean.dtype == torch.float32
    assert torch.equal(clean, clean_posterior(losses))
    assert clean_posterior(torch.zeros(5)).tolist() == [1] * 5


def test_losses_are_scaled_to_the_unit_interval() -> None:
    logits, labels = kit.draw(7, 4), kit.draw_labels(7, 4)
    losses = [-math.log(row[g]) for row, g in zip(kit.probabilities(logits).tolist(), labels.tolist(), strict=True)]
    wanted = [(loss - min(losses)) / (max(losses) - min(losses)) for loss in losses]
    assert scaled_losses(logits, labels).tolist() == pytest.approx(wanted)
    assert scaled_losses(torch.zeros(3, 4), torch.tensor([0, 1, 2])).tolist() == [0, 0, 0]


def outputs_for(wrong: dict[nn.Module, list[int]], given: Tensor, height: float = 5.0):  # type: ignore[no-untyped-def]
    """A pass over the data in which each network finds the label of some samples unlikely."""

    def outputs(network: nn.Module) -> Tensor:
        logits = height * functional.one_hot(given, 4).float()
        logits[wrong[network]] *= -1
        return logits

    return outputs


def test_each_network_gets_the_split_of_the_other_once_the_warm_up_is_over() -> None:
    method, given = kit.build("dividemix(warm_up=0.5)", epochs=4), torch.arange(SAMPLES) % 4
    outputs = outputs_for({method.network: [0, 1, 2], method.second: [5, 6]}, given)
    method.assess(1, outputs, given)
    assert method.clean.all()
    method.assess(2, outputs, given)
    assert [(row < 0.5).nonzero().flatten().tolist() for row in method.clean] == [[5, 6], [0, 1, 2]]


def test_the_mixture_is_of_the_mean_losses_of_the_window() -> None:
    method, given = kit.build("dividemix(warm_up=0, window=2)"), torch.arange(SAMPLES) % 4
    for wrong in ([0], [1], [1, 2]):
        method.assess(0, outputs_for({method.network: wrong, method.second: wrong}, given), given)
    assert method.history.shape == (2, 2, SAMPLES)
    losses = method.history.mean(0)[0]
    assert losses[[0, 1, 2, 3]].tolist() == pytest.approx([0, 1, 0.5, 0])
    assert torch.equal(method.clean[0], clean_posterior(losses))


def test_a_step_is_that_of_the_paper() -> None:
    method = kit.build("dividemix(warm_up=0, lambda_u=9, alpha=2, temperature=0.7)", epochs=4)
    batch = kit.make_batch(method, 5)
    method.clean = torch.rand(2, SAMPLES, generator=torch.Generator().manual_seed(4))
    method.start_epoch(1)
    networks = [method.network, method.second]
    seen = [kit.logits_of(network, batch.images) for network in networks]
    p = [(kit.probabilities(z[:5]) + kit.probabilities(z[5:])) / 2 for z in seen]
    torch.manual_seed(8)
    step = method.loss(batch)
    torch.manual_seed(8)
    wanted = torch.zeros((), dtype=torch.float64)
    for n, network in enumerate(networks):
        clean = method.clean[n, batch.index[:5]]
        targets = co_targets(p[n], p[1 - n], batch.labels[:5], clean, clean > 0.5, temperature=0.7).repeat(2, 1)
        share = float(Beta(2.0, 2.0).sample())
        share, partner = max(share, 1 - share), torch.randperm(10)
        assert share >= 0.5
        mixed = torch.stack([share * batch.images[i] + (1 - share) * batch.images[partner[i]] for i in range(10)])
        both = torch.stack([share * targets[i] + (1 - share) * targets[partner[i]] for i in range(10)])
        labelled = (clean > 0.5).tolist() * 2
        assert 0 < sum(labelled) < 10
        wanted = wanted + by_hand(kit.logits_of(network, mixed), both, labelled, 9.0)
    torch.testing.assert_close(step.loss.double(), wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(step.logits, seen[0])
    assert not step.logits.requires_grad
    assert step.selected.tolist() == (method.clean[0, batch.index[:5]] > 0.5).tolist() * 2


@pytest.mark.parametrize("penalised", [False, True])
def test_the_warm_up_is_cross_entropy_of_both(penalised: bool) -> None:
    method = kit.build(f"dividemix(confidence_penalty={penalised})")
    batch = kit.make_batch(method)
    wanted = torch.zeros(())
    for network in (method.network, method.second):
        logits = kit.logits_of(network, batch.images)
        p = kit.probabilities(logits)
        wanted = wanted + kit.cross_entropy(logits, batch.labels)
        if penalised:
            wanted = wanted + sum(p[i, k] * torch.log(p[i, k]) for i in range(len(p)) for k in range(4)) / len(p)
    torch.testing.assert_close(method.loss(batch).loss.double(), wanted.double(), rtol=1e-5, atol=1e-5)
    assert float(negative_entropy(torch.tensor([[500.0, 0.0]]))) == 0


def test_the_weight_of_unlabelled_samples_rises_after_the_warm_up() -> None:
    method = kit.build("dividemix", epochs=300)
    weights = []
    for epoch in range(300):
        method.start_epoch(epoch)
        weights.append(method.unlabelled_weight())
    assert weights[:31] == [0] * 31
    assert weights[30:46] == pytest.approx([25 * n / 16 for n in range(16)])
    assert weights[46:] == pytest.approx([25] * 254)
    # Within an epoch too.
    method.start_epoch(30)
    method.observe(torch.zeros(10, 4), kit.make_batch(method, 5))
    assert method.unlabelled_weight() == pytest.approx(25 * (5 / SAMPLES) / 16)


@pytest.mark.parametrize("epochs", [1, 4, 7])
def test_every_image_that_goes_through_a_network_is_counted(epochs: int) -> None:
    method, counted = make_method("dividemix(warm_up=0.3)", epochs=epochs), list[int]()
    for network in (method.network, method.second):
        network.classifier.register_forward_hook(lambda module, inputs, output: counted.append(len(output)))
    train(method, training_set(), replace(CONFIG, epochs=epochs))
    stated = type(method).total_images_factor(epochs=epochs, warm_up=0.3)
    assert sum(counted) == pytest.approx(SAMPLES * epochs * stated)
    assert type(method).images_factor() == 2


def test_both_networks_predict() -> None:
    method, images = kit.build("dividemix").eval(), kit.draw(3, 1, 8, 8).float()
    assert torch.equal(method(images), method.network(images) + method.second(images))


def test_guesses_without_gradient_take_none_from_the_step_in_a_shorter_precision() -> None:
    method = kit.build("dividemix(warm_up=0)")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method.loss(kit.make_batch(method)).loss
    loss.backward()
    assert all(parameter.grad is not None for parameter in method.parameters())
    assert method.network.classifier.weight.grad.abs().sum() > 0
