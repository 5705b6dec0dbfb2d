"""DLB's loss against its formula, and its memory."""

import copy

import numpy as np
import pytest
import torch
from method_kit import assert_formula, cross_entropy, divergence, draw, draw_labels, probabilities
from torch import Tensor
from torch.nn import functional

from noisylab.data import LastBatchSampler
from noisylab.methods import DLBLoss, distillation, dlb_loss


def by_hand(z: Tensor, labels: Tensor, remembered: Tensor, temperature: float, alpha: float) -> Tensor:
    taught = divergence(probabilities(remembered, temperature), z, temperature) * len(z) / max(len(remembered), 1)
    return cross_entropy(z, labels) + alpha * temperature**2 * taught


def drawn(entries: int, repeated: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, labels and remembered logits."""
    return draw(entries, 5).float().requires_grad_(), draw_labels(entries, 5), draw(repeated, 5, seed=1).float()


SIZES = [(8, 4), (7, 4), (6, 2), (5, 1), (1, 0), (4, 0)]


@pytest.mark.parametrize(("entries", "repeated"), SIZES)
@pytest.mark.parametrize(("temperature", "alpha"), [(3.0, 1.0), (1.0, 0.5), (4.0, 3.0)])
def test_loss_and_gradient_are_those_of_the_formula(entries: int, repeated: int, temperature: float, alpha: float) -> None:
    logits, labels, remembered = drawn(entries, repeated)
    assert_formula(
        lambda z, t: dlb_loss(z, labels, t, temperature=temperature, alpha=alpha),
        lambda z, t: by_hand(z, labels, t, temperature, alpha),
        [logits],
        [remembered],
    )


def test_the_gradient_agrees_with_finite_differences() -> None:
    logits, labels, remembered = drawn(6, 3)
    (gradient,) = torch.autograd.grad(dlb_loss(logits, labels, remembered, temperature=3.0, alpha=2.0), logits)
    z, step = logits.detach().double(), 1e-5
    for i, j in np.ndindex(6, 5):
        delta = torch.zeros_like(z)
        delta[i, j] = step
        rise = by_hand(z + delta, labels, remembered, 3.0, 2.0) - by_hand(z - delta, labels, remembered, 3.0, 2.0)
        assert abs(float(rise / (2 * step)) - float(gradient[i, j])) < 1e-6


def test_the_divergence_is_a_mean_over_samples_not_over_classes() -> None:
    student, _, _ = drawn(4, 0)
    teacher = torch.randn(4, 5)
    each = [distillation(student[i : i + 1], teacher[i : i + 1], temperature=2.0) for i in range(4)]
    torch.testing.assert_close(distillation(student, teacher, temperature=2.0), torch.stack(each).mean())


def test_the_squared_temperature_keeps_the_gradient_s_size() -> None:
    student, _, _ = drawn(4, 0)
    teacher = torch.randn(4, 5)
    sizes = []
    for temperature in (50.0, 100.0):
        (gradient,) = torch.autograd.grad(distillation(student, teacher, temperature=temperature), student)
        sizes.append(float(gradient.norm()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
    assert distillation(student, teacher, temperature=1.0) != distillation(student, teacher, temperature=2.0)


def test_alpha_weighs_the_distillation_and_zero_is_cross_entropy() -> None:
    logits, labels, remembered = drawn(8, 4)
    loss = {a: dlb_loss(logits, labels, remembered, temperature=3.0, alpha=a) for a in (0.0, 1.0, 3.0)}
    assert torch.equal(loss[0.0], functional.cross_entropy(logits, labels))
    torch.testing.assert_close(loss[3.0] - loss[0.0], 3 * (loss[1.0] - loss[0.0]))


def test_one_class_only_costs_nothing() -> None:
    zero = dlb_loss(torch.randn(4, 1), torch.zeros(4, dtype=torch.int64), torch.randn(2, 1), temperature=3.0, alpha=1.0)
    assert float(zero) == 0


def test_the_first_batch_is_cross_entropy_and_the_next_is_taught_by_it() -> None:
    criterion = DLBLoss(temperature=2.0, alpha=1.5)
    first, labels, _ = drawn(4, 0)
    assert torch.equal(criterion(first, labels), functional.cross_entropy(first, labels))
    teacher, last = first, labels
    for entries, repeated in [(7, 4), (5, 3), (3, 2)]:
        logits, labels, _ = drawn(entries, repeated)
        labels = torch.cat([last, labels[repeated:]])
        last = labels[repeated:]
        expected = dlb_loss(logits, labels, teacher, temperature=2.0, alpha=1.5)
        assert torch.equal(criterion(logits, labels), expected)
        teacher = logits[repeated:]
    criterion.reset()
    logits, labels, _ = drawn(6, 0)
    assert torch.equal(criterion(logits, labels), functional.cross_entropy(logits, labels))


def test_overwriting_the_logits_in_place_leaves_the_memory_alone() -> None:
    criterion = DLBLoss()
    logits = torch.randn(2, 3)
    kept = logits.clone()
    criterion(logits, torch.tensor([0, 1]))
    logits.zero_()
    assert torch.equal(criterion.remembered, kept)


def test_what_does_not_fit_the_batch_before_is_refused_and_the_memory_stays() -> None:
    criterion = DLBLoss()
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    criterion(logits[:2], labels[:2], torch.tensor([7, 8]))
    before = {name: value.clone() for name, value in criterion.state_dict().items()}
    with pytest.raises(ValueError, match="every batch or with none"):
        criterion(logits, labels)
    with pytest.raises(ValueError, match="got 3 for 4 logits"):
        criterion(logits, labels, torch.tensor([1, 2, 3]))
    with pytest.raises(ValueError, match="must have 3 classes"):
        criterion(torch.randn(4, 5), labels, torch.tensor([7, 8, 1, 2]))
    criterion.eval()
    assert criterion(logits, labels).item() == functional.cross_entropy(logits, labels).item()
    criterion.train()
    assert all(torch.equal(value, before[name]) for name, value in criterion.state_dict().items())
    criterion.reset()
    criterion(logits, labels)
    with pytest.raises(ValueError, match="every batch or with none"):
        criterion(torch.cat([logits, logits]), torch.cat([labels, labels]), torch.arange(8))


def test_batches_in_another_order_are_refused_at_the_second_in_a_row() -> None:
    criterion, logits, labels = DLBLoss(), torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    criterion(logits[:4], labels[:4], torch.tensor([6, 7, 8, 9]))
    other = torch.tensor([9, 8, 7, 6, 1, 2])
    assert criterion(logits, labels, other) == functional.cross_entropy(logits, labels)
    before = {name: value.clone() for name, value in criterion.state_dict().items()}
    with pytest.raises(ValueError, match=r"7, 6, 1, 2\], got \[3, 4, 5, 6, 0, 9\], for the second time .*LastBatchSampler"):
        criterion(logits, labels, torch.tensor([3, 4, 5, 6, 0, 9]))
    assert all(torch.equal(value, before[name]) for name, value in criterion.state_dict().items())


@pytest.mark.parametrize("broken_off_after", [0, 1, 3, 10])
def test_an_epoch_that_is_left_early_starts_a_new_sequence_and_no_more(broken_off_after: int) -> None:
    sampler, criterion = LastBatchSampler(20, 8, seed=1), DLBLoss(alpha=1.0)
    plain = functional.cross_entropy
    generator = torch.Generator().manual_seed(0)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for step, ids in enumerate(sampler):
            if epoch == 0 and step == broken_off_after:
                break
            logits = torch.randn(len(ids), 3, generator=generator)
            labels = torch.tensor([i % 3 for i in ids])
            loss = criterion(logits, labels, torch.tensor(ids))
            # Of a sequence only the first batch has nothing to be taught by.
            starts = step == 0 and (epoch == 0 or (epoch == 1 and broken_off_after < len(sampler)))
            assert bool(loss == plain(logits, labels)) == starts
    assert criterion.remembered_key.tolist() == ids[-len(criterion.remembered) :]


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
    logits, labels, remembered = drawn(8, 4)
    loss = distillation(logits[:4].bfloat16(), remembered.bfloat16(), temperature=3.0)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, distillation(logits[:4], remembered, temperature=3.0), rtol=0.05, atol=0.05)
    assert torch.isfinite(dlb_loss(logits.bfloat16(), labels, remembered.bfloat16(), temperature=3.0, alpha=1.0))


@pytest.mark.parametrize("arguments", [{"temperature": 0.0}, {"temperature": -1.0}, {"alpha": -0.5}, {"alpha": float("nan")}])
def test_bad_hyperparameters_are_refused_by_name(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        DLBLoss(**arguments)


@pytest.mark.parametrize("with_index", [True, False])
def test_a_loop_that_was_resumed_without_the_memory_starts_a_new_sequence(with_index: bool) -> None:
    sampler, criterion = LastBatchSampler(12, batch_size=6), DLBLoss()
    sampler.set_epoch(5)
    for step, ids in enumerate(sampler):
        logits, labels = torch.randn(len(ids), 7), torch.tensor(ids) % 7
        index = torch.tensor(ids) if with_index else None
        assert bool(criterion(logits, labels, index) == functional.cross_entropy(logits, labels)) == (step == 0)


def test_logits_of_one_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match=r"logits must be float\[B, K\] or float\[B, K, ...\] .*, got shape \(4,\)"):
        DLBLoss()(torch.zeros(4), torch.zeros(4, dtype=torch.int64))
