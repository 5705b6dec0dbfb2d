"""BAKE against its formula, its targets, and its batches."""

import math

import method_kit as kit
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.methods.bake import BAKE, bake_loss, ensembled_targets


def affinities(features: Tensor) -> list[list[float]]:
    """Rows of the softmax of the cosines with the other samples."""
    count, rows = range(len(features)), []
    for i in count:
        raised = [
            0.0 if i == j else math.exp(float(features[i] @ features[j] / features[i].norm() / features[j].norm()))
            for j in count
        ]
        rows.append([value / sum(raised) for value in raised])
    return rows


def targets_by_hand(z: Tensor, features: Tensor, temperature: float, weight: float) -> Tensor:
    """Predictions passed on from sample to sample, until nothing changes."""
    p, passed = kit.probabilities(z, temperature), torch.tensor(affinities(features), dtype=torch.float64)
    targets = p
    for _ in range(2000):
        targets = weight * passed @ targets + (1 - weight) * p
    return targets.detach()


@pytest.mark.parametrize(("weight", "temperature"), [(0.5, 4.0), (0.9, 1.0), (0.0, 2.0)])
def test_loss_and_gradient_are_those_of_the_formula(weight: float, temperature: float) -> None:
    for count, classes in ((6, 4), (2, 3)):
        features = kit.draw(count, 7, seed=3)

        def by_hand(labels: Tensor, z: Tensor, features: Tensor = features) -> Tensor:
            targets = targets_by_hand(z.detach().double(), features.double(), temperature, weight)
            return kit.cross_entropy(z, labels) + temperature**2 * kit.divergence(targets, z, temperature)

        kit.check_formula(
            lambda y, z, h=features: bake_loss(z, h.to(z.dtype), y, temperature=temperature, weight=weight),
            by_hand,
            sizes=((count, classes),),
        )


def test_targets_are_probabilities_and_have_no_gradient() -> None:
    z, features = kit.draw(6, 4).requires_grad_(), kit.draw(6, 5, seed=1).requires_grad_()
    targets = ensembled_targets(z, features, temperature=4.0, weight=0.9)
    assert not targets.requires_grad
    torch.testing.assert_close(targets.sum(1), torch.ones(6, dtype=torch.float64))
    assert float(targets.min()) > 0
    bake_loss(z, features, kit.draw_labels(6, 4), temperature=4.0, weight=0.9).backward()
    assert features.grad is None


def test_a_sample_is_taught_by_those_that_are_like_it_and_not_by_itself() -> None:
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0]])
    z = torch.tensor([[0.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]])
    first = ensembled_targets(z, features, temperature=1.0, weight=0.5)[0]
    assert first[1] > first[2] > first[0]
    nearly_all = ensembled_targets(z, features, temperature=1.0, weight=0.999)
    # Everyone hears everyone.
    assert float((nearly_all.amax(0) - nearly_all.amin(0)).max()) < 0.05


def test_alone_or_with_no_weight_there_is_only_cross_entropy() -> None:
    alone = kit.draw(1, 4), kit.draw(1, 5)
    torch.testing.assert_close(ensembled_targets(*alone, temperature=2.0, weight=0.5), (alone[0] / 2).softmax(1))
    z, features, labels = kit.draw(6, 4), kit.draw(6, 5), kit.draw_labels(6, 4)
    loss = bake_loss(z, features, labels, temperature=4.0, weight=0.0)
    torch.testing.assert_close(loss, functional.cross_entropy(z, labels))


@pytest.mark.parametrize("batches", ["same_class", "plain"])
def test_features_are_the_inputs_of_the_classifier_and_batches_are_as_asked(batches: str) -> None:
    method, seen = kit.build(f"bake(batches={batches!r})"), []
    batch = kit.make_batch(method)
    assert len(batch.images) == (10 if batches == "same_class" else 5)
    assert BAKE.images_factor(batches=batches) == (2 if batches == "same_class" else 1)
    hook = method.network.classifier.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach()))
    step = kit.check_gradients(method, batch)
    hook.remove()
    torch.testing.assert_close(step.loss, bake_loss(step.logits, seen[0], batch.labels, temperature=4.0, weight=0.5))
    torch.testing.assert_close(step.logits, kit.logits_of(method.network, batch.images))
