"""BYOT: its formula, and its heads on any network."""

import method_kit as kit
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.core.registries import MODELS
from noisylab.methods.byot import byot_loss
from noisylab.models import Backbone


@pytest.mark.parametrize(("temperature", "alpha", "beta"), [(3.0, 0.3, 0.03), (1.0, 0.5, 2.0), (2.0, 0.0, 0.1)])
@pytest.mark.parametrize(("count", "classes", "heads"), [(5, 4, 3), (1, 3, 2), (3, 1, 2), (4, 2, 4)])
def test_loss_and_gradient_are_those_of_the_formula(
    count: int, classes: int, heads: int, temperature: float, alpha: float, beta: float
) -> None:
    labels = kit.draw_labels(count, classes)

    def formula(*inputs: Tensor) -> Tensor:
        hints, logits, target = inputs[: heads - 1], inputs[heads - 1 : -1], inputs[-1].detach().double()
        deepest = logits[-1]
        total = kit.cross_entropy(deepest, labels)
        teacher = kit.probabilities(deepest.detach(), temperature)
        for z, hint in zip(logits[:-1], hints, strict=True):
            taught = temperature**2 * kit.divergence(teacher, z, temperature)
            apart = sum(((hint[i].double() - target[i]) ** 2).sum() for i in range(count)) / count
            total = total + (1 - alpha) * kit.cross_entropy(z, labels) + alpha * taught + beta * apart
        return total

    def loss(*inputs: Tensor) -> Tensor:
        features = [*inputs[: heads - 1], inputs[-1]]
        return byot_loss(inputs[heads - 1 : -1], features, labels, temperature=temperature, alpha=alpha, beta=beta)

    hints = [kit.draw(count, 6, seed=20 + i) for i in range(heads - 1)]
    logits = [kit.draw(count, classes, seed=i) for i in range(heads)]
    kit.assert_formula(loss, formula, [*hints, *logits], [kit.draw(count, 6, seed=30)])


def test_the_deepest_head_learns_from_the_label_alone() -> None:
    logits, features = [kit.draw(4, 3, seed=i).requires_grad_() for i in range(3)], [kit.draw(4, 5, seed=i) for i in range(3)]
    labels = kit.draw_labels(4, 3)
    loss = byot_loss(logits, features, labels, temperature=3.0, alpha=0.6, beta=1.0)
    (gradient,) = torch.autograd.grad(loss, logits[-1], retain_graph=True)
    (alone,) = torch.autograd.grad(kit.cross_entropy(logits[-1], labels), logits[-1])
    torch.testing.assert_close(gradient, alone)


def test_every_weight_weighs_its_own_term() -> None:
    logits, features, labels = (
        [kit.draw(4, 3, seed=i) for i in range(2)],
        [kit.draw(4, 5, seed=i) for i in range(2)],
        kit.draw_labels(4, 3),
    )

    def loss(alpha: float, beta: float) -> Tensor:
        return byot_loss(logits, features, labels, temperature=2.0, alpha=alpha, beta=beta)

    torch.testing.assert_close(loss(0, 0), kit.cross_entropy(logits[0], labels) + kit.cross_entropy(logits[1], labels))
    torch.testing.assert_close(loss(0.25, 0), 0.75 * loss(0, 0) + 0.25 * loss(1, 0))
    torch.testing.assert_close(loss(0, 3) - loss(0, 0), 3 * (loss(0, 1) - loss(0, 0)))
    assert loss(0, 1) > loss(0, 0)
    label, none = torch.tensor([0]), torch.zeros(1, 1)

    def taught(s: Tensor, t: Tensor, temperature: float) -> Tensor:
        whole = byot_loss([s, t], [none, none], label, temperature=temperature, alpha=1.0, beta=0)
        return whole - functional.cross_entropy(t, label)

    kit.check_temperature(taught)


@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8), (4, 4, 4, 4)])
@pytest.mark.parametrize("tail", [False, True])
def test_every_head_and_stage_learns_in_one_pass_through_the_network(widths: tuple[int, ...], tail: bool) -> None:
    method = kit.build("byot", networks=lambda made: kit.make_network(seed=made, widths=widths, tail=tail))
    assert len(method.heads) == len(widths) - 1
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    torch.testing.assert_close(step.logits, kit.logits_of(method.network, batch.images))


def test_the_loss_is_that_of_its_heads() -> None:
    method = kit.build("byot(temperature=2.0, alpha=0.4, beta=0.2)")
    batch = kit.make_batch(method)
    maps = method.network.stage_outputs(batch.images)
    hint, shallow = method.heads[0](maps[0])
    target = method.network.pool(maps[-1])
    expected = byot_loss(
        [shallow, method.network.classifier(target)], [hint, target], batch.labels, temperature=2.0, alpha=0.4, beta=0.2
    )
    torch.testing.assert_close(method.loss(batch).loss, expected)


@pytest.mark.parametrize("model", ["small_cnn", "resnet20", "resnet18"])
def test_it_fits_the_networks_there_are(model: str) -> None:
    def network(made: int) -> Backbone:
        made_network: Backbone = MODELS.create(MODELS.parse(model), 4, 1)
        return made_network

    method = kit.build("byot", networks=network)
    step = method.loss(kit.make_batch(method, new=2))
    assert torch.isfinite(step.loss)
    assert step.logits.shape == (2, 4)


def test_a_network_of_one_stage_is_refused() -> None:
    with pytest.raises(ValueError, match="two stages or more, got 1"):
        kit.build("byot", networks=lambda made: kit.make_network(widths=(4,)))
