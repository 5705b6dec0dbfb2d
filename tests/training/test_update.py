"""Precision, clipping, the moving average of the weights, compilation: each does what it says, and resumes exactly."""

import copy
import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers_training import CLASSES, CONFIG, make_method, same_state, training_set
from torch import Tensor

from noisylab.methods import Method
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary


def config(**changes: Any) -> TrainConfig:
    return dataclasses.replace(CONFIG, **changes)


class Kept(Callback):
    """The weights that are evaluated, and those that are trained, after every step and epoch."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self.trained: list[dict[str, Tensor]] = []
        self.evaluated: list[dict[str, Tensor]] = []
        self.losses: list[float] = []

    def on_step(self, batch: Any, step: Any) -> None:
        self.trained.append(copy.deepcopy(dict(self.method.network.named_parameters())))

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        self.evaluated.append(copy.deepcopy(dict(method.network.named_parameters())))
        self.losses.append(summary.train_loss)


def trained(name: str = "dlb", **changes: Any) -> tuple[Method, Kept]:
    method = make_method(name)
    kept = Kept(method)
    train(method, training_set(), config(**changes), [kept])
    return method, kept


def test_the_average_is_the_exponential_one_of_the_weights_after_every_step() -> None:
    method, kept = trained(ema=0.9)
    average = kept.trained[0]
    for weights in kept.trained[1:]:
        average = {name: 0.9 * value + 0.1 * weights[name] for name, value in average.items()}
    for name, value in kept.evaluated[-1].items():
        torch.testing.assert_close(value, average[name], rtol=1e-4, atol=1e-6)
    assert torch.equal(method.network.classifier.weight, kept.trained[-1]["classifier.weight"]), (
        "training goes on from the weights"
    )


def test_the_average_changes_no_step_of_training() -> None:
    assert same_state(trained()[0], trained(ema=0.9)[0])


@pytest.mark.parametrize("name", ["ce", "dlb", "coteaching", "elr"])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_learns_alike_and_keeps_the_weights_in_float32(name: str, precision: str) -> None:
    full, mixed = trained(name)[1], trained(name, precision=precision)
    assert {parameter.dtype for parameter in mixed[0].parameters()} == {torch.float32}
    assert mixed[1].losses == pytest.approx(full.losses, rel=0.05)
    assert mixed[1].losses != full.losses


def test_gradients_are_clipped_to_the_norm_asked_for() -> None:
    limit, rate = 0.05, CONFIG.learning_rate
    method = make_method("ce")
    start = {name: value.clone() for name, value in method.network.named_parameters()}
    kept = Kept(method)
    train(method, training_set(), config(epochs=1, gradient_clip=limit, momentum=0.0, weight_decay=0.0), [kept])
    moved = torch.cat([(kept.trained[0][name] - value).flatten() for name, value in start.items()]).norm()
    assert moved.item() == pytest.approx(rate * limit, rel=1e-3)
    loose = trained("ce", gradient_clip=1e6)[0]
    assert same_state(loose, trained("ce")[0])


@pytest.mark.parametrize(
    "changes", [{"ema": 0.9}, {"precision": "fp16"}, {"precision": "bf16", "ema": 0.5, "gradient_clip": 1.0}]
)
def test_an_interrupted_training_goes_on_to_the_bit(changes: dict[str, Any], tmp_path: Path) -> None:
    whole, _ = trained(**changes)

    class Interrupt(Callback):
        def on_epoch(self, summary: EpochSummary, method: Method) -> None:
            if summary.epoch == 2:
                raise KeyboardInterrupt

    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        train(make_method("dlb"), training_set(), config(**changes), [Interrupt()], checkpoint=path, checkpoint_seconds=-1)
    method = make_method("dlb")
    train(method, training_set(), config(**changes), [Callback()], checkpoint=path, checkpoint_seconds=-1)
    assert same_state(method, whole)


def test_compiling_without_a_compiler_is_refused_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    method = make_method("ce")
    kept = Kept(method)
    with pytest.raises(ValueError, match="compile needs a C\\+\\+ compiler on a CPU, and 'no-such-compiler' was not found"):
        train(method, training_set(), config(compile=True), [kept])
    assert not kept.trained


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="compiling needs a C++ compiler")
def test_compiled_networks_learn_alike_and_keep_their_names() -> None:
    plain, compiled = trained("ce"), trained("ce", compile=True)
    assert plain[0].state_dict().keys() == compiled[0].state_dict().keys()
    # Dropout draws other numbers in compiled code.
    assert compiled[1].losses == pytest.approx(plain[1].losses, rel=0.1)
    assert compiled[0].eval()(torch.randn(2, 1, 8, 8)).shape == (2, CLASSES)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"precision": "fp8"}, "fp8"),
        ({"ema": 1.0}, "ema"),
        ({"gradient_clip": 0.0}, "gradient_clip"),
        ({"compile": 1}, "compile"),
    ],
)
def test_impossible_values_are_refused(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        config(**bad)
