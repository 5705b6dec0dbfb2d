"""The `noisylab` command: parses arguments, prints, and exits. Nothing else in the package does."""

import importlib
import sys
from collections.abc import Sequence

from noisylab.cli.ending import fail, interruptible
from noisylab.core.extras import how_to_install
from noisylab.core.suggestions import did_you_mean
from noisylab.core.system import torchrun_processes
from noisylab.core.warning_lines import warnings_in_lines
from noisylab.study.engines.engine import EngineLostError

# Each command has a module of its name. The general help imports none of them.
COMMANDS = {
    "sweep": "run a study: every method under every noise with every seed",
    "compare": "print the paired differences between the methods of a study",
    "train": "train one run, and show its metrics as they come",
    "figure": "draw a figure from the finished runs of a study",
    "report": "write one HTML page of a study: tables, figures, and every sample with its curves",
    "corrupt": "corrupt labels, report the result, and save it",
    "costs": "measure the passes, time and memory of every method",
    "status": "say which runs of a study are done, running, failed or missing, and how long the rest takes",
    "doctor": "check every file of a study, and whether processes can share its folder",
    "clean": "remove what killed processes left in a study, and never a result",
    "list": "list methods, noise, models, ..., and describe one",
}
# Commands that continue after an interrupt.
RESUMING = ("sweep", "train")


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line, without the program's name (None: that of the process), and return the exit status."""
    args = list(sys.argv[1:] if args is None else args)
    advice = (
        "the same command again finishes what is missing" if args[:1] and args[0] in RESUMING else "nothing more is written"
    )
    with warnings_in_lines():
        return interruptible(lambda: _run(args), advice)


def _run(args: list[str]) -> int:
    if not args or args[0] in ("--help", "-h"):
        print(_help())
        return 0
    if args[0] == "--version":
        from noisylab import __version__

        print(f"noisylab {__version__}")
        return 0
    name = args[0]
    if name not in COMMANDS:
        fail(f"there is no command {name!r}{did_you_mean(name, COMMANDS)}; choose from {', '.join(COMMANDS)}")
    if torchrun_processes() > 1 and name != "train":
        fail(f"torchrun would run {name} once in each of {torchrun_processes()} processes; only noisylab train is for torchrun")
    try:
        from noisylab.cli.arguments import taken
        from noisylab.core.plugins import load_plugins

        plugins, rest = taken("--plugin", args[1:])
        load_plugins(plugins)
        # `list` would hide the builtin.
        command = importlib.import_module(f"noisylab.cli.{'listing' if name == 'list' else name}")
        status: int = command.main(rest)
    except ValueError as error:
        fail(error)
    except EngineLostError as error:
        fail(f"{error}; what has finished is kept, and the same command goes on", status=1)
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(error if error.filename is None else f"{str(error.filename)!r}: {error.strerror}")
    except ImportError as error:
        advice = how_to_install(error)
        if advice is None:
            raise
        fail(advice)
    return status


def _help() -> str:
    lines = [f"  {name:<10}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: noisylab COMMAND [OPTIONS]",
            "",
            *lines,
            "",
            "noisylab COMMAND --help explains the options of a command; noisylab list KIND lists what they can name.",
            "--plugin FILE (repeatable) adds what a Python file registers, for any command.",
        ]
    )
