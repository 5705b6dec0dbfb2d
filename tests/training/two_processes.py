"""What test_distributed.py starts under torchrun; the main process writes what it found to the file it is given."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers_training import CONFIG, make_method, training_set

from noisylab.core.distributed import from_main, is_main, joined, to_main
from noisylab.core.registries import DATA_SETS, METHODS
from noisylab.data.batches.batch import Batch
from noisylab.data.image_data import load_data
from noisylab.methods import Method, Step
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run import run_one
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary

# One of every composition, and every kind of memory.
COMPARED = (
    "ce",
    "repeat",
    "dlb(alpha=10)",
    "ddgsd",
    "cs_kd",
    "ps_kd",
    "elr",
    "lwr(k=1)",
    "temporal_ensembling",
    "soft_target_memory(age=2, unit='iterations')",
    "soft_target_memory(age=1, repeat=True, momentum=0.5, convex=True)",
)


# The last batch is smaller.
CUT = dataclasses.replace(CONFIG, batch_size=12)


class Losses(Callback):
    def __init__(self) -> None:
        self.rows: list[list[float]] = []

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        self.rows.append([summary.train_loss, summary.images, summary.updates])


class StopAt(Callback):
    """Ends the training in every process after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def on_step(self, batch: Batch, step: Step) -> None:
        self.left -= 1
        if self.left == 0:
            raise InterruptedError


def without_dropout(name: str) -> Method:
    """Dropout is another one in every process, so that only without it the losses are those of one process."""
    method = make_method(name)
    for module in method.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return method


def losses(name: str, config: TrainConfig) -> list[list[float]]:
    """The loss, images and steps of each epoch, in the main process."""
    seen = Losses()
    train(without_dropout(name), training_set(), config, [seen])
    return seen.rows


def weights(method: Method) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in method.parameters() if parameter.requires_grad])


def resumed(name: str, config: TrainConfig, folder: Path) -> bool:
    """Whether every process ends with the same state after an interruption as without one."""
    whole, cut = make_method(name), make_method(name)
    train(whole, training_set(), config)
    checkpoint = Path(from_main(str(folder / f"{name}.pt")))
    try:
        train(cut, training_set(), config, [StopAt(5)], checkpoint=checkpoint, checkpoint_seconds=0)
    except InterruptedError:
        cut = make_method(name)
        train(cut, training_set(), config, [Callback()], checkpoint=checkpoint, checkpoint_seconds=0)
    one, other = whole.state_dict(), cut.state_dict()
    return all(torch.equal(value, other[key]) for key, value in one.items())


def odd(config: TrainConfig) -> dict[str, Any]:
    """A training on 45 samples: its losses, and whether both processes remember the same of them."""
    whole, method, seen = training_set(), make_method("elr"), Losses()
    train(method, dataclasses.replace(whole, images=whole.images[:45], given_labels=whole.given_labels[:45]), config, [seen])
    memories = to_main(method.state_dict()["targets"])
    same = not is_main() or (torch.equal(*memories) and bool(memories[0][:45].any(dim=1).all()))
    return {"losses": seen.rows, "same memory": same}


def executed(study: Path) -> list[list[dict[str, Any]]]:
    """The result that every process has of a run with a teacher, and of the same one again."""
    training = TrainConfig(epochs=1, processes=2, device="cpu")
    data = load_data(DATA_SETS.parse("digits"), None, 100)
    (config,) = plan(Grid(methods=("tf_kd_self",), noise=("symmetric:0.4",), seeds=(0,), training=training), data).configs
    return [to_main(run_one(config, data, study)) for _ in range(2)]


def main(out: Path) -> None:
    with joined("cpu"):
        own = dataclasses.replace(CONFIG, processes=2)
        cut = dataclasses.replace(CUT, processes=2)
        synced = dataclasses.replace(cut, sync_batch_norm=True)
        found = {
            "synced": {name: losses(name, synced) for name in COMPARED},
            "own": {name: losses(name, cut) for name in COMPARED},
            "short": losses("dlb", dataclasses.replace(synced, precision="bf16")),
            "odd": odd(cut),
            "executed": executed(out.parent / "study"),
            "resumed": {name: to_main(resumed(name, own, out.parent)) for name in ("dlb", "elr")},
        }
        found["apart"] = {}
        for name in METHODS.entries():
            method = make_method(name)
            train(method, training_set(), dataclasses.replace(own, epochs=2))
            ends = to_main(weights(method))
            found["apart"][name] = bool(not is_main() or (torch.equal(*ends) and ends[0].isfinite().all()))
        if is_main():
            out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
