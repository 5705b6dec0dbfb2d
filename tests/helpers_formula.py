"""What the tests of losses on given labels share: small batches, a check against a formula, and steps of a method."""

from collections.abc import Callable

import torch
from helpers_training import CLASSES, make_method
from torch import Tensor

from noisylab.data.batches.batch import Batch
from noisylab.methods import Method, Step

# A whole batch, a partial one, and a batch of one.
SIZES = (8, 5, 1)

Loss = Callable[[Tensor, Tensor], Tensor]


def draw(entries: int, classes: int = 5, single_class: bool = False) -> tuple[Tensor, Tensor]:
    """float64 logits that want a gradient, and labels."""
    generator = torch.Generator().manual_seed(entries)
    logits = 3 * torch.randn(entries, classes, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (entries,), generator=generator)
    return logits.requires_grad_(), torch.full_like(labels, 2) if single_class else labels


def probabilities(row: Tensor) -> list[Tensor]:
    """p_1 ... p_K of the logits of one sample, by the definition of softmax."""
    return [torch.exp(z) / sum(torch.exp(other) for other in row) for z in row]


def average(each: Callable[[list[Tensor], int], Tensor]) -> Loss:
    """The loss that is the mean of `each(p, g)` over the samples, written out sample by sample."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return sum(each(probabilities(row), int(g)) for row, g in zip(logits, labels, strict=True)) / len(logits)

    return loss


def check_formula(loss: Loss, by_hand: Loss) -> None:
    """Fail unless value and gradient are those of the formula, in float64 and float32; float16 is computed in float32."""
    for entries in SIZES:
        for single_class in (False, True):
            logits, labels = draw(entries, single_class=single_class)
            got, wanted = loss(logits, labels), by_hand(logits, labels)
            torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)
            (gradient,), (expected,) = torch.autograd.grad(got, logits), torch.autograd.grad(wanted, logits)
            torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-9)
            assert gradient.abs().sum() > 0
            single = logits.detach().float().requires_grad_()
            value = loss(single, labels)
            torch.testing.assert_close(value.double(), wanted, rtol=1e-6, atol=1e-6)
            (gradient,) = torch.autograd.grad(value, single)
            torch.testing.assert_close(gradient.double(), expected, rtol=1e-5, atol=1e-6)
            half = logits.detach().half()
            assert torch.equal(loss(half, labels), loss(half.float(), labels))


def check_far_off(loss: Loss) -> None:
    """Fail unless loss and gradient are finite where p_g is 0 in float32."""
    logits = torch.tensor([[200.0, 0.0, -200.0], [0.0, 0.0, 500.0]], requires_grad=True)
    value = loss(logits, torch.tensor([2, 2]))
    (gradient,) = torch.autograd.grad(value, logits)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()


def batch(entries: int = 16, single_class: bool = False) -> Batch:
    generator = torch.Generator().manual_seed(entries)
    images = torch.randn(entries, 1, 8, 8, generator=generator)
    labels = torch.zeros(entries, dtype=torch.int64) if single_class else torch.arange(entries) % CLASSES
    return Batch(images, labels, torch.arange(entries), slice(0, entries))


def check_steps(name: str, loss: Loss | None, networks: tuple[str, ...] = ("network",)) -> None:
    """Fail unless steps on whole, partial and one-class batches and a batch of one are right.

    That is: one forward pass of each network over the batch, a gradient for every parameter of these, and a loss that is `loss`
    of the logits shown, where there are any.
    """
    for entries, single_class in ((16, False), (14, False), (16, True), (1, False)):
        method, seen = make_method(name).train(), []
        for network in networks:
            hook = _remember(seen)
            getattr(method, network).classifier.register_forward_hook(hook)
        step, given = one_step(method, batch(entries, single_class)), batch(entries, single_class)
        assert [len(inputs) for inputs in seen] == [entries] * len(networks)
        if loss is None:
            assert step.logits is None
        else:
            torch.testing.assert_close(step.loss, loss(step.logits, given.labels))
        gradients = {name: parameter.grad for name, parameter in method.named_parameters()}
        assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients.values())
        assert {name.split(".")[0] for name in gradients} == set(networks)
        for network in networks:
            size = sum(gradient.abs().sum() for name, gradient in gradients.items() if name.startswith(network))
            assert size > 1e-4
        if entries == 16 and not single_class:
            assert all(gradient.abs().sum() > 0 for gradient in gradients.values())


def one_step(method: Method, given: Batch) -> Step:
    """The step on a batch, with its gradients."""
    torch.manual_seed(0)
    step = method.loss(given)
    step.loss.backward()
    return step


def _remember(seen: list[Tensor]) -> Callable[..., None]:
    return lambda module, inputs, output: seen.append(inputs[0])
