"""CDR against its update, weight by weight."""

import dataclasses

import method_kit as kit
import pytest
import torch
from helpers_training import CLASSES, CONFIG, SAMPLES, make_method, training_set
from torch import Tensor
from torch.nn import functional

from noisylab.core.seeds import derive_seed
from noisylab.methods import RunInfo
from noisylab.methods.cdr import CDR, cdr_gradients
from noisylab.training import Callback, train


def by_hand(weights: list[Tensor], gradients: list[Tensor], rate: float, decay: float) -> list[list[float]]:
    pairs = [
        list(zip(w.flatten().tolist(), g.flatten().tolist(), strict=True)) for w, g in zip(weights, gradients, strict=True)
    ]
    matters = sorted((abs(w * g) for part in pairs for w, g in part), reverse=True)
    critical = matters[: int((1 - rate) * len(matters) + 1e-6)]
    return [[(1 - rate) * g * (abs(w * g) in critical) + decay * ((w > 0) - (w < 0)) for w, g in part] for part in pairs]


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("rate", [0.0, 0.4, 0.45, 0.99, 1.0])
def test_gradients_are_those_of_the_formula(rate: float, decay: float) -> None:
    weights, gradients = ([kit.draw(5, 4, seed=s), kit.draw(3, 2, 2, 2, seed=s + 1)] for s in (0, 5))
    found = cdr_gradients(weights, gradients, rate=rate, decay=decay)
    for own, wanted in zip(found, by_hand(weights, gradients, rate, decay), strict=True):
        assert own.flatten().tolist() == pytest.approx(wanted)
    moved = sum(int((own - decay * weight.sign()).abs().gt(1e-12).sum()) for own, weight in zip(found, weights, strict=True))
    assert moved == int((1 - rate) * 44 + 1e-6), "over both tensors together"


def test_a_weight_of_zero_does_not_decay() -> None:
    (found,) = cdr_gradients([torch.zeros(2, 2)], [torch.zeros(2, 2)], rate=0.5, decay=0.1)
    assert not found.any()


def test_an_update_without_momentum_and_decay_is_that_of_the_paper() -> None:
    class Stop(Callback):
        def on_step(self, batch, step) -> None:  # type: ignore[no-untyped-def]
            self.batch = batch
            raise InterruptedError

    method, stop = make_method("cdr(forget_rate=0.3, decay=0.01)"), Stop()
    before = {name: value.clone() for name, value in method.network.named_parameters()}
    with pytest.raises(InterruptedError):
        train(method, training_set(), dataclasses.replace(CONFIG, momentum=0.0, weight_decay=0.0), [stop])
    other = make_method("ce")
    other.network.load_state_dict({**other.network.state_dict(), **before})
    # The same dropout.
    torch.manual_seed(derive_seed(0, "step", 0, 0))
    other.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    functional.cross_entropy(other.network(stop.batch.images), stop.batch.labels).backward()
    plain = dict(other.network.named_parameters())
    names = [name for name, value in before.items() if value.dim() > 1]
    adjusted = by_hand([before[name] for name in names], [plain[name].grad for name in names], 0.3, 0.01)
    wanted = {name: torch.tensor(rows).view(before[name].shape) for name, rows in zip(names, adjusted, strict=True)}
    for name, value in method.network.named_parameters():
        gradient = wanted.get(name, plain[name].grad)
        torch.testing.assert_close(value.detach(), before[name] - CONFIG.learning_rate * gradient, rtol=1e-5, atol=1e-6)


def test_the_rate_has_to_be_known_from_somewhere() -> None:
    with pytest.raises(ValueError, match="forget_rate must be given if the noise rate is not known"):
        CDR(RunInfo(kit.make_network, CLASSES, SAMPLES, 3))
    assert CDR(RunInfo(kit.make_network, CLASSES, SAMPLES, 3), forget_rate=0.3).forget_rate == 0.3


def test_weights_that_are_not_trained_play_no_part() -> None:
    method = kit.build("cdr(forget_rate=0.5)")
    frozen = method.network.stages[0].requires_grad_(False)
    method.loss(kit.make_batch(method)).loss.backward()
    method.adjust_gradients()
    assert all(weight.grad is None for weight in frozen.parameters())
    assert method.network.classifier.weight.grad.any()
