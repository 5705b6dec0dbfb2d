"""What the loop offers to methods besides a loss, with the smallest method that needs it, and the optimisers."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers_training import CLASSES, SAMPLES, make_method, network, same_state, training_set, true_labels
from torch import Tensor, nn
from torch.nn import functional

from noisylab.data.batches.batch import Batch
from noisylab.methods import Method, RunInfo, Step
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary
from noisylab.training.checkpoint import read_checkpoint
from noisylab.training.evaluate import Evaluator
from noisylab.training.optimizers import make_optimizer, own_optimizers, scheduled_parameters

UPDATES = 3  # of an epoch


def config(**changes: Any) -> TrainConfig:
    held = {"epochs": 2, "batch_size": 16, "learning_rate": 0.05, "device": "cpu", "momentum": 0.0, "weight_decay": 0.0}
    return TrainConfig(**held | changes)  # type: ignore[arg-type]


class Plain(Method):
    """Cross-entropy."""

    def __init__(self) -> None:
        super().__init__(RunInfo(network, CLASSES, SAMPLES, 2))

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        return functional.cross_entropy(logits, batch.labels)


class Own(Plain):
    """Adds to each sample's loss a parameter of its own, whose gradient is 1 / B times its factor 5."""

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate
        self.offsets = nn.Parameter(torch.zeros(SAMPLES))

    def own_learning_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        return [([self.offsets], self.rate)]

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        return super().loss_from_logits(logits, batch) + 5 * self.offsets[batch.index].mean()


class Watch(Callback):
    """Keeps steps and summaries."""

    def __init__(self) -> None:
        self.steps: list[tuple[Batch, Step]] = []
        self.summaries: list[EpochSummary] = []

    def on_step(self, batch: Batch, step: Step) -> None:
        self.steps.append((batch, step))

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        self.summaries.append(summary)


def trained(method: Method, callbacks: Any = (), **changes: Any) -> Method:
    train(method, training_set(), config(**changes), list(callbacks))
    return method


def weights(method: Method) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in method.network.parameters()]).clone()


# Learning rates


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_parameters_with_a_rate_of_their_own_are_trained_by_plain_sgd_at_that_rate(optimizer: str) -> None:
    changes = {"optimizer": optimizer, "momentum": 0.9, "weight_decay": 0.1, "warmup": 1.0, "schedule": "cosine"}
    watch = Watch()
    method = trained(Own(rate=0.5), [watch], **changes)
    expected = torch.zeros(SAMPLES)
    for batch, _ in watch.steps:
        expected[batch.index] -= 0.5 * 5 / len(batch.index)
    torch.testing.assert_close(method.offsets.detach(), expected)
    plain = trained(Plain(), **changes)
    assert torch.equal(weights(method), weights(plain)), "the others are trained as if they were alone"


def test_the_factor_of_the_learning_rate_multiplies_the_schedule() -> None:
    class Ramp(Plain):
        def learning_rate_factor(self, progress: float) -> float:
            return progress / 2

    watch = Watch()
    ramp = trained(Ramp(), [watch], milestones=(0.5,))
    expected = [0.05 / 2 * (0.5 / UPDATES), 0.1 * 0.05 / 2 * (1 + 0.5 / UPDATES)]
    assert [summary.learning_rate for summary in watch.summaries] == pytest.approx(expected)
    # A linear warm-up over both epochs is the same ramp.
    ramp = trained(Ramp(), milestones=())
    by_warmup = trained(Plain(), warmup=2 - 1e-9, milestones=())
    torch.testing.assert_close(weights(ramp), weights(by_warmup))
    assert not torch.equal(weights(ramp), weights(trained(Plain(), milestones=())))


# Hooks of a step


def test_gradients_are_adjusted_after_the_backward_pass_and_before_the_update() -> None:
    class Still(Plain):
        def adjust_gradients(self) -> None:
            for parameter in self.network.parameters():
                assert parameter.grad is not None
                parameter.grad.zero_()

    assert torch.equal(weights(trained(Still())), weights(Plain()))


def test_adjusted_gradients_are_clipped() -> None:
    class Loud(Plain):
        def adjust_gradients(self) -> None:
            for parameter in self.network.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(1e4)

    start = weights(Plain())
    moved = trained(Loud(), epochs=1, batch_size=SAMPLES, gradient_clip=0.1)
    assert (weights(moved) - start).norm().item() == pytest.approx(0.05 * 0.1, rel=1e-3)


def test_adjusted_gradients_are_those_of_the_loss_in_half_precision_too() -> None:
    class Seen(Own):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[float] = []

        def adjust_gradients(self) -> None:
            assert self.offsets.grad is not None
            self.seen.append(self.offsets.grad.sum().item())

    method = trained(Seen(), precision="fp16")
    assert isinstance(method, Seen)
    # Not 65,536 times as much, which is the scale of the loss.
    assert method.seen == pytest.approx([5.0] * len(method.seen), rel=1e-2)


def test_after_step_sees_the_updated_weights_of_every_step() -> None:
    class Mean(Plain):
        def __init__(self) -> None:
            super().__init__()
            self.average = copy.deepcopy(self.network).requires_grad_(False)
            self.kept: list[Tensor] = []

        def after_step(self) -> None:
            self.kept.append(weights(self))
            for own, latest in zip(self.average.parameters(), self.network.parameters(), strict=True):
                own.lerp_(latest.detach(), 0.5)

    method = trained(Mean())
    assert isinstance(method, Mean)
    assert len(method.kept) == 2 * UPDATES
    assert torch.equal(method.kept[-1], weights(method))
    expected = weights(Plain())
    for latest in method.kept:
        expected = expected.lerp(latest, 0.5)
    torch.testing.assert_close(torch.cat([p.flatten() for p in method.average.parameters()]), expected)


# Before an epoch


def test_samples_are_assessed_before_the_epoch_without_augmentation_and_in_evaluation_mode() -> None:
    class Judge(Plain):
        def __init__(self) -> None:
            super().__init__()
            self.events: list[str] = []

        def assess(self, epoch: int, outputs: Callable[[nn.Module], Tensor], given: Tensor) -> None:
            data = training_set()
            logits = outputs(self.network)
            assert logits.shape == (SAMPLES, CLASSES)
            assert not logits.requires_grad
            assert torch.equal(logits, Evaluator(data.images, data.mean, data.std).logits(self.network))
            np.testing.assert_array_equal(given.numpy(), true_labels())
            assert self.training
            self.events.append(f"assess {epoch}")

        def start_epoch(self, epoch: int) -> None:
            self.events.append(f"start {epoch}")

        def after_step(self) -> None:
            self.events.append("step")

        def end_epoch(self, epoch: int) -> None:
            self.events.append(f"end {epoch}")

    method = trained(Judge())
    assert isinstance(method, Judge)
    assert method.events == [
        event for epoch in (0, 1) for event in (f"assess {epoch}", f"start {epoch}", *["step"] * UPDATES, f"end {epoch}")
    ]
    assert torch.equal(weights(method), weights(trained(Plain()))), "assessing changes no step"


def test_callbacks_hear_which_entries_a_method_selected() -> None:
    class Even(Plain):
        def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
            self.selected = batch.index % 2 == 0
            return functional.cross_entropy(logits[self.selected], batch.labels[self.selected])

    watch, plain = Watch(), Watch()
    trained(Even(), [watch])
    trained(Plain(), [plain])
    for batch, step in watch.steps:
        assert step.selected is not None
        assert torch.equal(step.selected, batch.index % 2 == 0)
    assert all(step.selected is None for _, step in plain.steps)


# Optimisers


def test_optimisers_are_those_of_the_configuration() -> None:
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    for name, kind in kinds.items():
        made = make_optimizer(scheduled_parameters(Plain()), config(optimizer=name, momentum=0.8, weight_decay=0.02))
        assert isinstance(made, kind)
        (group,) = made.param_groups
        assert group["weight_decay"] == 0.02
        assert group["lr"] == 0.05
        if name == "sgd":
            assert (group["momentum"], group["nesterov"]) == (0.8, True)
        else:
            assert group["betas"] == (0.8, 0.999)
    method = Own(0.5)
    (own,) = own_optimizers(method)
    assert own_optimizers(Plain()) == []
    assert isinstance(own, torch.optim.SGD)
    (group,) = own.param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.5, 0, 0)
    assert not {id(p) for p in scheduled_parameters(method)} & {id(p) for p in group["params"]}


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_step_is_one_of_adam_with_its_own_kind_of_weight_decay(name: str) -> None:
    watch = Watch()
    changes = {"optimizer": name, "epochs": 1, "batch_size": SAMPLES, "learning_rate": 0.01, "weight_decay": 0.1}
    seen: list[Tensor] = []

    class Seen(Plain):
        def adjust_gradients(self) -> None:
            seen.append(torch.cat([p.grad.flatten() for p in self.network.parameters() if p.grad is not None]).clone())

    start = weights(Plain())
    after = weights(trained(Seen(), [watch], **changes))
    gradient = seen[0] + (0.1 * start if name == "adam" else 0)
    # The first step of Adam has length 1 per weight.
    expected = start * (1 - (0.01 * 0.1 if name == "adamw" else 0)) - 0.01 * gradient / (gradient.abs() + 1e-8)
    torch.testing.assert_close(after, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("own", [False, True])
def test_an_interrupted_training_goes_on_to_the_bit_with_both_optimisers(optimizer: str, own: bool, tmp_path: Path) -> None:
    changes = {"optimizer": optimizer, "epochs": 3, "momentum": 0.9, "weight_decay": 0.01}
    kind = Own if own else Plain
    whole = trained(kind(), **changes)

    class Interrupt(Callback):
        def on_epoch(self, summary: EpochSummary, method: Method) -> None:
            if summary.epoch == 1:
                raise KeyboardInterrupt

    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        train(kind(), training_set(), config(**changes), [Interrupt()], checkpoint=path, checkpoint_seconds=-1)
    held = read_checkpoint(path)["others"]
    assert list(held) == ["optimizer 0", "optimizer 1"][: 1 + own]
    resumed = kind()
    train(resumed, training_set(), config(**changes), [Callback()], checkpoint=path, checkpoint_seconds=-1)
    assert same_state(whole, resumed)


def test_all_optimisers_learn() -> None:
    for name, rate in (("sgd", 0.05), ("adam", 0.01), ("adamw", 0.01)):
        watch = Watch()
        changes = config(optimizer=name, learning_rate=rate, epochs=20, momentum=0.9, schedule="cosine")
        train(make_method("ce", 20), training_set(), changes, [watch])
        losses = [summary.train_loss for summary in watch.summaries]
        assert losses[-1] < 0.9 * losses[0], name
