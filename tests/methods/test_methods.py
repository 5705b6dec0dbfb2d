"""What holds for every method, and how the methods relate to each other."""

import gc
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers_training import CLASSES, CONFIG, SAMPLES, make_method, same_state, training_set, true_labels
from torch import Tensor

from noisylab.core.registries import METHODS
from noisylab.corruption import NoisyLabels, symmetric
from noisylab.data.batches.batch import Batch
from noisylab.methods import Step, dlb_loss
from noisylab.training import Callback, train

NAMES = list(METHODS.entries())


class Watch(Callback):
    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.steps: list[Step] = []

    def on_step(self, batch: Batch, step: Step) -> None:
        self.batches.append(batch)
        self.steps.append(Step(step.loss.detach().clone(), None if step.logits is None else step.logits.detach().clone()))


def noisy() -> NoisyLabels:
    return symmetric(true_labels(), 0.4, CLASSES, seed=0)


def holds(array: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether the values of `wanted` stand in a row anywhere in `array`."""
    flat = array.ravel()
    if array.dtype.kind not in "iuf" or flat.size < len(wanted):
        return False
    return bool((np.lib.stride_tricks.sliding_window_view(flat, len(wanted)) == wanted).all(1).any())


def reaches(roots: list[Any], wanted: np.ndarray) -> bool:
    """Whether anything that hangs on `roots` is, or is a view of, an array or tensor holding `wanted`."""
    seen: dict[int, Any] = {}  # holds what it has seen, so that no id is used twice
    queue = list(roots)
    while queue:
        thing = queue.pop()
        if id(thing) in seen or isinstance(thing, ModuleType | type):
            continue
        seen[id(thing)] = thing
        if isinstance(thing, dict) and "__builtins__" in thing:
            continue  # the global names of a module
        if isinstance(thing, Tensor):
            storage = torch.empty(0, dtype=thing.dtype).set_(thing.detach().untyped_storage())
            if holds(storage.numpy(), wanted):
                return True
        elif isinstance(thing, np.ndarray):
            queue.append(thing.base)
            if holds(thing, wanted):
                return True
        elif isinstance(thing, list | tuple) and all(isinstance(x, int) for x in thing) and list(thing) == wanted.tolist():
            return True
        queue += gc.get_referents(thing)
    return False


@pytest.mark.parametrize("name", NAMES)
def test_training_does_not_depend_on_the_true_labels(name: str) -> None:
    record = noisy()
    shuffled = np.random.default_rng(1).permutation(record.true)
    other = NoisyLabels(record.given, shuffled, CLASSES, record.kind, record.nominal_rate, record.seed)
    assert not np.array_equal(record.true, other.true)
    methods = []
    for labels in (record, other):
        data = training_set(labels.given)
        methods.append(make_method(name, data=data))
        train(methods[-1], data, CONFIG)
    assert same_state(*methods)


@pytest.mark.parametrize("name", NAMES)
def test_the_true_labels_are_out_of_reach_of_method_batches_and_training_set(name: str) -> None:
    record, watch = noisy(), Watch()
    data = training_set(record.given)
    method = make_method(name, data=data)
    train(method, data, CONFIG, [watch])
    roots = [method, data, watch.batches, watch.steps]
    assert not reaches(roots, record.true)
    assert reaches(roots, record.given), "the given labels are found, so the search looks where labels are"


@pytest.mark.parametrize("plant", ["attribute", "buffer", "closure", "view", "list"])
def test_planted_true_labels_would_be_found(plant: str) -> None:
    record, method = noisy(), make_method("ce")
    if plant == "attribute":
        method.hint = {"deep": [record]}  # type: ignore[assignment]
    elif plant == "buffer":
        method.register_buffer("hint", torch.from_numpy(record.true.copy()))
    elif plant == "closure":
        method.hint = lambda: record.true  # type: ignore[assignment]
    elif plant == "view":
        method.hint = torch.from_numpy(record.true.copy())[:3]
    else:
        method.hint = record.true.tolist()
    assert reaches([method], record.true)


@pytest.mark.parametrize("name", NAMES)
def test_a_method_s_state_and_gradients_are_whole(name: str) -> None:
    method, watch = make_method(name), Watch()
    train(method, training_set(), CONFIG, [watch])
    for parameter in method.parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None
            assert torch.isfinite(parameter.grad).all()
            assert parameter.grad.abs().sum() > 0
        else:
            assert parameter.grad is None, "a teacher gets no gradient"
    fresh = make_method(name)
    fresh.load_state_dict(method.state_dict())
    assert same_state(method, fresh)
    # Dropout masks follow the memory format.
    fresh.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # With the state goes everything the next loss depends on.
    last = watch.batches[-1]
    count = len(last.index[last.new])
    entries = torch.cat([torch.arange(last.new.start, last.new.stop)] * 2)
    batch = Batch(last.images[entries], last.labels[entries], last.index[entries], slice(count, 2 * count))
    losses = []
    for each in (method, fresh):
        torch.manual_seed(0)
        losses.append(each.train().loss(batch).loss)
    assert torch.equal(*losses)
    method.eval()
    assert method(watch.batches[0].images).shape == (len(watch.batches[0].images), CLASSES)


def test_dlb_without_distillation_is_repeat_to_the_bit() -> None:
    one, other = make_method("dlb(alpha=0)"), make_method("repeat")
    for method in (one, other):
        train(method, training_set(), CONFIG)
    assert same_state(one.network, other.network)
    taught = make_method("dlb")
    train(taught, training_set(), CONFIG)
    assert not same_state(taught.network, other.network)


def test_the_teacher_is_the_previous_iteration_s_prediction_of_the_same_samples() -> None:
    watch, method = Watch(), make_method("dlb(temperature=2.0, alpha=1.5)")
    train(method, training_set(), CONFIG, [watch])
    teacher, ids = torch.empty(0, CLASSES), torch.empty(0, dtype=torch.int64)
    for batch, step in zip(watch.batches, watch.steps, strict=True):
        assert torch.equal(batch.index[: len(ids)], ids)
        expected = dlb_loss(step.logits, batch.labels, teacher, temperature=2.0, alpha=1.5)
        torch.testing.assert_close(step.loss, expected)
        teacher, ids = step.logits[batch.new], batch.index[batch.new]
    assert torch.equal(method.state_dict()["criterion.remembered"], teacher)


# What Table 1 counts as one network run once over the batch; the others say in their own tests what they do.
ONE_PASS = ["ce", "repeat", "dlb"]


@pytest.mark.parametrize("name", ONE_PASS)
def test_one_forward_pass_over_the_batch_makes_a_step(name: str) -> None:
    method, entries = make_method(name), []
    method.network.classifier.register_forward_hook(lambda module, inputs, output: entries.append(len(inputs[0])))
    watch = Watch()
    train(method, training_set(), CONFIG, [watch])
    assert entries == [len(batch.images) for batch in watch.batches]
    assert {int(i) for batch in watch.batches for i in batch.index} == set(range(SAMPLES))


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_the_whole_batch_or_none(name: str) -> None:
    watch = Watch()
    train(make_method(name), training_set(), CONFIG, [watch])
    for batch, step in zip(watch.batches, watch.steps, strict=True):
        assert step.logits is None or step.logits.shape == (len(batch.images), CLASSES)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_of_a_method_s_documentation_ends_with_its_source(name: str) -> None:
    assert re.search(r"\(.+ \d{4}\)\.$", METHODS.entries()[name].summary)


def test_two_forward_passes_are_those_of_the_halves() -> None:
    method, entries, watch = make_method("dlb(two_forward=True)"), [], Watch()
    method.network.classifier.register_forward_hook(lambda module, inputs, output: entries.append(len(inputs[0])))
    train(method, training_set(), CONFIG, [watch])
    sizes = [[batch.new.start, len(batch.images) - batch.new.start] for batch in watch.batches]
    assert entries == [size for pair in sizes for size in pair if size]
    together = make_method("dlb")
    train(together, training_set(), CONFIG)
    assert not same_state(method.network, together.network), "batch norm sees other batches"
