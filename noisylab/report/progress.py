"""The progress of a study, in a terminal, a notebook or a log."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from noisylab.core.files import cannot_write
from noisylab.core.lines import counted
from noisylab.report.console import Terminal, say
from noisylab.study.progress import holders
from noisylab.study.run_config import RunConfig
from noisylab.study.runner import Observer


class ConsoleProgress(Observer):
    """In a terminal or notebook, a bar with the remaining time; elsewhere, a line for every finished run."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Terminal()
        self._live = self.console.is_terminal or self.console.is_jupyter
        self._progress = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self._live,
        )

        # What could not be written, a line each.
        self.unwritten: list[str] = []
        self._waited = ""

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
            epochs = sum(config.epochs_trained for config in missing)
            self._task = self._progress.add_task(f"0/{counted(self._runs, 'run')}", total=epochs)
            self._progress.start()

    def on_result(self, config: RunConfig, result: dict[str, Any]) -> None:
        """Count the run, and print a line for it if there is no bar."""
        self._finished += 1
        self._progress.update(self._task, description=f"{self._finished}/{counted(self._runs, 'run')}")
        if not self._live:
            say(
                self.console,
                f"[{self._finished}/{self._runs}] {result['method']}, {result['noise']}, seed {config.seed}: "
                f"test accuracy {100 * result['test_accuracy_last']:.1f} % ({result['seconds']:.1f} s)",
                wrap=True,
            )

    def on_progress(self, epochs: Sequence[int]) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=sum(epochs))

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
