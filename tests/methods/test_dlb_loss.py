"""DLB's loss against its formula, and its memory."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from noisylab.methods import DLBLoss, distillation, dlb_loss


def by_hand(logits: Tensor, labels: Tensor, remembered: Tensor, temperature: float, alpha: float) -> Tensor:
    """The formula, term by term, in float64."""
    z, teacher = logits.double(), remembered.double()
    p = torch.exp(z) / torch.exp(z).sum(1, keepdim=True)
    total = -sum(torch.log(p[i, labels[i]]) for i in range(len(z))) / len(z)
    divergence = torch.zeros((), dtype=torch.float64)
    for i in range(len(teacher)):
        q = torch.exp(teacher[i] / temperature) / torch.exp(teacher[i] / temperature).sum()
        s = torch.exp(z[i] / temperature) / torch.exp(z[i] / temperature).sum()
        divergence = divergence + (q * (torch.log(q) - torch.log(s))).sum()
    return total + (alpha * temperature**2 * divergence / len(teacher) if len(teacher) else 0)


def draw(entries: int, repeated: int, classes: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(entries * 100 + repeated)
    logits = 3 * torch.randn(entries, classes, generator=generator)
    labels = torch.randint(classes, (entries,), generator=generator)
    return logits.requires_grad_(), labels, 3 * torch.randn(repeated, classes, generator=generator)


SIZES = [(8, 4), (7, 4), (6, 2), (5, 1), (1, 0), (4, 0)]


@pytest.mark.parametrize(("entries", "repeated"), SIZES)
@pytest.mark.parametrize(("temperature", "alpha"), [(3.0, 1.0), (1.0, 0.5), (4.0, 3.0)])
def test_loss_and_gradient_are_those_of_the_formula(entries: int, repeated: int, temperature: float, alpha: float) -> None:
    logits, labels, remembered = draw(entries, repeated)
    loss = dlb_loss(logits, labels, remembered, temperature=temperature, alpha=alpha)
    expected = by_hand(logits, labels, remembered, temperature, alpha)
    torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=1e-6)
    (gradient,), (wanted,) = torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits)
    torch.testing.assert_close(gradient, wanted, rtol=1e-5, atol=1e-6)
    assert (gradient.abs().sum(1) > 0).all()


def test_the_gradient_agrees_with_finite_differences() -> None:
    logits, labels, remembered = draw(6, 3)
    (gradient,) = torch.autograd.grad(dlb_loss(logits, labels, remembered, temperature=3.0, alpha=2.0), logits)
    z, step = logits.detach().double(), 1e-5
    for i, j in np.ndindex(6, 5):
        delta = torch.zeros_like(z)
        delta[i, j] = step
        rise = by_hand(z + delta, labels, remembered, 3.0, 2.0) - by_hand(z - delta, labels, remembered, 3.0, 2.0)
        assert abs(float(rise / (2 * step)) - float(gradient[i, j])) < 1e-6


def test_no_gradient_reaches_the_remembered_logits_and_the_distillation_moves_the_student() -> None:
    student, _, _ = draw(4, 0)
    teacher = torch.randn(4, 5, requires_grad=True)
    distillation(student, teacher, temperature=3.0).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert (student.grad.abs().sum(1) > 0).all()


def test_the_divergence_is_a_mean_over_samples_not_over_classes() -> None:
    student, _, _ = draw(4, 0)
    teacher = torch.randn(4, 5)
    each = [distillation(student[i : i + 1], teacher[i : i + 1], temperature=2.0) for i in range(4)]
    torch.testing.assert_close(distillation(student, teacher, temperature=2.0), torch.stack(each).mean())


def test_the_squared_temperature_keeps_the_gradient_s_size() -> None:
    student, _, _ = draw(4, 0)
    teacher = torch.randn(4, 5)
    sizes = []
    for temperature in (50.0, 100.0):
        (gradient,) = torch.autograd.grad(distillation(student, teacher, temperature=temperature), student)
        sizes.append(float(gradient.norm()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
    assert distillation(student, teacher, temperature=1.0) != distillation(student, teacher, temperature=2.0)


def test_alpha_weighs_the_distillation_and_zero_is_cross_entropy() -> None:
    logits, labels, remembered = draw(8, 4)
    loss = {a: dlb_loss(logits, labels, remembered, temperature=3.0, alpha=a) for a in (0.0, 1.0, 3.0)}
    assert torch.equal(loss[0.0], torch.nn.functional.cross_entropy(logits, labels))
    torch.testing.assert_close(loss[3.0] - loss[0.0], 3 * (loss[1.0] - loss[0.0]))


def test_one_class_only_costs_nothing() -> None:
    zero = dlb_loss(torch.randn(4, 1), torch.zeros(4, dtype=torch.int64), torch.randn(2, 1), temperature=3.0, alpha=1.0)
    assert float(zero) == 0


def test_the_first_batch_is_cross_entropy_and_the_next_is_taught_by_it() -> None:
    criterion = DLBLoss(temperature=2.0, alpha=1.5)
    first, labels, _ = draw(4, 0)
    assert torch.equal(criterion(first, labels), torch.nn.functional.cross_entropy(first, labels))
    teacher = first
    for entries, repeated in [(7, 4), (5, 3), (3, 2)]:
        logits, labels, _ = draw(entries, repeated)
        expected = dlb_loss(logits, labels, teacher, temperature=2.0, alpha=1.5)
        assert torch.equal(criterion(logits, labels), expected)
        teacher = logits[repeated:]
    criterion.reset()
    logits, labels, _ = draw(6, 0)
    assert torch.equal(criterion(logits, labels), torch.nn.functional.cross_entropy(logits, labels))


def test_overwriting_the_logits_in_place_leaves_the_memory_alone() -> None:
    criterion = DLBLoss()
    logits = torch.randn(2, 3)
    kept = logits.clone()
    criterion(logits, torch.tensor([0, 1]))
    logits.zero_()
    assert torch.equal(criterion.remembered, kept)


def test_wrong_ids_are_refused_and_the_memory_stays() -> None:
    criterion = DLBLoss()
    criterion(torch.randn(2, 3), torch.tensor([0, 1]), torch.tensor([7, 8]))
    before = {name: value.clone() for name, value in criterion.state_dict().items()}
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    with pytest.raises(ValueError, match=r"\[7, 8\].*\[8, 7\]"):
        criterion(logits, labels, torch.tensor([8, 7, 1, 2]))
    assert all(torch.equal(value, before[name]) for name, value in criterion.state_dict().items())
    criterion(logits, labels, torch.tensor([7, 8, 1, 2]))
    with pytest.raises(ValueError, match="reset"):
        criterion(torch.randn(2, 3), torch.tensor([0, 1]), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="every batch or with none"):
        criterion(logits, labels)
    with pytest.raises(ValueError, match="got 3 for 4 logits"):
        criterion(logits, labels, torch.tensor([1, 2, 3]))
    criterion.eval()
    assert criterion(logits, labels).item() == torch.nn.functional.cross_entropy(logits, labels).item()
    assert criterion.remembered_index.tolist() == [1, 2]
    criterion.train()
    criterion.reset()
    criterion(logits, labels)
    with pytest.raises(ValueError, match="every batch or with none"):
        criterion(torch.cat([logits, logits]), torch.cat([labels, labels]), torch.arange(8))
    with pytest.raises(ValueError, match="3 classes"):
        criterion(torch.randn(4, 5), labels)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
def test_a_loaded_memory_goes_on_to_the_bit(kind: torch.dtype) -> None:
    one, other = DLBLoss(), DLBLoss()
    other(torch.randn(3, 5).bfloat16(), torch.tensor([0, 1, 2]))
    first, second = torch.randn(4, 5).to(kind), torch.randn(6, 5).to(kind)
    one(first, torch.tensor([0, 1, 2, 3]), torch.arange(4))
    labels, index = torch.tensor([0, 1, 2, 3, 4, 0]), torch.arange(6)
    for loaded in (DLBLoss(), other):
        loaded.load_state_dict(one.state_dict())
        assert torch.equal(loaded.remembered, first)
        assert torch.equal(loaded(second, labels, index), copy.deepcopy(one)(second, labels, index))


def test_bfloat16_logits_are_distilled_in_float32() -> None:
    logits, labels, remembered = draw(8, 4)
    loss = distillation(logits[:4].bfloat16(), remembered.bfloat16(), temperature=3.0)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, distillation(logits[:4], remembered, temperature=3.0), rtol=0.05, atol=0.05)
    assert torch.isfinite(dlb_loss(logits.bfloat16(), labels, remembered.bfloat16(), temperature=3.0, alpha=1.0))


@pytest.mark.parametrize("arguments", [{"temperature": 0.0}, {"temperature": -1.0}, {"alpha": -0.5}, {"alpha": float("nan")}])
def test_bad_hyperparameters_are_refused_by_name(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        DLBLoss(**arguments)
