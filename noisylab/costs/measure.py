"""All costs of one method."""

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
    """The costs of a method.

    method: its label. teachers: networks that are fully trained before it. extra_parameters: trained parameters outside of any
    network, which change the architecture. update: how often targets change. time, memory: relative to the baseline, with
    equally many entries a batch.
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
    """The costs of a method (spec); `baseline` has the same workload. turns: measurements of the time."""
    spec = METHODS.parse(method)
    prepared = workload.build_prepared(method)
    # The number of passes of a step does not depend on the batch size.
    passes = count_passes(dataclasses.replace(workload, batch_size=8, steps_per_epoch=2), method, device)
    stepper = Stepper(workload, method, torch.device(device))
    ratio, seconds = time_ratio(stepper, baseline, turns)
    return Costs(
        method=spec.label,
        name=spec.name,
        teachers=prepared.teachers,
        extra_parameters=extra_parameters(prepared.method),
        passes=passes,
        # Targets from a network that was trained before change once per training.
        update=prepared.method.target_update or ("training" if prepared.teachers else "-"),
        time=ratio,
        memory=stepper.peak_bytes / baseline.peak_bytes,
        step_seconds=seconds,
        peak_bytes=stepper.peak_bytes,
    )


def extra_parameters(method: Method) -> int:
    """The number of trained parameters of a method that are not weights of its networks."""
    networks = {id(p) for part in method.modules() if isinstance(part, Backbone) for p in part.parameters()}
    return sum(p.numel() for p in method.parameters() if p.requires_grad and id(p) not in networks)
