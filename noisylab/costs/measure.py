"""Everything that the table says about one method."""

import dataclasses
from dataclasses import dataclass

import torch

from noisylab.core.registries import METHODS
from noisylab.core.system import Device
from noisylab.costs.passes import Passes, count_passes
from noisylab.costs.speed import Ratio, Stepper, time_ratio
from noisylab.costs.workload import Workload
from noisylab.methods.base import Method
from noisylab.models.base import Backbone


@dataclass(frozen=True)
class Costs:
    """What was measured of a method.

    method: its label. teachers: networks trained to the end before it. extra_parameters: trained ones outside of any network,
    by which it changes the architecture. update: how often targets change. time, memory: over the baseline's, with batches of
    equally many entries.
    """

    method: str
    name: str
    teachers: int
    extra_parameters: int
    passes: Passes
    update: str
    time: Ratio
    memory: float
    step_seconds: float
    peak_bytes: int


def measure(workload: Workload, method: str, baseline: Stepper, device: Device, *, turns: int) -> Costs:
    """The costs of a method (spec); `baseline` was made with the same workload. turns: of the timing."""
    spec = METHODS.parse(method)
    prepared = workload.build_prepared(method)
    # How many passes a step makes does not depend on the size of its batch.
    passes = count_passes(dataclasses.replace(workload, batch_size=8, steps_per_epoch=2), method, device)
    stepper = Stepper(workload, method, torch.device(device))
    ratio, seconds = time_ratio(stepper, baseline, turns)
    return Costs(
        method=spec.label,
        name=spec.name,
        teachers=prepared.teachers,
        extra_parameters=extra_parameters(prepared.method),
        passes=passes,
        # Targets from a network that was trained before are as old as that training.
        update=prepared.method.target_update or ("training" if prepared.teachers else "-"),
        time=ratio,
        memory=stepper.peak_bytes / baseline.peak_bytes,
        step_seconds=seconds,
        peak_bytes=stepper.peak_bytes,
    )


def extra_parameters(method: Method) -> int:
    """How many numbers a method trains that are no weights of a network as its model makes it."""
    networks = {id(p) for part in method.modules() if isinstance(part, Backbone) for p in part.parameters()}
    return sum(p.numel() for p in method.parameters() if p.requires_grad and id(p) not in networks)
