"""Several runs as one network: each learns what it learns alone, to the bit whatever it shares the network with."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers_training import CLASSES, CONFIG, SAMPLES, Cut, make_method, same_state, training_set, true_labels
from method_kit import NAMES, VARIANTS
from torch import Tensor, nn

from noisylab.core.registries import AUGMENTATIONS, METHODS
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.loader import BatchLoader, TrainingSet, together
from noisylab.data.batches.samplers import make_sampler
from noisylab.methods import Method, RunInfo, Step
from noisylab.models import Backbone, create_model
from noisylab.models.stacked import StackedNetwork, check_places, check_stackable
from noisylab.training import Callback, TrainConfig
from noisylab.training.callback import EpochSummary
from noisylab.training.checkpoint import read_checkpoint
from noisylab.training.loop import DivergedError, Training, train_together

STACK = dataclasses.replace(CONFIG, stack=4)
IMAGES = training_set()


def network(seed: int) -> Backbone:
    """A network whose layers have other numbers of channels than any vector of a processor."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        stages = [
            nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU()),
            nn.Sequential(nn.Conv2d(5, 7, 3, stride=2, padding=1), nn.BatchNorm2d(7), nn.ReLU()),
        ]
        return Backbone(nn.Identity(), stages, [5, 7], CLASSES)


class Watch(Callback):
    """Keeps what the method shows of every step."""

    def __init__(self) -> None:
        self.steps: list[tuple[Tensor, Tensor | None]] = []
        self.summaries: list[EpochSummary] = []

    def on_step(self, batch: Batch, step: Step) -> None:
        self.steps.append((step.loss.clone(), None if step.logits is None else step.logits.clone()))

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        self.summaries.append(summary)

    def same(self, other: "Watch") -> bool:
        parts = [[part for step in watch.steps for part in step if part is not None] for watch in (self, other)]
        return len(parts[0]) == len(parts[1]) and all(map(torch.equal, *parts))


def training(name: str, seed: int, path: Path | None = None, also: Callback | None = None) -> Training:
    """A run of its own labels and weights."""
    given = true_labels()
    given[np.random.default_rng(seed).permutation(SAMPLES)[:9]] += 1
    method = make_method(name, STACK.epochs, make_network=lambda: network(seed))
    callbacks = [Watch(), *([also] if also else [])]
    return Training(method, dataclasses.replace(IMAGES, given_labels=given % CLASSES), callbacks, seed, path)


def trained(name: str, seeds: list[int], config: TrainConfig = STACK) -> dict[int, Training]:
    runs = {seed: training(name, seed) for seed in seeds}
    assert train_together(list(runs.values()), config) == [None] * len(seeds)
    return runs


def same(one: Training, other: Training) -> bool:
    (a, b), methods = (each.callbacks[0] for each in (one, other)), (one.method, other.method)
    assert isinstance(a, Watch)
    assert isinstance(b, Watch)
    return same_state(*methods) and a.same(b) and len(a.summaries) == STACK.epochs


def stackable(name: str) -> bool:
    info = RunInfo(lambda: network(0), CLASSES, SAMPLES, STACK.epochs, noise_rate=0.4, transition=torch.eye(CLASSES))
    method: Method = METHODS.create(METHODS.parse(name), info)
    return method.stackable


STACKABLE = [name for name in [*NAMES, *VARIANTS] if stackable(name)]


def test_methods_that_need_more_than_logits_are_not_stacked() -> None:
    alone = {name for name in [*NAMES, *VARIANTS] if name not in STACKABLE}
    assert {"byot", "bake", "ddgsd", "dividemix", "elr_plus", "dlb(two_forward=True)"} <= alone
    assert {"ce", "dlb", "repeat", "elr", "sop", "cs_kd", "coteaching", "mean_teacher"} <= set(STACKABLE)
    several, one = trained("byot", [0, 1]), trained("byot", [1], dataclasses.replace(STACK, stack=1))
    assert same(several[1], one[1])


@pytest.mark.parametrize("name", STACKABLE)
def test_a_run_learns_what_it_learns_alone(name: str) -> None:
    # A step or two, except for memories that reach back so many.
    config = dataclasses.replace(STACK, epochs=1, batch_size=10 if "age=4" in name else 2 * SAMPLES + 2)
    stacked, alone = trained(name, [0, 1], config), trained(name, [0, 1], dataclasses.replace(config, stack=1))
    for seed in (0, 1):
        states = [runs[seed].method.state_dict() for runs in (stacked, alone)]
        assert states[0].keys() == states[1].keys()
        for key, value in states[0].items():
            torch.testing.assert_close(value, states[1][key], rtol=1e-4, atol=1e-5)


# Of the kinds of state that there are; for the others the test above is the one of the fast tier.
FEW = {"ce", "dlb", "elr", "coteaching", "mean_teacher", "cdr", "sop", "ban:3"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in FEW else pytest.mark.slow) for name in STACKABLE])
def test_neither_neighbours_nor_place_change_a_bit(name: str) -> None:
    first, second = trained(name, [0, 1, 2]), trained(name, [3, 2, 4, 0])
    assert same(first[0], second[0])
    assert same(first[2], second[2])
    assert not same_state(first[0].method, first[2].method)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {"gradient_clip": 0.1}) for name in ("dlb", "cdr")),
        *((name, {"optimizer": "adamw", "learning_rate": 0.001, "ema": 0.9}) for name in ("sop", "coteaching")),
        *((name, {"optimizer": "adam", "momentum": 0.5, "precision": "bf16"}) for name in ("dlb", "sop")),
        *((name, {"momentum": 0.0}) for name in ("cdr", "coteaching")),
    ],
    ids=str,
)
def test_whatever_the_options(name: str, changes: dict[str, Any]) -> None:
    config = dataclasses.replace(STACK, **changes)
    assert same(trained(name, [0, 1, 2], config)[2], trained(name, [2], config)[2])


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {}) for name in ("dlb", "sop", "coteaching")),
        *((name, {"optimizer": "adamw", "learning_rate": 0.001, "ema": 0.9}) for name in ("ce", "dlb", "mean_teacher")),
    ],
    ids=str,
)
def test_a_killed_run_goes_on_with_other_neighbours_to_the_bit(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    config = dataclasses.replace(STACK, **changes)
    expected = trained(name, [2], config)[2]
    cut = [training(name, seed, tmp_path / str(seed), also=Cut(1)) for seed in (0, 1, 2)]
    with pytest.raises(KeyboardInterrupt):
        train_together(cut, config, checkpoint_seconds=-1)
    # The neighbours start anew, and so in a stack of their own.
    runs = [training(name, 5), training(name, 2, tmp_path / "2", also=Callback()), training(name, 6)]
    assert train_together(runs, config) == [None] * 3
    assert same_state(runs[1].method, expected.method)
    watch = runs[1].callbacks[0]
    assert isinstance(watch, Watch)
    assert [summary.epoch for summary in watch.summaries] == [1, 2]


def test_a_checkpoint_holds_one_run_and_nothing_of_its_neighbours(tmp_path: Path) -> None:
    alone, among = [training("dlb", 1, tmp_path / "a")], [training("dlb", seed, tmp_path / str(seed)) for seed in (0, 1, 2)]
    for runs in (alone, among):
        assert train_together(runs, STACK) == [None] * len(runs)
    single = [training("dlb", 1, tmp_path / "single")]
    assert train_together(single, dataclasses.replace(STACK, stack=1)) == [None]
    a, b, usual = (read_checkpoint(tmp_path / name) for name in ("a", "1", "single"))
    assert list(a["others"]) == list(usual["others"])
    states = [held["others"]["optimizer 0"]["state"] for held in (a, b, usual)]
    assert states[0].keys() == states[1].keys() == states[2].keys()
    for number, values in states[2].items():
        for name, value in values.items():
            assert torch.equal(states[0][number][name], states[1][number][name])
            torch.testing.assert_close(states[0][number][name], value, rtol=1e-2, atol=1e-3)
    assert (tmp_path / "1").stat().st_size == pytest.approx((tmp_path / "single").stat().st_size, rel=0.1)


class Fails(Callback):
    def __init__(self, step: int) -> None:
        self.left = step

    def on_step(self, batch: Batch, step: Step) -> None:
        self.left -= 1
        if not self.left:
            raise ArithmeticError("of its own")


def failing(how: str, seed: int) -> Training:
    """A run that fails in its second epoch, or in the first step of it."""
    run = training("dlb", seed)
    if how == "callback":
        return dataclasses.replace(run, callbacks=[*run.callbacks, Fails(5)])
    method, loss = run.method, run.method.loss_from_logits
    calls = itertools.count()

    def fail(logits: Tensor, batch: Batch) -> Tensor:
        if next(calls) < 7:
            return loss(logits, batch)
        if how == "loss":
            raise ArithmeticError("of its own")
        return loss(logits, batch) * float("nan")

    method.loss_from_logits = fail  # type: ignore[method-assign]
    return run


@pytest.mark.parametrize(
    ("how", "place"), [("callback", 0), ("callback", 2), ("loss", 0), ("loss", 1), ("diverges", 1), ("diverges", 2)]
)
def test_a_run_that_fails_drops_out_and_the_others_go_on(how: str, place: int) -> None:
    expected = trained("dlb", [0, 1])
    runs = [training("dlb", seed) for seed in (0, 1)]
    runs.insert(place, failing(how, 2))
    errors = train_together(runs, STACK)
    error = errors.pop(place)
    assert isinstance(error, DivergedError if how == "diverges" else ArithmeticError)
    assert errors == [None, None]
    del runs[place]
    assert all(same(run, expected[seed]) for seed, run in enumerate(runs))


def test_the_error_of_a_single_run_is_its_own() -> None:
    assert [type(error) for error in train_together([failing("loss", 2)], STACK)] == [ArithmeticError]
    failed = train_together([failing("callback", seed) for seed in (0, 1)], STACK)
    assert [type(error) for error in failed] == [ArithmeticError] * 2


def test_runs_of_other_numbers_of_samples_are_trained_apart() -> None:
    def fewer() -> Training:
        run = training("ce", 1)
        less = dataclasses.replace(run.data, images=IMAGES.images[:30], given_labels=run.data.given_labels[:30])
        return dataclasses.replace(run, data=less)

    among, alone = [training("ce", 0), fewer(), training("ce", 2)], [fewer()]
    assert [*train_together(among, STACK), *train_together(alone, STACK)] == [None] * 4
    assert same(among[1], alone[0])
    assert same(among[2], trained("ce", [2, 4])[2])


def test_more_runs_than_places_are_several_stacks() -> None:
    many = trained("ce", [0, 1, 2, 3, 4, 5])
    assert same(many[5], trained("ce", [5])[5])


@pytest.mark.parametrize("name", list(AUGMENTATIONS.entries()))
@pytest.mark.parametrize("other", ["same", "other images"])
def test_batches_that_are_read_together_are_those_of_each_run(name: str, other: str) -> None:
    augmentation = AUGMENTATIONS.create(AUGMENTATIONS.parse("cutout:3" if name == "cutout" else name))

    def loaders() -> list[BatchLoader]:
        found = []
        for seed in (0, 1, 2):
            images = IMAGES.images.copy() if other == "other images" else IMAGES.images
            data = TrainingSet(images, np.roll(true_labels(), seed), IMAGES.mean, IMAGES.std, augmentation)
            sampler = make_sampler("last", data.given_labels, 16, seed)
            found.append(BatchLoader(data, sampler, seed, torch.device("cpu"), found[0] if found else None))
        return found

    alone = [[batch for epoch in (0, 1) for batch in loader.batches(epoch)] for loader in loaders()]
    stacked = loaders()
    joint = [batches for epoch in (0, 1) for batches in together(stacked, epoch)]
    for place, batches in enumerate(alone):
        for batch, found in zip(batches, (step[place] for step in joint), strict=True):
            assert torch.equal(batch.images, found.images)
            assert torch.equal(batch.labels, found.labels)
            assert torch.equal(batch.index, found.index)
            assert batch.new == found.new
            assert (batch.mix is None) == (found.mix is None)
            if batch.mix is not None and found.mix is not None:
                assert all(map(torch.equal, batch.mix, found.mix))


# Of each family the small ones; timm's are of all kinds.
SMALL = {
    *("cnn9", "densenet40_12", "preact_resnet18", "resnet18", "resnet20", "small_cnn", "vgg16", "wrn16_4"),
    *("densenet40_12(compressed=False)", "small_cnn:5"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_network_stacks_or_is_refused_in_a_sentence(name: str) -> None:
    def make() -> Backbone:
        return create_model(name, num_classes=10)

    if name == "cnn9":
        with pytest.raises(
            ValueError, match="networks with dropout cannot be stacked, because its draws would depend on the others"
        ):
            check_stackable(make, (3, 32, 32))
        return
    check_stackable(make, (3, 32, 32))
    check_places(make, (3, 32, 32), 3, 4, torch.device("cpu"))
    networks = [make() for _ in range(3)]
    images = torch.randn(3, 4, 3, 32, 32)
    alone = torch.stack([network(each) for network, each in zip(networks, images, strict=True)])
    torch.testing.assert_close(StackedNetwork(networks)(images), alone, rtol=1e-3, atol=1e-3)


class Draws(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.dropout(images, 0.1, self.training)


class Mixes(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flip(1)


class Weighs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(5, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return images * self.weight


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Draws, "draw random numbers"),
        (Mixes, "mixes the channels"),
        (Weighs, "layers of the type Weighs cannot be stacked"),
        (lambda: nn.Dropout2d(0.1), "dropout"),
        (lambda: nn.GroupNorm(1, 5, affine=False), "mixes the channels"),
        (lambda: nn.GroupNorm(1, 5), "layers of the type GroupNorm cannot be stacked"),
        (lambda: nn.Conv2d(5, 5, 3, padding=1, padding_mode="reflect"), "padding mode 'reflect' cannot be stacked"),
    ],
)
def test_layers_that_would_give_other_numbers_are_refused(layer: Any, said: str) -> None:
    def make() -> Backbone:
        stages = [nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), layer())]
        return Backbone(nn.Identity(), stages, [5], CLASSES)

    with pytest.raises(ValueError, match=said):
        check_stackable(make, (1, 8, 8))


@pytest.mark.parametrize(
    "changes", [{"compile": True}, {"precision": "fp16"}, {"processes": 2}], ids=["compile", "precision fp16", "2 processes"]
)
def test_what_does_not_go_with_a_stack_is_refused(changes: dict[str, Any], request: pytest.FixtureRequest) -> None:
    with pytest.raises(ValueError, match=f"stack 2 does not go with {request.node.callspec.id}"):
        TrainConfig(stack=2, **changes)


def test_a_run_of_a_stack_starts_fewer_than_two_thirds_of_the_kernels() -> None:
    def kernels(stack: int) -> float:
        config = dataclasses.replace(STACK, stack=stack, epochs=2, batch_size=4)
        runs = [training("ce", seed) for seed in range(stack)]
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            assert train_together(runs, config) == [None] * stack
        return sum(event.count for event in profile.key_averages()) / stack

    assert kernels(6) < kernels(1) * 2 / 3
