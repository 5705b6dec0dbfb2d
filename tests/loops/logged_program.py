"""Run a program of the page on one's own loop, and log what its `DLBLoss` and its `DynamicsRecorder` are given.

`logged_program.py PROGRAM LOG [STEPS]` runs it as it is printed; after so many steps the process is killed.
`logged_program.py PROGRAM LOG variants NAME...` runs variants of it, one after the other, each in a folder LOG/NAME of its own.
With the word "stopped" in its name, it is stopped after STOP_AFTER steps and run again. Every process writes steps-RANK.pt, and
those before the stop in a folder `before`.
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
# Steps of an epoch that is left early, of a training that is stopped, and those after which it is saved midway in an epoch.
STEPS_EARLY, STOP_AFTER, SAVED_MIDWAY = 20, 60, 50

log: dict[str, list[Any]] = {}


def start() -> None:
    """Start an empty log: the steps of the loss, what the recorder observed, and the number of steps at each epoch's end."""
    log.clear()
    log.update(steps=[], observed=[], ends=[])


def save(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(log, folder / f"steps-{RANK}.pt")


class Stopped(BaseException):
    """The training was stopped."""


def watch(stop: Callable[[int], None]) -> None:
    """Log from now on. `stop` is called at the beginning of every step, with the number of steps so far."""
    forward, observe, end_epoch = DLBLoss.forward, DynamicsRecorder.observe, DynamicsRecorder.end_epoch

    def logged_forward(self: DLBLoss, logits: Tensor, labels: Tensor, index: Tensor | None = None) -> Tensor:
        stop(len(log["steps"]))
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


# What each word of a variant's name changes in the program: one of these places must be there.
CHANGES: dict[str, dict[str, str]] = {
    "labels": {r"(criterion\(.*), (?:inputs\[\"index\"\]|index)\)": r"\1)"},
    "early": {
        r"in loader:": f"in __import__('itertools').islice(loader, {STEPS_EARLY}):",
        r"Trainer\(max_epochs=3,": f"Trainer(max_epochs=3, limit_train_batches={STEPS_EARLY},",
        r"callbacks=\[recorder\], opt": "callbacks=[recorder, leave_early()], opt",
    },
    "prepared": {
        r"network, optimizer = (.*)\(model, optimizer\)((?s:.*))sampler.set_epoch": (
            r"network, optimizer, loader = \1(model, optimizer, loader)\2loader.set_epoch"
        )
    },
    "midway": {r'save_strategy="epoch"': f'save_strategy="steps", save_steps={SAVED_MIDWAY}'},
    "injected": {r" use_distributed_sampler=False,": ""},
}


def varied(source: str, name: str) -> str:
    """The program with the changes that the words of a name stand for."""
    for word in name.split("-"):
        if word in CHANGES:
            (found,) = [place for place in CHANGES[word] if re.search(place, source)]
            source = re.sub(found, CHANGES[word][found], source)
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
    stops: list[int] = []

    def stop(steps: int) -> None:
        if stops == [steps]:
            stops.clear()
            raise Stopped

    watch(stop)
    for name in names:
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        os.chdir(own)
        code = compile(varied(source, name), name, "exec")
        stops += [STOP_AFTER] * ("stopped" in name)
        for _ in range(2):
            start()
            try:
                exec(code, {"__name__": "__main__", "leave_early": leave_early})
                break
            except Stopped:
                save(own / "before")
            except ValueError as error:
                log["refused"] = [str(error)]
                break
        save(own)


def main(program: str, folder: str, *rest: str) -> None:
    if rest[:1] == ("variants",):
        run_variants(Path(program).read_text(encoding="utf-8"), Path(folder), list(rest[1:]))
        return

    def kill(steps: int) -> None:
        if rest and steps == int(rest[0]):
            save(Path(folder))
            os._exit(9)

    start()
    watch(kill)
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")
    save(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
