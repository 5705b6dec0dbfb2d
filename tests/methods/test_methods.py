"""What holds for every method, and how the methods relate to each other."""

import ast
import gc
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

import method_kit as kit
import numpy as np
import pytest
import torch
from helpers_training import CLASSES, CONFIG, SAMPLES, make_method, same_state, training_set, true_labels
from torch import Tensor, nn
from torch.nn import functional

from noisylab.core.checks import Bound
from noisylab.core.registries import METHODS
from noisylab.corruption import NoisyLabels, symmetric
from noisylab.data import TrainingSet
from noisylab.data.batches.batch import Batch
from noisylab.methods import Method, RunInfo, Step, dlb_loss
from noisylab.methods.bootstrap_hard import hard_bootstrap_loss
from noisylab.methods.bootstrap_soft import soft_bootstrap_loss
from noisylab.methods.forward_correction import forward_corrected_loss
from noisylab.methods.gce import gce_loss
from noisylab.methods.lsr import lsr_loss
from noisylab.methods.nce_rce import nce_rce_loss
from noisylab.methods.sce import sce_loss
from noisylab.methods.tf_kd_reg import tf_kd_reg_loss
from noisylab.models import create_model
from noisylab.training import train


def subset(count: int, labels: list[int] | None = None) -> TrainingSet:
    whole = training_set()
    given = whole.given_labels[:count] if labels is None else np.array(labels)
    return TrainingSet(whole.images[:count], given, whole.mean, whole.std, whole.augmentation)


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


@pytest.mark.parametrize("name", kit.NAMES)
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


@pytest.mark.parametrize("name", kit.NAMES)
def test_the_true_labels_are_out_of_reach_of_method_batches_and_training_set(name: str) -> None:
    record, watch = noisy(), kit.Watch()
    data = training_set(record.given)
    method = make_method(name, data=data)
    train(method, data, CONFIG, [watch])
    roots = [method, data, watch.presentations]
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


@pytest.mark.parametrize("spec", [*kit.NAMES, *kit.VARIANTS])
def test_a_step_is_one_pass_with_gradients_for_all_that_is_trained_and_none_for_teachers(spec: str) -> None:
    if "two_forward" not in spec:
        # The last batch of an epoch may be of one sample.
        for new in (5, 1):
            method = kit.build(spec)
            batch = kit.make_batch(method, new)
            if new == 1 and batch.new.stop == len(batch.images):
                # Of one sample and one class there may be nothing to learn for a head on normalised maps.
                assert kit.take_step(method, batch).loss.isfinite()
            else:
                kit.check_gradients(method, batch)
    for data in (subset(17), subset(1), subset(20, [0] * 20), subset(3, [0, 1, 1])):
        watch = kit.Watch()
        train(kit.build(spec), data, CONFIG, [watch])
        assert np.isfinite(watch.losses).all()


# The losses that have more in them than what is to be learned of one class.
NEVER_ZERO = {"byot", "ddgsd", "elr", "nce_rce", "coteaching", "soft_target_memory", "peer_loss", "elr_plus"}


@pytest.mark.parametrize("spec", kit.NAMES)
def test_with_a_single_class_there_is_nothing_to_learn(spec: str) -> None:
    if spec == "nce_rce":
        pytest.skip("NCE divides by the losses of all labels, which with a single class are 0")
    watch = kit.Watch()
    train(kit.build(spec, classes=1), subset(17, [0] * 17), CONFIG, [watch])
    assert np.isfinite(watch.losses).all()
    assert spec in NEVER_ZERO or np.allclose(watch.losses, 0, atol=1e-5)


@pytest.mark.parametrize("spec", kit.NAMES)
def test_in_a_shorter_precision_the_loss_is_nearly_the_same_and_in_float32(spec: str) -> None:
    whole, short = kit.build(spec), kit.build(spec)
    batch = kit.make_batch(whole)
    # Some methods draw at random.
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = short.loss(batch).loss
    assert loss.dtype == torch.float32
    torch.manual_seed(0)
    torch.testing.assert_close(loss, whole.loss(batch).loss, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("spec", [*kit.NAMES, *kit.VARIANTS])
def test_the_state_in_the_middle_of_an_epoch_is_the_whole_truth(spec: str) -> None:
    class Leave(kit.Watch):
        def on_step(self, batch: Batch, step: Step) -> None:
            super().on_step(batch, step)
            if len(self.presentations) == left:
                raise InterruptedError

    left, watch = 8, Leave()
    method, fresh = make_method(spec), make_method(spec)
    with pytest.raises(InterruptedError):
        train(method, training_set(), CONFIG, [watch])
    fresh.load_state_dict(method.state_dict())
    # Dropout masks follow the memory format.
    fresh.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    last = watch.presentations[-1].batch
    count = len(last.index[last.new])
    entries = torch.cat([torch.arange(last.new.start, last.new.stop)] * 2)
    batch = Batch(last.images[entries], last.labels[entries], last.index[entries], slice(count, 2 * count))
    for _ in range(3):
        assert torch.equal(kit.take_step(method, batch).loss, kit.take_step(fresh, batch).loss)
    assert same_state(method, fresh)
    method.eval()
    alone = torch.equal(method(batch.images), method.network(batch.images))
    assert alone != (METHODS.parse(spec).name in ENSEMBLES), "it is the network that is measured"


# The methods that predict with two networks.
ENSEMBLES = {"dividemix", "elr_plus"}


def remembers_samples(spec: str) -> bool:
    parsed = METHODS.parse(spec)
    method = METHODS.load(parsed.name)
    return method.observe is not Method.observe and method.composition_for(**parsed.options) == "plain"


@pytest.mark.parametrize("spec", [spec for spec in [*kit.NAMES, *kit.VARIANTS] if remembers_samples(spec)])
def test_of_a_sample_that_stands_in_a_batch_twice_its_last_entry_is_remembered(spec: str) -> None:
    method, other = make_method(spec), make_method(spec)
    # Those of a sample differ between its entries.
    given = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    for each, ids, logits in ((method, [3, 5, 3, 7, 3], given), (other, [5, 7, 3], given[[1, 3, 4]])):
        each.train().start_epoch(2)
        before = {name: value.clone() for name, value in each.state_dict().items()}
        each.observe(logits, kit.some_batch(ids))
        for name, value in each.state_dict().items():
            if name.endswith("targets") and not torch.equal(value, before[name]):
                written = value.reshape(-1, SAMPLES, CLASSES).abs().sum((0, 2)).nonzero().flatten()
                assert written.tolist() == [3, 5, 7]
    assert same_state(method, other)


OF_LABELS = {
    "ce": lambda z, y: functional.cross_entropy(z, y),
    "lsr:0.3": lambda z, y: lsr_loss(z, y, epsilon=0.3),
    "lsr:-0.3": lambda z, y: lsr_loss(z, y, epsilon=-0.3),
    "gce": lambda z, y: gce_loss(z, y, q=0.7),
    "gce(q=0.2)": lambda z, y: gce_loss(z, y, q=0.2),
    "sce": lambda z, y: sce_loss(z, y, alpha=0.1, beta=1),
    "sce(alpha=6, beta=0.1)": lambda z, y: sce_loss(z, y, alpha=6, beta=0.1),
    "nce_rce": lambda z, y: nce_rce_loss(z, y, alpha=1, beta=1),
    "nce_rce(alpha=10, beta=0.1)": lambda z, y: nce_rce_loss(z, y, alpha=10, beta=0.1),
    "bootstrap_hard": lambda z, y: hard_bootstrap_loss(z, y, beta=0.8),
    "bootstrap_hard(beta=0.3)": lambda z, y: hard_bootstrap_loss(z, y, beta=0.3),
    "bootstrap_soft": lambda z, y: soft_bootstrap_loss(z, y, beta=0.95),
    "bootstrap_soft(beta=0.5)": lambda z, y: soft_bootstrap_loss(z, y, beta=0.5),
    "tf_kd_reg": lambda z, y: tf_kd_reg_loss(z, y, temperature=20.0, alpha=0.1, correct=0.99),
    "tf_kd_reg(temperature=2.0, alpha=0.4, correct=0.9, form='paper')": lambda z, y: tf_kd_reg_loss(
        z, y, temperature=2.0, alpha=0.4, correct=0.9, form="paper"
    ),
    "forward_correction(transition='known')": lambda z, y: forward_corrected_loss(z, y, 0.6 * torch.eye(CLASSES) + 0.1),
}


@pytest.mark.parametrize("spec", OF_LABELS)
def test_the_loss_is_that_of_logits_and_labels_with_the_options_asked_for(spec: str) -> None:
    method = kit.build(spec)
    batch = kit.make_batch(method)
    step = method.loss(batch)
    torch.testing.assert_close(step.loss, OF_LABELS[spec](step.logits, batch.labels))
    assert torch.equal(step.logits, kit.logits_of(method.network, batch.images))


RUN = RunInfo(nn.Identity, CLASSES, SAMPLES, 2)  # type: ignore[arg-type]


def outside() -> Iterator[tuple[str, str]]:
    """For every option of every method that has bounds, a value beyond each."""
    for name, entry in METHODS.entries().items():
        for key, option in entry.options.items():
            for part in (option.annotation, *get_args(option.annotation)):
                for bound in filter(lambda each: isinstance(each, Bound), get_args(part)):
                    beyond = (bound.ge - 1, bound.gt, bound.le + 1, bound.lt)
                    yield from ((name, f"{key}={value:g}") for value in beyond if np.isfinite(value))


@pytest.mark.parametrize(("name", "option"), list(outside()))
def test_values_outside_the_bounds_are_refused_by_name(name: str, option: str) -> None:
    with pytest.raises(ValueError, match=option.split("=")[0]):
        METHODS.parse(f"{name}({option})")
    with pytest.raises(ValueError, match=option.split("=")[0]):
        METHODS.load(name)(RUN, **ast.literal_eval("{'" + option.replace("=", "':") + "}"))


def test_dlb_without_distillation_is_repeat_to_the_bit() -> None:
    one, other = make_method("dlb(alpha=0)"), make_method("repeat")
    for method in (one, other):
        train(method, training_set(), CONFIG)
    assert same_state(one.network, other.network)
    taught = make_method("dlb")
    train(taught, training_set(), CONFIG)
    assert not same_state(taught.network, other.network)


def test_the_teacher_is_the_previous_iteration_s_prediction_of_the_same_samples() -> None:
    method, watch = kit.watched("dlb(temperature=2.0, alpha=1.5)", 3)
    teacher, ids = torch.empty(0, CLASSES), torch.empty(0, dtype=torch.int64)
    for _, batch, step, _ in watch.presentations:
        assert torch.equal(batch.index[: len(ids)], ids)
        expected = dlb_loss(step.logits, batch.labels, teacher, temperature=2.0, alpha=1.5)
        torch.testing.assert_close(step.loss, expected)
        teacher, ids = step.logits[batch.new], batch.index[batch.new]
    assert torch.equal(method.state_dict()["criterion.remembered"], teacher)


@pytest.mark.parametrize("name", kit.NAMES)
def test_a_training_step_is_one_pass_of_the_trained_network_over_the_batch(name: str) -> None:
    method, entries = make_method(name), list[int]()
    kit.watch_passes(method, entries)
    watch = kit.watched(method, 2)[1]
    assert entries == [len(each.batch.images) for each in watch.presentations]
    assert {int(i) for each in watch.presentations for i in each.batch.index[each.batch.new]} == set(range(SAMPLES))
    assert all(each.step.logits.shape == (len(each.batch.images), CLASSES) for each in watch.presentations)


@pytest.mark.parametrize("name", kit.NAMES)
def test_the_first_line_of_a_method_s_documentation_ends_with_its_source(name: str) -> None:
    assert re.search(r"\(.+ \d{4}\)\.$", METHODS.entries()[name].summary)


def test_two_forward_passes_are_those_of_the_halves() -> None:
    method, entries = make_method("dlb(two_forward=True)"), []
    method.network.classifier.register_forward_hook(lambda module, inputs, output: entries.append(len(inputs[0])))
    batches = [each.batch for each in kit.watched(method, 3)[1].presentations]
    sizes = [[batch.new.start, len(batch.images) - batch.new.start] for batch in batches]
    assert entries == [size for pair in sizes for size in pair if size]
    assert not same_state(method.network, kit.watched("dlb", 3)[0].network), "batch norm sees other batches"


def test_a_method_without_a_loss_is_refused_when_it_is_built() -> None:
    class Nothing(Method): ...

    with pytest.raises(ValueError, match="method Nothing must define loss_from_logits, or loss"):
        Nothing(RunInfo(lambda: create_model("small_cnn", 2, 1), 2, 4, 1))
