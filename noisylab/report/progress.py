"""The progress of a study, in a terminal, a notebook or a log."""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from noisylab.core.files import cannot_write
from noisylab.core.lines import counted, duration
from noisylab.core.registries import METHODS
from noisylab.report.console import Terminal, say
from noisylab.report.time_left import TimeLeft
from noisylab.study.progress import holders
from noisylab.study.run_config import RunConfig
from noisylab.study.runner import Observer

# Seconds until the first line about the time left, and between any two lines, if there is no bar.
FIRST, QUIET = 5.0, 60.0


class ConsoleProgress(Observer):
    """In a terminal or notebook, a bar with the time left; elsewhere, a line for every finished run, and for the time left."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Terminal()
        self._live = self.console.is_terminal or self.console.is_jupyter
        self._progress = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeElapsedColumn(),
            TextColumn("left: {task.fields[left]}"),
            console=self.console,
            disable=not self._live,
        )

        # What could not be written, a line each.
        self.unwritten: list[str] = []
        self._waited = ""

    def on_stacks(self, stacks: Sequence[tuple[int, ...]], alone: Collection[str]) -> None:
        """Keep them for `on_start`."""
        self._stacks, self._alone = stacks, alone

    def on_start(self, planned: Sequence[RunConfig], missing: Sequence[RunConfig], jobs: int) -> None:
        """Print how many runs there are."""
        where = "in this process" if jobs == 1 else f"on {jobs} processes"
        say(
            self.console,
            f"{counted(len(planned), 'run')}, {len(planned) - len(missing):,} already done; {len(missing):,} to do {where}",
            wrap=True,
        )
        self._runs, self._finished = len(missing), 0
        if missing:
            self._say_stacks(missing)
            self._left = TimeLeft(missing, self._stacks, self._alone, jobs)
            self._epochs = sum(config.epochs_trained for config in missing)
            self._task = self._progress.add_task(f"0/{counted(self._runs, 'run')}", total=self._epochs, left="-")
            self._progress.start()
            self._next = time.monotonic() + FIRST

    def _say_stacks(self, missing: Sequence[RunConfig]) -> None:
        """Say once that runs are trained together, since the first of them end together."""
        places = missing[0].training.stack
        methods = dict.fromkeys(METHODS.parse(config.method).label for config in missing if config.method not in self._alone)
        if places > 1 and methods:
            say(self.console, f"in stacks of {places}, trained as one network: {', '.join(methods)}", wrap=True)

    def on_result(self, config: RunConfig, result: dict[str, Any]) -> None:
        """Count the run, and print a line for it if there is no bar."""
        self._finished += 1
        self._progress.update(self._task, description=f"{self._finished}/{counted(self._runs, 'run')}")
        if not self._live:
            self._next = time.monotonic() + QUIET
            say(
                self.console,
                f"[{self._finished}/{self._runs}] {result['method']}, {result['noise']}, seed {config.seed}: "
                f"test accuracy {100 * result['test_accuracy_last']:.1f} % ({result['seconds']:.1f} s)",
                wrap=True,
            )

    def on_progress(self, epochs: Sequence[int]) -> None:
        """Move the bar, or say the time left now and then."""
        now, done = time.monotonic(), sum(epochs)
        self._left.see(epochs, now)
        left = self._left.seconds()
        self._progress.update(self._task, completed=done, left="-" if left is None else duration(left))
        if not self._live and now > self._next and left is not None and done < self._epochs:
            self._next = now + QUIET
            say(self.console, f"{done:,} of {counted(self._epochs, 'epoch')} done, about {duration(left)} left", wrap=True)

    def on_wait(self, held: Sequence[Path]) -> None:
        """Say, when it changes, for which processes the study waits."""
        who = holders(list(held)) or "another process"
        said = f"waiting for {counted(len(held), 'run')} that {who} is at"
        if said != self._waited:
            self._waited = said
            say(self.console, said, wrap=True)

    def on_unwritten(self, path: Path, error: OSError) -> None:
        """Keep it for the end, below the tables."""
        self.unwritten.append(cannot_write(path, error))

    def on_end(self) -> None:
        """Stop the bar."""
        self._progress.stop()
