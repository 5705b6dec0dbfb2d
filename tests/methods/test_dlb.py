"""DLB's loss against the formula written out, and its memory."""

import copy
import re

import pytest
import torch
from conftest import make_method
from torch import Tensor
from torch.nn import functional

from noisylab.data.batch import Batch
from noisylab.methods import DLBLoss, distillation, dlb_loss


def by_hand(logits: Tensor, labels: Tensor, remembered: Tensor, temperature: float, alpha: float) -> Tensor:
    """CE over the batch + alpha T^2 KL(teacher || student) over the repeated entries, sum by sum."""

    def softmax(z: Tensor) -> Tensor:
        return z.exp() / z.exp().sum()

    ce = sum(-softmax(z)[g].log() for z, g in zip(logits, labels, strict=True)) / len(logits)
    divergence = torch.zeros(())
    for student, teacher in zip(logits[: len(remembered)], remembered, strict=True):
        p, q = softmax(teacher / temperature), softmax(student / temperature)
        divergence = divergence + (p * (p / q).log()).sum() / len(remembered)
    return ce + alpha * temperature**2 * divergence


def batch(size: int, classes: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, classes, generator=generator, dtype=torch.float64, requires_grad=True)
    return logits, torch.randint(classes, (size,), generator=generator)


@pytest.mark.parametrize(("temperature", "alpha"), [(3.0, 1.0), (1.0, 2.5), (8.0, 0.3)])
@pytest.mark.parametrize(("size", "repeated"), [(8, 4), (7, 4), (5, 3), (2, 1)])
def test_loss_and_gradient_equal_the_formula(temperature: float, alpha: float, size: int, repeated: int) -> None:
    logits, labels = batch(size)
    remembered = batch(repeated, seed=1)[0]
    loss = dlb_loss(logits, labels, remembered, temperature=temperature, alpha=alpha)
    expected = by_hand(logits, labels, remembered.detach(), temperature, alpha)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    (wanted,) = torch.autograd.grad(expected, logits)
    assert torch.allclose(gradient, wanted, atol=1e-6)
    assert gradient.abs().sum() > 0


def test_no_gradient_reaches_the_teacher() -> None:
    (logits, labels), teacher = batch(4), batch(2, seed=1)[0]
    dlb_loss(logits, labels, teacher, temperature=3, alpha=1).backward()
    assert teacher.grad is None


def test_a_student_that_agrees_is_not_pushed() -> None:
    logits = batch(3)[0]
    assert distillation(logits, logits, temperature=3).item() == pytest.approx(0, abs=1e-12)


def test_a_high_temperature_compares_logits() -> None:
    # The limit of T^2 KL for T to infinity is half the variance of the difference of logits over classes.
    student, teacher = batch(6)[0], batch(6, seed=1)[0]
    difference = student - teacher
    limit = (difference - difference.mean(dim=1, keepdim=True)).square().mean(dim=1).mean() / 2
    assert distillation(student, teacher, temperature=1000).item() == pytest.approx(limit.item(), rel=0.02)


def test_the_first_batch_has_cross_entropy_alone_and_the_next_one_distils_its_new_half() -> None:
    criterion = DLBLoss(temperature=2, alpha=3)
    first, second = batch(4), batch(7, seed=1)
    assert criterion(*first).item() == functional.cross_entropy(*first).item()
    expected = by_hand(second[0], second[1], first[0].detach(), 2, 3)
    assert criterion(*second).item() == pytest.approx(expected.item(), abs=1e-6)
    # Now the last 3 entries of the second batch are remembered.
    third = batch(5, seed=2)
    expected = by_hand(third[0], third[1], second[0][4:].detach(), 2, 3)
    assert criterion(*third).item() == pytest.approx(expected.item(), abs=1e-6)


def test_alpha_zero_is_cross_entropy() -> None:
    criterion = DLBLoss(alpha=0)
    for seed in range(3):
        logits, labels = batch(4 if seed else 2, seed=seed)
        assert criterion(logits, labels).item() == functional.cross_entropy(logits, labels).item()


def test_one_class_and_one_sample_give_no_error() -> None:
    criterion = DLBLoss()
    for size in (1, 2, 2):
        assert criterion(torch.zeros(size, 1), torch.zeros(size, dtype=torch.int64)).item() == 0


def test_half_precision_logits_are_compared_in_float32() -> None:
    criterion = DLBLoss()
    for seed in (0, 1):
        logits, labels = batch(2 * (seed + 1), seed=seed)
        assert torch.isfinite(criterion(logits.bfloat16(), labels))


def test_ids_that_are_not_the_remembered_ones_are_refused_and_forget_nothing() -> None:
    criterion = DLBLoss()
    criterion(*batch(2), torch.tensor([5, 6]))
    remembered = criterion.state_dict()
    with pytest.raises(ValueError, match=re.escape("[5, 6]..., got [6, 5]")):
        criterion(*batch(4), torch.tensor([6, 5, 7, 8]))
    assert all(torch.equal(value, remembered[name]) for name, value in criterion.state_dict().items())
    criterion(*batch(4), torch.tensor([5, 6, 7, 8]))
    with pytest.raises(ValueError, match=r"batch of logits \[2, 5\] cannot begin with the 2 remembered"):
        criterion(*batch(2), torch.tensor([7, 8]))
    criterion.reset()
    criterion(*batch(2), torch.tensor([1, 2]))


def test_ids_have_to_be_given_always_or_never() -> None:
    criterion = DLBLoss()
    criterion(*batch(2))
    with pytest.raises(ValueError, match="every batch or with none"):
        criterion(*batch(4), torch.arange(4))


@pytest.mark.parametrize("bad", [{"temperature": 0}, {"temperature": float("nan")}, {"alpha": -1}])
def test_impossible_hyperparameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        DLBLoss(**bad)


def test_the_memory_is_in_the_state_dict_of_the_loss_and_of_the_method() -> None:
    criterion, again = DLBLoss(), DLBLoss()
    criterion(*batch(3), torch.tensor([1, 2, 3]))
    again.load_state_dict(criterion.state_dict())
    nxt = (*batch(5, seed=1), torch.tensor([1, 2, 3, 4, 5]))
    assert criterion(*nxt).item() == again(*nxt).item()
    method = make_method("dlb")
    images = torch.randn(6, 1, 8, 8)
    method.loss(Batch(images, torch.arange(6) % 4, torch.arange(6), slice(0, 6)))
    other = make_method("dlb", seed=1)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    following = Batch(torch.randn(9, 1, 8, 8), torch.arange(9) % 4, torch.arange(9), slice(6, 9))
    assert method.loss(following).loss.item() == other.loss(following).loss.item()


def test_one_forward_pass_a_step() -> None:
    method = make_method("dlb")
    calls = []
    method.network.register_forward_hook(lambda *_: calls.append(1))
    for size in (3, 6, 6):
        method.loss(Batch(torch.randn(size, 1, 8, 8), torch.zeros(size, dtype=torch.int64), torch.arange(size), slice(0, size)))
    assert len(calls) == 3
