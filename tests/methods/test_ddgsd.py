"""DDGSD: its formula, and that both views learn from each other."""

import method_kit as kit
import pytest
import torch
from torch import Tensor

from noisylab.methods.ddgsd import ddgsd_loss


@pytest.mark.parametrize(("temperature", "alpha", "beta"), [(4.0, 1.0, 5e-4), (1.0, 0.5, 2.0), (2.0, 3.0, 0.1)])
@pytest.mark.parametrize(("count", "classes"), kit.SIZES)
def test_loss_and_gradient_are_those_of_the_formula(
    count: int, classes: int, temperature: float, alpha: float, beta: float
) -> None:
    labels = kit.draw_labels(count, classes)

    def formula(a: Tensor, b: Tensor, h_a: Tensor, h_b: Tensor) -> Tensor:
        p_a, p_b = (kit.probabilities(view.detach(), temperature) for view in (a, b))
        taught = kit.divergence(p_b, a, temperature) + kit.divergence(p_a, b, temperature)
        apart = torch.zeros(())
        for d in range(h_a.shape[1]):
            apart = apart + (sum(h_a[:, d].double()) / count - sum(h_b[:, d].double()) / count) ** 2
        labelled = kit.cross_entropy(a, labels) + kit.cross_entropy(b, labels)
        return labelled + alpha * temperature**2 * taught + beta * apart

    def loss(a: Tensor, b: Tensor, h_a: Tensor, h_b: Tensor) -> Tensor:
        return ddgsd_loss((a, b), (h_a, h_b), labels, temperature=temperature, alpha=alpha, beta=beta)

    features = [kit.draw(count, 6, seed=2), kit.draw(count, 6, seed=3)]
    kit.assert_formula(loss, formula, [kit.draw(count, classes), kit.draw(count, classes, seed=1), *features])


def test_every_weight_weighs_its_own_term() -> None:
    views, features, labels = (
        (kit.draw(4, 3), kit.draw(4, 3, seed=1)),
        (kit.draw(4, 5, seed=2), kit.draw(4, 5, seed=3)),
        kit.draw_labels(4, 3),
    )

    def loss(alpha: float, beta: float) -> Tensor:
        return ddgsd_loss(views, features, labels, temperature=2.0, alpha=alpha, beta=beta)

    torch.testing.assert_close(loss(0, 0), kit.cross_entropy(views[0], labels) + kit.cross_entropy(views[1], labels))
    torch.testing.assert_close(loss(3, 0) - loss(0, 0), 3 * (loss(1, 0) - loss(0, 0)))
    torch.testing.assert_close(loss(0, 3) - loss(0, 0), 3 * (loss(0, 1) - loss(0, 0)))
    assert loss(1, 0) > loss(0, 0)
    assert loss(0, 1) > loss(0, 0)
    label, none = torch.tensor([0]), torch.zeros(1, 1)

    def taught(a: Tensor, b: Tensor, temperature: float) -> Tensor:
        both = [ddgsd_loss((a, b), (none, none), label, temperature=temperature, alpha=x, beta=0) for x in (1.0, 0.0)]
        return both[0] - both[1]

    kit.check_temperature(taught)


@pytest.mark.parametrize("tail", [False, True])
def test_both_views_learn_from_one_pass(tail: bool) -> None:
    method = kit.build(
        "ddgsd(temperature=2.0, alpha=0.7, beta=0.3)", networks=lambda made: kit.make_network(seed=made, tail=tail)
    )
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    torch.testing.assert_close(step.logits, kit.logits_of(method.network, batch.images))
    features: list[Tensor] = []
    hook = method.network.classifier.register_forward_hook(lambda module, inputs, output: features.append(inputs[0]))
    kit.logits_of(method.network, batch.images)
    hook.remove()
    views, pooled = step.logits.chunk(2), features[0].chunk(2)
    expected = ddgsd_loss(tuple(views), tuple(pooled), batch.labels[:5], temperature=2.0, alpha=0.7, beta=0.3)
    torch.testing.assert_close(step.loss, expected)
    kept: list[Tensor] = []
    method.network.classifier.register_full_backward_hook(lambda module, given, received: kept.append(received[0]))
    method.loss(batch).loss.backward()
    assert (kept[0].abs().sum(1) > 0).all()
