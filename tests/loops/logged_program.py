"""Run a program of the page on one's own loop, and log what its `DLBLoss` and its `DynamicsRecorder` are given.

`logged_program.py PROGRAM LOG [STEPS]` runs it as it is printed, or until the process is killed before so many steps are done.
`logged_program.py PROGRAM LOG variants NAME...` runs variants of it, one after the other, each in a folder LOG/NAME of its own.
Every process writes LOG/steps-RANK.pt.
"""

import os
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed

from noisylab import DLBLoss, DynamicsRecorder

RANK = os.environ.get("RANK", "0")
STEPS_EARLY = 20

log: dict[str, list[Any]] = {}


def start() -> None:
    """Start an empty log: the steps of the loss, what the recorder observed, and the number of steps at each epoch's end."""
    log.update(steps=[], observed=[], ends=[])


def save(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(log, folder / f"steps-{RANK}.pt")


def watch(steps: int, folder: Path) -> None:
    """Log from now on. Kill the process at the beginning of the step after so many."""
    forward, observe, end_epoch = DLBLoss.forward, DynamicsRecorder.observe, DynamicsRecorder.end_epoch

    def logged_forward(self: DLBLoss, logits: Tensor, labels: Tensor, index: Tensor | None = None) -> Tensor:
        if len(log["steps"]) == steps:
            save(folder)
            os._exit(9)
        loss = forward(self, logits, labels, index)
        log["steps"].append((logits.detach().clone(), labels.clone(), index is not None, loss.detach().clone()))
        return loss

    def logged_observe(self: DynamicsRecorder, index: Tensor, logits: Tensor, *rest: Any, **options: Any) -> None:
        log["observed"].append(index.clone())
        observe(self, index, logits, *rest, **options)

    def logged_end(self: DynamicsRecorder) -> None:
        log["ends"].append(len(log["observed"]))
        end_epoch(self)

    DLBLoss.forward, DynamicsRecorder.observe, DynamicsRecorder.end_epoch = logged_forward, logged_observe, logged_end  # type: ignore[method-assign]


def leave_early() -> Any:
    """A callback of HuggingFace's Trainer that ends every epoch early."""
    from transformers import TrainerCallback

    class LeaveEarly(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_epoch_stop = state.global_step % STEPS_EARLY == 0

    return LeaveEarly()


# What each word of a variant's name changes in the program: one of these must be found.
CHANGES: dict[str, list[tuple[str, str]]] = {
    "labels": [(r"(criterion\(.*), (?:inputs\[\"index\"\]|index)\)", r"\1)")],
    "early": [
        (r"in loader:", f"in __import__('itertools').islice(loader, {STEPS_EARLY}):"),
        (r"Trainer\(max_epochs=3,", f"Trainer(max_epochs=3, limit_train_batches={STEPS_EARLY},"),
        (r"callbacks=\[recorder\], opt", "callbacks=[recorder, leave_early()], opt"),
    ],
    "prepared": [(r"network, optimizer = (.*)\(model, optimizer\)", r"network, optimizer, loader = \1(model, optimizer, loader)")],
    "injected": [(r" use_distributed_sampler=False,", "")],
}


def varied(source: str, name: str) -> str:
    """The program with the changes that the words of a name stand for."""
    for word in name.split("-"):
        if word in CHANGES:
            found = [change for change in CHANGES[word] if re.search(change[0], source)]
            assert len(found) == 1, f"{word} changes {len(found)} places"
            source = re.sub(*found[0], source)
    return source


def keep_the_group() -> None:
    """Let several programs of one process make a process group: the first one's stays."""
    init: Callable[..., None] = distributed.init_process_group

    def once(*arguments: Any, **options: Any) -> None:
        if not distributed.is_initialized():
            init(*arguments, **options)

    distributed.init_process_group = once
    distributed.destroy_process_group = lambda *_: None


def run_variants(source: str, folder: Path, names: list[str]) -> None:
    keep_the_group()
    for name in names:
        start()
        log.pop("refused", None)
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        os.chdir(own)
        code = compile(varied(source, name), name, "exec")
        try:
            exec(code, {"__name__": "__main__", "leave_early": leave_early})
        except ValueError as error:
            log["refused"] = [str(error)]
        save(own)


def main(program: str, folder: str, *rest: str) -> None:
    start()
    watch(int(rest[0]) if rest and rest[0].isdigit() else -1, Path(folder))
    if rest[:1] == ("variants",):
        run_variants(Path(program).read_text(encoding="utf-8"), Path(folder), list(rest[1:]))
        return
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")
    save(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
