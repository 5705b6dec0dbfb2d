"""`DLBLoss` in other people's loops: other orders, any base loss, positions, probabilities, overflows, accelerators."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab.data import LastBatchSampler
from noisylab.methods import DLBLoss, distillation, dlb, dlb_loss

CLASSES = 10
TEACH = {"temperature": 3.0, "alpha": 1.0}


@pytest.fixture
def on_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss treats tensors like those of a device whose values are dear to read."""
    monkeypatch.setattr(dlb, "_reads_at_once", lambda _: False)


@pytest.fixture(params=[False, True], ids=["cpu", "accelerator"])
def either_device(request: pytest.FixtureRequest) -> None:
    if request.param:
        request.getfixturevalue("on_an_accelerator")


def batches(samples: int = 200, size: int = 64, epochs: int = 2) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Logits, labels and index of the batches of LastBatchSampler."""
    sampler, generator = LastBatchSampler(samples, size, seed=1), torch.Generator().manual_seed(0)
    given = torch.randint(CLASSES, (samples,), generator=generator)
    for _ in range(epochs):
        for ids in sampler:
            index = torch.tensor(ids)
            yield torch.randn(len(ids), CLASSES, generator=generator), given[index], index


def distils(criterion: DLBLoss, logits: Tensor, labels: Tensor, index: Tensor | None = None) -> bool:
    return not torch.equal(criterion(logits, labels, index), functional.cross_entropy(logits, labels))


@pytest.mark.usefixtures("on_an_accelerator")
@pytest.mark.parametrize("with_index", [True, False])
def test_on_an_accelerator_the_losses_are_those_of_a_cpu(with_index: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses() -> list[Tensor]:
        criterion = DLBLoss()
        return [criterion(z, y, i if with_index else None) for z, y, i in batches(epochs=5)]

    there = losses()
    monkeypatch.undo()
    assert torch.equal(torch.stack(there), torch.stack(losses()))


@pytest.mark.usefixtures("on_an_accelerator")
def test_on_an_accelerator_only_some_steps_read_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    plain = DLBLoss._repeated
    monkeypatch.setattr(DLBLoss, "_repeated", lambda self, key: asked.append(1) or plain(self, key))
    criterion, steps = DLBLoss(), list(batches(samples=6400, epochs=2))
    for logits, labels, _ in steps:
        criterion(logits, labels)
    assert len(asked) <= 4 < len(steps) / 50


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("with_index", [True, False])
def test_every_second_batch_is_refused_and_never_distils_into_other_samples(with_index: bool) -> None:
    """As a loader gives them that Accelerate has shared out again between two processes."""
    criterion, steps = DLBLoss(), 0
    with pytest.raises(ValueError, match=r"for the second time in a row; .*Accelerate's prepare"):  # noqa: PT012
        for logits, labels, index in itertools.islice(batches(epochs=200), 0, None, 2):
            assert not distils(criterion, logits, labels, index if with_index else None)
            steps += 1
    assert steps <= 2


@pytest.mark.usefixtures("on_an_accelerator")
@pytest.mark.parametrize("with_index", [True, False])
def test_on_an_accelerator_a_loop_that_goes_astray_later_distils_nothing_and_is_refused_within_an_interval(
    with_index: bool,
) -> None:
    criterion = DLBLoss()
    steps = [batch for batch in batches(samples=32 * 400, epochs=1) if len(batch[0]) == 64]
    for logits, labels, index in steps[:10]:
        criterion(logits, labels, index if with_index else None)
    with pytest.raises(ValueError, match="for the second time in a row"):  # noqa: PT012
        for logits, labels, index in steps[11::2]:
            assert not distils(criterion, logits, labels, index if with_index else None)


@pytest.mark.usefixtures("either_device")
@pytest.mark.parametrize("with_index", [True, False])
def test_an_epoch_left_early_costs_one_distillation(with_index: bool) -> None:
    sampler, criterion, given = LastBatchSampler(200, 64, seed=1), DLBLoss(), torch.randint(CLASSES, (200,))
    told = []
    for leave_after in (3, 2, 100, 100):
        for step, ids in enumerate(sampler):
            if step == leave_after:
                break
            index = torch.tensor(ids)
            told.append(distils(criterion, torch.randn(len(ids), CLASSES), given[index], index if with_index else None))
    assert told == [False, True, True, False, True, False, *[True] * 6, *[True] * 7]


def test_growing_batches_are_refused_without_ids_too() -> None:
    criterion, given = DLBLoss(), torch.arange(400) % CLASSES
    with pytest.raises(ValueError, match=r"labels .* for the second time in a row"):  # noqa: PT012
        for start, size in ((0, 16), (16, 24), (40, 36), (76, 54)):
            assert not distils(criterion, torch.randn(size, CLASSES), given[torch.randperm(400)[start : start + size]])


def test_labels_that_fit_in_several_ways_are_not_taken_for_a_repeated_half() -> None:
    criterion, zeros = DLBLoss(), torch.zeros(8, dtype=torch.int64)
    criterion(torch.randn(8, 3), zeros)
    assert not distils(criterion, torch.randn(8, 3), zeros)
    with pytest.raises(ValueError, match=r"passing index .* tells samples apart surely"):
        criterion(torch.randn(8, 3), zeros)


@pytest.mark.parametrize(
    "base",
    [
        nn.CrossEntropyLoss(weight=torch.linspace(0.5, 2, CLASSES), label_smoothing=0.1),
        nn.MultiMarginLoss(),
        lambda z, y: functional.nll_loss(functional.log_softmax(z, 1), y),
    ],
)
def test_any_base_loss_gets_the_same_distillation(base: nn.Module) -> None:
    criterion, control = DLBLoss(base=base), DLBLoss(alpha=0, base=base)
    remembered = None
    for logits, labels, index in batches():
        own = base(logits, labels)
        repeated = 0 if remembered is None else len(remembered)
        taught = 0 if remembered is None else distillation(logits[:repeated], remembered, temperature=3.0)
        torch.testing.assert_close(criterion(logits, labels, index), own + taught)
        assert torch.equal(control(logits, labels, index), own)
        remembered = logits[repeated:]


def test_positions_are_averaged_as_in_cross_entropy_and_ignored_ones_are_left_out() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(8, CLASSES, 4, 5, generator=generator)
    y = torch.randint(CLASSES, (8, 4, 5), generator=generator)
    remembered = torch.randn(3, CLASSES, 4, 5, generator=generator)
    flat, taught = z[:3].movedim(1, -1).reshape(-1, CLASSES), remembered.movedim(1, -1).reshape(-1, CLASSES)
    expected = functional.cross_entropy(z, y) + distillation(flat, taught, temperature=3.0)
    torch.testing.assert_close(dlb_loss(z, y, remembered, **TEACH), expected)

    y[:, 0] = 255
    base = nn.CrossEntropyLoss(ignore_index=255)
    criterion = DLBLoss(base=base)
    criterion(remembered, y[:3])
    kept = (y[:3] != 255).flatten()
    expected = base(z, y) + distillation(flat[kept], taught[kept], temperature=3.0)
    torch.testing.assert_close(criterion(z, y), expected)


def test_classes_in_the_last_dimension_are_refused_with_the_way_out() -> None:
    z, y = torch.randn(4, 6, 11), torch.randint(11, (4, 6))
    with pytest.raises(ValueError, match=r"the classes stand last, so pass logits.movedim\(-1, 1\)"):
        DLBLoss()(z, y)
    assert DLBLoss()(z.movedim(-1, 1), y).isfinite()


def test_probabilities_are_refused_and_log_probabilities_are_logits() -> None:
    z, y = torch.randn(8, CLASSES), torch.arange(8)
    with pytest.raises(ValueError, match="before the softmax, got probabilities"):
        DLBLoss()(z.softmax(1), y)
    torch.testing.assert_close(DLBLoss()(z.log_softmax(1), y), functional.cross_entropy(z, y))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_batch_that_overflowed_teaches_nothing_and_the_next_loss_and_gradient_are_finite(value: float) -> None:
    criterion = DLBLoss()
    (first, y1, i1), (second, y2, i2), (third, y3, i3) = itertools.islice(batches(), 3)
    criterion(first, y1, i1)
    broken = second.clone()
    broken[len(i1) : len(i1) + 5, 2] = value
    criterion(broken, y2, i2)
    held = len(i2) - len(i1)
    third.requires_grad_()
    loss = criterion(third, y3, i3)
    loss.backward()
    assert third.grad is not None
    assert third.grad.isfinite().all()
    expected = functional.cross_entropy(third, y3) + distillation(third[5:held], second[len(i1) + 5 :], temperature=3.0)
    torch.testing.assert_close(loss, expected)
    broken[len(i1) :] = value
    assert torch.equal(dlb_loss(third, y3, broken[len(i1) :], **TEACH), functional.cross_entropy(third, y3))


def test_a_memory_that_was_loaded_follows_the_logits_to_their_device(monkeypatch: pytest.MonkeyPatch) -> None:
    saved, loaded = DLBLoss(), DLBLoss()
    saved(torch.randn(4, 3), torch.arange(4) % 3, torch.arange(4))
    loaded.load_state_dict(saved.state_dict())
    # Nothing can be read from the device "meta", which stands for an accelerator.
    monkeypatch.setattr(DLBLoss, "_repeated", lambda self, key: 4)
    on_device = {"device": "meta"}
    loss = loaded(torch.randn(8, 3, **on_device), torch.zeros(8, dtype=torch.long, **on_device), torch.arange(8, **on_device))  # type: ignore[call-overload]
    assert loss.device.type == "meta"


@pytest.mark.parametrize("kind", [np.asarray, list, lambda ids: ids.to(torch.int32)])
def test_ids_may_be_arrays_and_lists(kind: Callable[[Tensor], Any]) -> None:
    one, other = DLBLoss(), DLBLoss()
    for logits, labels, index in batches():
        assert torch.equal(one(logits, labels, kind(index)), other(logits, labels, index))


@pytest.mark.parametrize("index", [["a.png", "b.png"], [0.0, 1.0], torch.tensor([0.0, 1.0]), torch.tensor([True, False])])
def test_ids_that_are_no_integers_are_refused(index: Any) -> None:
    with pytest.raises(ValueError, match=r"index must hold the sample ids as integers, int\[B\], got .*; number samples"):
        DLBLoss()(torch.zeros(2, CLASSES), torch.tensor([0, 1]), index)


def test_the_name_of_a_base_loss_is_refused() -> None:
    with pytest.raises(ValueError, match=r"base must be a function or module of \(logits, labels\), got 'ce'"):
        DLBLoss(base="ce")  # type: ignore[arg-type]


def test_a_base_of_ones_own_says_which_labels_it_leaves_out() -> None:
    steps = [(z, torch.where(i % 5 == 0, 255, y)) for z, y, i in batches(epochs=1)]
    known, own = DLBLoss(base=nn.CrossEntropyLoss(ignore_index=255)), DLBLoss(base=_leaves_out_255, ignore_index=255)
    for logits, labels in steps:
        assert torch.equal(known(logits, labels), own(logits, labels))


def _leaves_out_255(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels, ignore_index=255)


def test_a_base_must_give_one_number() -> None:
    logits, labels, index = next(batches())
    with pytest.raises(ValueError, match=r"one number, the mean over the batch, got shape \[32\] \(reduction='mean'\)"):
        DLBLoss(base=nn.CrossEntropyLoss(reduction="none"))(logits, labels, index)


def test_a_loss_of_validation_in_training_mode_is_told_of_eval() -> None:
    criterion = DLBLoss()
    logits, labels, index = next(batches())
    criterion(logits, labels, index)
    criterion(logits, labels, index + 500)
    with pytest.raises(ValueError, match=r"for a loss of validation, call eval\(\) first"):
        criterion(logits, labels, index + 1000)
