"""How often a method's targets change is what it says: does a loss depend on the weights of an earlier step?"""

from collections.abc import Collection

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from noisylab.core.registries import METHODS
from noisylab.core.seeds import derive_seed
from noisylab.costs.workload import Workload
from noisylab.methods import Method
from noisylab.training.device import seed_generators
from noisylab.training.evaluate import Evaluator

pytestmark = pytest.mark.slow

# Which earlier weights a loss depends on is the same whatever the network, so a small one is asked.
EPOCHS = 12
WORKLOAD = Workload("small_cnn(width=4)", (1, 8, 8), 4, batch_size=8, epochs=EPOCHS, steps_per_epoch=4)


VARIANTS = ["lwr(k=1)", "mr_kd(interval=1)", "mr_kd(interval=3)", "snapshot_kd:1", "snapshot_kd:3", "ps_kd(snapshot=True)"]
MEMORIES = ["unit='iterations'", "age=2, unit='iterations'", "age=2", "age=3, held=True", "repeat=True", "momentum=0.5"]


@pytest.mark.parametrize("spec", [*METHODS.entries(), *VARIANTS, *(f"soft_target_memory({options})" for options in MEMORIES)])
def test_targets_change_as_often_as_a_method_says(spec: str) -> None:
    assert measured_update(spec) == WORKLOAD.build_prepared(spec).method.target_update


def measured_update(spec: str) -> str | None:
    """ "batch", "epoch" or "k epochs"; None if targets come from the present weights, or were fixed before training.

    A run without learning is compared with runs in which the weights are others for a while, and then as before. If others
    in one step change the loss of a later step of the same epoch, targets are updated within the epoch ("batch"). Else: after
    which epochs do others in that epoch change any later loss? The closest two of these (the start counts as one) are the
    period.
    """
    steps, undisturbed = WORKLOAD.steps_per_epoch, losses(spec, ())

    def matters(first: int, stop: int) -> bool:
        """Whether other weights in steps first to stop - 1 change the loss of any later step."""
        return losses(spec, range(first, stop))[stop:] != undisturbed[stop:]

    last = steps * (EPOCHS - 1)
    if any(matters(step, step + 1) for step in range(last, last + steps - 1)):
        return "batch"
    kept = [e for e in range(EPOCHS - 1) if matters(steps * e, steps * (e + 1))]
    if not kept:
        return None
    period = min(after - before for before, after in zip([-1, *kept], kept, strict=False))
    return "epoch" if period == 1 else f"{period} epochs"


def losses(spec: str, disturbed: Collection[int]) -> list[float]:
    """The loss of every step of a run with constant weights, except for others in the steps `disturbed`.

    The weights of a step stand until the next one begins, so that what copies them between epochs, at the end of one or at the
    start of the next, copies these.
    """
    built, device, data = WORKLOAD.build_prepared(spec).method.train(), torch.device("cpu"), WORKLOAD.data(spec)
    loader, evaluator = WORKLOAD.loader(built, data, device), Evaluator(data.images, data.mean, data.std)
    trained = [parameter for parameter in built.parameters() if parameter.requires_grad]
    usual = [parameter.detach().clone() for parameter in trained]
    generator = torch.Generator().manual_seed(0)
    others = [values + 0.1 * torch.randn(values.shape, generator=generator) for values in usual]
    statistics = running_statistics(built)
    usual_statistics = [values.clone() for values in statistics]
    found: list[float] = []
    for epoch in range(WORKLOAD.epochs):
        built.assess(epoch, evaluator.logits, loader.given_labels)
        built.start_epoch(epoch)
        for batch in loader.batches(epoch):
            assign(trained, others if len(found) in disturbed else usual)
            # Other weights leave other running statistics, which are no memory of a method's.
            assign(statistics, usual_statistics)
            seed_generators(derive_seed(0, "step", len(found)), device)
            step = built.loss(batch)
            built.after_step()
            built.observe(step.logits.detach(), batch)
            found.append(step.loss.item())
        built.end_epoch(epoch)
    return found


def running_statistics(method: Method) -> list[Tensor]:
    """Those of batch norms that are trained."""

    def is_trained(module: nn.Module) -> bool:
        return any(parameter.requires_grad for parameter in module.parameters())

    return [b for m in method.modules() if isinstance(m, _BatchNorm) and is_trained(m) for b in m.buffers()]


@torch.no_grad()
def assign(tensors: list[Tensor] | list[nn.Parameter], values: list[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
