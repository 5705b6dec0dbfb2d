"""How long a study will still take, from the epochs that are done so far."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from noisylab.core.registries import METHODS
from noisylab.study.run_config import RunConfig


class _Kind(NamedTuple):
    """Stacks whose epochs take equally long, each with so many epochs; weight: the images that pass networks in one of them."""

    name: tuple[Any, ...]
    epochs: int
    weight: float


@dataclass
class _Stack:
    kind: _Kind
    runs: tuple[int, ...]
    # Epochs and time when it was first seen at work, and when its last epoch ended.
    first: tuple[int, float] | None = None
    last: tuple[int, float] = (0, 0.0)


@dataclass
class TimeLeft:
    """The time that the missing runs of a study will still take.

    Methods pass other numbers of images through their networks, and a stack takes as long as its longest place, so stacks are
    timed by kind. A kind that has not been seen yet is taken to need as long per image as those that have.

    configs: the missing runs. stacks: the numbers of those that are trained together. alone: methods whose runs are not. jobs:
    stacks at once.
    """

    configs: Sequence[RunConfig]
    stacks: Sequence[tuple[int, ...]]
    alone: Collection[str]
    jobs: int
    _stacks: list[_Stack] = field(default_factory=list, init=False)
    _now: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        known: dict[tuple[Any, ...], _Kind] = {}
        for numbers in self.stacks:
            config = self.configs[numbers[0]]
            alike = ("method", "model", "data_digest", "augment", "budget", "record", "training")
            name = tuple(getattr(config, field) for field in alike)
            if name not in known:
                known[name] = _kind(name, config, 1 if config.method in self.alone else config.training.stack)
            self._stacks.append(_Stack(known[name], numbers))

    def see(self, epochs: Sequence[int], now: float) -> None:
        """Take note of the epochs that every run has done by now (s, of any clock)."""
        self._now = now
        for stack in self._stacks:
            done = max(epochs[number] for number in stack.runs)
            if done > stack.last[0] or (done and stack.first is None):
                stack.last = done, now
                stack.first = stack.first or stack.last

    def seconds(self) -> float | None:
        """The time left (s); None as long as no stack has finished two epochs."""
        timed: dict[_Kind, list[float]] = {}
        for stack in self._stacks:
            if stack.first is not None and stack.last[0] > stack.first[0]:
                held = timed.setdefault(stack.kind, [0.0, 0.0])
                held[0] += stack.last[1] - stack.first[1]
                held[1] += stack.last[0] - stack.first[0]
        if not timed:
            return None
        per_epoch = {kind: time / epochs for kind, (time, epochs) in timed.items()}
        per_image = sum(time for time, _ in timed.values()) / sum(kind.weight * held[1] for kind, held in timed.items())
        ends = [0.0] * self.jobs
        # Those at work have their processes already.
        for stack in sorted(self._stacks, key=lambda each: each.first is None):
            done, at = stack.last
            left = (stack.kind.epochs - done) * per_epoch.get(stack.kind, per_image * stack.kind.weight)
            if stack.first is not None:
                left = max(0.0, left - (self._now - at))
            place = ends.index(min(ends))
            ends[place] += left
        return max(ends)


def _kind(name: tuple[Any, ...], config: RunConfig, places: int) -> _Kind:
    spec, epochs = METHODS.parse(config.method), config.epochs_trained
    passes = METHODS.load(spec.name).compute_factor(epochs=epochs, **spec.options)
    # An incomplete stack is filled up.
    return _Kind(name, epochs, passes * config.train_size * places)
