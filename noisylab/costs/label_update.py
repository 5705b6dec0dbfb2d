"""How often a method's targets change, measured by what it does: does a loss depend on the weights of an earlier step?"""

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from noisylab.core.seeds import derive_seed
from noisylab.costs.workload import Batches, Workload
from noisylab.methods.base import Method
from noisylab.training.device import repeatable, seed_generators

# Which earlier weights a loss depends on is the same whatever the network, so a small one is asked.
EPOCHS = 12
WORKLOAD = Workload("small_cnn(width=4)", (1, 8, 8), 4, batch_size=8, epochs=EPOCHS, steps_per_epoch=4)


def label_update(method: str) -> str | None:
    """ "batch", "epoch" or "k epochs"; None where targets come from the present weights, or were fixed before training.

    A run without learning is compared with runs in which the weights are others for a while, and then as before. Where others
    in one step change the loss of a later step of the same epoch, targets are updated within the epoch ("batch"). Else: after
    which epochs do others in that epoch change any later loss? The closest two of these (the start counts as one) are the
    period. Of cycles that divide a run, it is that of a run of `EPOCHS` epochs.
    """
    steps = WORKLOAD.steps_per_epoch
    with repeatable(torch.device("cpu"), threads=1):
        undisturbed = _losses(method, ())

        def matters(first: int, stop: int, watched: int) -> bool:
            """Whether other weights in steps first to stop - 1 change the loss of any step from there to `watched` - 1."""
            return _losses(method, range(first, stop))[stop:watched] != undisturbed[stop:watched]

        last = steps * (EPOCHS - 1)
        if any(matters(step, step + 1, steps * EPOCHS) for step in range(last, last + steps - 1)):
            return "batch"
        kept = [e for e in range(EPOCHS - 1) if matters(steps * e, steps * (e + 1), steps * EPOCHS)]
    if not kept:
        return None
    period = min(after - before for before, after in zip([-1, *kept], kept, strict=False))
    return "epoch" if period == 1 else f"{period} epochs"


def _losses(method: str, disturbed: Collection[int]) -> list[float]:
    """The loss of every step of a run with constant weights, but for others in the steps `disturbed`.

    The weights of a step stand until the next one begins, so that what copies them between epochs, at the end of one or at the
    start of the next, copies these.
    """
    built = WORKLOAD.build_prepared(method).method.train()
    batches, device = Batches(built, WORKLOAD.data(method), WORKLOAD.batch_size, torch.device("cpu")), torch.device("cpu")
    trained = [parameter for parameter in built.parameters() if parameter.requires_grad]
    usual = [parameter.detach().clone() for parameter in trained]
    generator = torch.Generator().manual_seed(0)
    others = [values + 0.1 * torch.randn(values.shape, generator=generator) for values in usual]
    statistics = _running_statistics(built)
    usual_statistics = [values.clone() for values in statistics]
    losses: list[float] = []
    for epoch in range(WORKLOAD.epochs):
        built.start_epoch(epoch)
        for batch in batches(epoch):
            _assign(trained, others if len(losses) in disturbed else usual)
            # Other weights leave other running statistics, which are no memory of a method's.
            _assign(statistics, usual_statistics)
            seed_generators(derive_seed(0, "step", len(losses)), device)
            losses.append(built.loss(batch).loss.item())
        built.end_epoch(epoch)
    return losses


def _running_statistics(method: Method) -> list[Tensor]:
    """Those of batch norms that are trained."""

    def is_trained(module: nn.Module) -> bool:
        return any(parameter.requires_grad for parameter in module.parameters())

    return [b for m in method.modules() if isinstance(m, _BatchNorm) and is_trained(m) for b in m.buffers()]


@torch.no_grad()
def _assign(tensors: list[Tensor] | list[nn.Parameter], values: list[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
