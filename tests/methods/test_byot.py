"""BYOT: its formula, and its heads on any network."""

import method_kit as kit
import pytest
import torch
from torch import Tensor

from noisylab.core.registries import MODELS
from noisylab.methods.byot import byot_loss, hint_distance
from noisylab.models import Backbone

Options = dict[str, bool]
FORMS: list[Options] = [{}, {"squared": True}, {"scaled": True}, {"squared": True, "scaled": True}]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("temperature", "alpha", "beta"), [(3.0, 0.3, 0.03), (1.0, 0.5, 2.0), (2.0, 0.0, 0.1)])
@pytest.mark.parametrize(("count", "classes", "heads"), [(5, 4, 3), (1, 3, 2), (3, 1, 2), (4, 2, 4)])
def test_loss_and_gradient_are_those_of_the_formula(
    count: int, classes: int, heads: int, temperature: float, alpha: float, beta: float, form: Options
) -> None:
    labels = kit.draw_labels(count, classes)
    # The last head before the deepest has no hint.
    hinted = heads - 2

    def formula(*inputs: Tensor) -> Tensor:
        hints, logits, target = inputs[:hinted], inputs[hinted:-1], inputs[-1].detach().double()
        deepest = logits[-1]
        total = kit.cross_entropy(deepest, labels)
        teacher = kit.probabilities(deepest.detach(), temperature)
        for z in logits[:-1]:
            p = kit.probabilities(z, temperature)
            soft = -sum((teacher[i] * torch.log(p[i])).sum() for i in range(count)) / count
            soft = soft * (temperature**2 if form.get("scaled") else 1)
            total = total + (1 - alpha) * kit.cross_entropy(z, labels) + alpha * soft
        for hint in hints:
            apart = sum(((hint[i].double() - target[i]) ** 2).sum() for i in range(count))
            total = total + beta * (apart / count if form.get("squared") else apart**0.5)
        return total

    def loss(*inputs: Tensor) -> Tensor:
        weights = {"temperature": temperature, "alpha": alpha, "beta": beta}
        return byot_loss(inputs[hinted:-1], inputs[:hinted], inputs[-1], labels, **weights, **form)

    hints = [kit.draw(count, 6, seed=20 + i) for i in range(hinted)]
    logits = [kit.draw(count, classes, seed=i) for i in range(heads)]
    kit.assert_formula(loss, formula, [*hints, *logits], [kit.draw(count, 6, seed=30)])


def test_the_deepest_head_learns_from_the_label_alone() -> None:
    logits, hints = [kit.draw(4, 3, seed=i).requires_grad_() for i in range(3)], [kit.draw(4, 5, seed=i) for i in range(2)]
    labels = kit.draw_labels(4, 3)
    loss = byot_loss(logits, hints, kit.draw(4, 5, seed=2), labels, temperature=3.0, alpha=0.6, beta=1.0)
    (gradient,) = torch.autograd.grad(loss, logits[-1], retain_graph=True)
    (alone,) = torch.autograd.grad(kit.cross_entropy(logits[-1], labels), logits[-1])
    torch.testing.assert_close(gradient, alone)


def test_every_weight_weighs_its_own_term() -> None:
    logits, labels = [kit.draw(4, 3, seed=i) for i in range(2)], kit.draw_labels(4, 3)
    hint, target = kit.draw(4, 5), kit.draw(4, 5, seed=1)

    def loss(alpha: float, beta: float, temperature: float = 2.0, scaled: bool = False) -> Tensor:
        weights = {"temperature": temperature, "alpha": alpha, "beta": beta, "scaled": scaled}
        return byot_loss(logits, [hint], target, labels, **weights)

    torch.testing.assert_close(loss(0, 0), kit.cross_entropy(logits[0], labels) + kit.cross_entropy(logits[1], labels))
    torch.testing.assert_close(loss(0.25, 0), 0.75 * loss(0, 0) + 0.25 * loss(1, 0))
    torch.testing.assert_close(loss(0, 3) - loss(0, 0), 3 * (hint - target).norm())
    deepest = kit.cross_entropy(logits[1], labels)
    torch.testing.assert_close(loss(1, 0, 3.0, scaled=True) - deepest, 9 * (loss(1, 0, 3.0) - deepest))


def test_equal_features_give_no_gradient_instead_of_nan() -> None:
    hint = torch.ones(2, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(hint_distance(hint, torch.ones(2, 3)), hint)
    assert not gradient.any()


@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8), (4, 4, 4, 4)])
@pytest.mark.parametrize("tail", [False, True])
def test_every_head_and_stage_learns_in_one_pass_through_the_network(widths: tuple[int, ...], tail: bool) -> None:
    method = kit.build("byot", networks=lambda made: kit.make_network(seed=made, widths=widths, tail=tail))
    assert len(method.heads) == len(widths) - 1
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    torch.testing.assert_close(step.logits, kit.logits_of(method.network, batch.images))


@pytest.mark.parametrize(("hints", "hinted"), [("code", [0]), ("all", [0, 1])])
def test_the_loss_is_that_of_its_heads(hints: str, hinted: list[int]) -> None:
    spec = f"byot(temperature=2.0, alpha=0.4, beta=0.2, hints={hints!r}, squared=True, scaled=True)"
    method = kit.build(spec, networks=lambda made: kit.make_network(seed=made, widths=(4, 6, 8)))
    batch = kit.make_batch(method)
    maps = method.network.stage_outputs(batch.images)
    features = [head.bottleneck(each).mean((2, 3)) for head, each in zip(method.heads, maps[:-1], strict=True)]
    logits = [head.classifier(each) for head, each in zip(method.heads, features, strict=True)]
    adapted = [method.heads[i].adaptation(features[i]) for i in hinted]
    target = method.network.pool(maps[-1])
    options = {"temperature": 2.0, "alpha": 0.4, "beta": 0.2, "squared": True, "scaled": True}
    expected = byot_loss([*logits, method.network.classifier(target)], adapted, target, batch.labels, **options)
    torch.testing.assert_close(method.loss(batch).loss, expected)
    assert [head.adaptation is not None for head in method.heads] == [i in hinted for i in range(2)]


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
