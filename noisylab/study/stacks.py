"""Which runs are trained together."""

import json
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from noisylab.core.registries import METHODS
from noisylab.study.run_config import RunConfig, identity

# The fields in which runs of one stack differ.
OWN = ("noise", "noise_digest", "noise_seed", "seed", "code")


def stacks_of(configs: Sequence[RunConfig], alone: Collection[str] = ()) -> list[tuple[int, ...]]:
    """The numbers of the runs that are trained together, up to `stack` that are alike except for seed and noise.

    Runs keep their order, seed by seed, so that an interrupted study holds whole comparisons as far as possible. alone: methods
    whose runs cannot be stacked.
    """
    found: list[list[int]] = []
    # The last stack of each kind.
    open_stacks: dict[str, list[int]] = {}
    # Runs that are written alike are alike; an identity takes a millisecond, which counts for thousands of runs.
    kinds: dict[tuple[Any, ...], str] = {}
    for number, config in enumerate(configs):
        places = 1 if config.method in alone else config.training.stack
        written = tuple(getattr(config, field.name) for field in fields(config) if field.name not in OWN)
        if written not in kinds:
            held = {key: value for key, value in identity(config).items() if key not in OWN}
            kinds[written] = json.dumps(held, sort_keys=True)
        kind = kinds[written]
        if places == 1 or len(open_stacks.get(kind, ())) in (0, places):
            found.append([])
            open_stacks[kind] = found[-1]
        open_stacks[kind].append(number)
    return [tuple(numbers) for numbers in found]


def busy_to_the_end(stacks: Sequence[tuple[int, ...]], configs: Sequence[RunConfig], jobs: int) -> list[tuple[int, ...]]:
    """The stacks in their order, except that the last two of each job begin with the longest, so that all jobs end together."""
    start = max(len(stacks) - 2 * jobs, 0) if jobs > 1 else len(stacks)
    return [
        *stacks[:start],
        *sorted(stacks[start:], key=lambda numbers: -sum(length_in_images(configs[each]) for each in numbers)),
    ]


def length_in_images(config: RunConfig) -> float:
    """The images of a training and of its evaluations, those without a backward pass as a third of one."""
    spec, epochs = METHODS.parse(config.method), config.epochs_trained
    passes: float = METHODS.load(spec.name).compute_factor(epochs=epochs, **spec.options)
    return epochs * (passes * config.train_size + config.test_size / config.evaluate_every / 3)
