"""Training on mixed images: the loss of both labels, who takes them, and what is recorded."""

import dataclasses
from pathlib import Path

import pytest
import torch
from helpers_training import CONFIG, make_method, same_state, training_set
from torch import Tensor
from torch.nn import functional

from noisylab.core.registries import METHODS
from noisylab.data import TrainingSet
from noisylab.data.augmentations.mixing import CutMix
from noisylab.data.batches.batch import Batch
from noisylab.methods import Step
from noisylab.methods.dlb import dlb_loss
from noisylab.training import Callback, train

SUPPORT_MIXED = [name for name in METHODS.entries() if METHODS.load(name).supports_mixed_images]


def mixed_set() -> TrainingSet:
    return dataclasses.replace(training_set(), augmentation=CutMix(probability=0.8, padding=1))


class Steps(Callback):
    """Keeps batches, losses and recorded logits; ends training after `stop` steps."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop, self.seen = stop, list[tuple[Batch, float, Tensor | None]]()

    def on_step(self, batch: Batch, step: Step) -> None:
        self.seen.append((batch, step.loss.item(), step.logits))
        if len(self.seen) == self.stop:
            raise InterruptedError


def test_dlb_trains_on_both_labels_and_remembers_the_mixed_images() -> None:
    method, steps, outputs = make_method("dlb(temperature=2, alpha=0.7)"), Steps(), list[Tensor]()
    method.observe = lambda logits, batch: outputs.append(logits)  # type: ignore[method-assign]
    train(method, mixed_set(), CONFIG, [steps])
    remembered = torch.empty(0, 4)
    for (batch, loss, recorded), logits in zip(steps.seen, outputs, strict=True):
        assert recorded is None, "a mixed image is no presentation of its sample"
        assert batch.mix is not None
        log_p = functional.log_softmax(logits, dim=1)
        first, other = (functional.nll_loss(log_p, labels, reduction="none") for labels in (batch.labels, batch.mix.labels))
        expected = (batch.mix.share * first + (1 - batch.mix.share) * other).mean()
        if len(remembered):
            student = functional.log_softmax(logits[: len(remembered)] / 2, dim=1)
            teacher = functional.softmax(remembered / 2, dim=1)
            expected = expected + 0.7 * 4 * functional.kl_div(student, teacher, reduction="batchmean")
        assert loss == pytest.approx(expected.item(), rel=1e-5)
        remembered = logits[batch.new]


def test_dlb_loss_takes_shares_of_classes() -> None:
    logits, labels = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3, 0, 1])
    options = {"temperature": 3.0, "alpha": 1.0}
    whole = functional.one_hot(labels, 4).float()
    torch.testing.assert_close(dlb_loss(logits, whole, logits[:2], **options), dlb_loss(logits, labels, logits[:2], **options))


@pytest.mark.parametrize("name", SUPPORT_MIXED)
def test_a_resumed_training_is_the_same(name: str, tmp_path: Path) -> None:
    whole, cut, again = (make_method(name) for _ in range(3))
    train(whole, mixed_set(), CONFIG)
    with pytest.raises(InterruptedError):
        train(cut, mixed_set(), CONFIG, [Steps(5)], checkpoint=tmp_path / "c.pt", checkpoint_seconds=0)
    train(again, mixed_set(), CONFIG, [Callback()], checkpoint=tmp_path / "c.pt")
    assert same_state(whole, again)
    assert all(parameter.isfinite().all() for parameter in whole.parameters())


@pytest.mark.parametrize("name", sorted(set(METHODS.entries()) - set(SUPPORT_MIXED)))
def test_others_refuse_mixed_images_before_training(name: str) -> None:
    method = make_method(name)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    with pytest.raises(ValueError, match=r"takes no mixed images .* ce, dlb"):
        train(method, mixed_set(), CONFIG)
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())
