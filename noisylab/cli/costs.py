"""Measure what every method costs: Table 1 of the DLB paper with time and memory, beside the paper's own entries.

Hooks count forward and backward passes and networks while the training loop runs. Step time and peak memory are relative to the
baseline, with equally many entries a batch. Images are random, so no data set is needed.

The default, resnet20 at 32x32 on one core, takes about 20 seconds a method. Expect DLB to need one forward and one backward
pass in one network, to update its targets every batch, and to take the time and memory of `repeat`. A quick look:

    noisylab costs --data digits --model small_cnn
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from noisylab.cli.arguments import parse_command_line
from noisylab.core.checks import Bound, PositiveInt, check_fields
from noisylab.core.files import check_output, make_output
from noisylab.core.foreign_text import for_csv, one_line
from noisylab.core.lines import counted
from noisylab.core.registries import DATA_SETS, METHODS, MODELS
from noisylab.core.signatures import REQUIRED
from noisylab.core.suggestions import did_you_mean
from noisylab.core.system import Device, resolve_device_name
from noisylab.costs.table import COLUMNS, PAPER, SHOWN
from noisylab.data.image_data import check_root, load_data

if TYPE_CHECKING:
    from rich.console import Console

    from noisylab.costs.measure import Costs
    from noisylab.costs.workload import Workload


@dataclass(frozen=True)
class Measured:
    """What is measured."""

    methods: tuple[str, ...] | None = None
    """Training methods (specs), in the order of the table (None: all that need no option)."""
    baseline: str = "ce"
    """Method (spec) that step time and peak memory are relative to."""
    model: str = "resnet20"
    """Network (spec)."""
    data: str | None = None
    """Data set (spec) whose image shape and number of classes are used (None: --shape and --classes)."""
    data_root: Path | None = None
    """Folder of downloaded data sets (None: data)."""
    shape: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 32, 32)
    """Channels, height and width of an image."""
    classes: Annotated[int, Bound(ge=2)] = 10
    """Number of classes."""
    batch_size: PositiveInt = 128
    """Entries of a batch (images), the repeated ones included; even."""


@dataclass(frozen=True)
class Measuring:
    """How it is measured."""

    epochs: Annotated[int, Bound(ge=2)] = 12
    """Length of the short runs, long enough for a method to fill its memory (epochs)."""
    turns: Annotated[int, Bound(ge=2)] = 15
    """Interleaved measurements of a method and the baseline; the median of their ratios counts."""
    threads: PositiveInt = 1
    """CPU threads."""
    device: Device = "auto"
    """Where to measure: auto is cuda, else mps, else cpu."""
    columns: tuple[str, ...] = tuple(name.replace(" ", "_") for name in SHOWN)
    """Columns of the printed table: smoothing, no_teacher, no_change, forward, backward, nets, label_update, images, all_nets,
    trainings, step_time, memory. The files have all."""
    out: Path = Path("runs/cost_table")
    """Folder for cost_table.csv and cost_table.tex."""


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    measured: Measured = field(default_factory=Measured)
    measuring: Measuring = field(default_factory=Measuring)


def main(args: Sequence[str]) -> int:
    """Check, measure method by method, and write the table."""
    arguments = parse_command_line(Arguments, "costs", __doc__, args)
    what, how = arguments.measured, arguments.measuring
    methods, left_out = check(what, how)
    device = resolve_device_name(how.device)
    shape, classes = what.shape, what.classes
    if what.data is not None:
        data = load_data(DATA_SETS.parse(what.data), what.data_root)
        shape, classes = data.shape, data.num_classes
    # From here on torch is imported.
    from noisylab.costs.workload import Workload

    workload = Workload(what.model, shape, classes, what.batch_size, how.epochs, steps_per_epoch=1)
    workload.check([what.baseline, *methods])
    make_output(how.out)

    from noisylab.report.console import Terminal, say

    console = Terminal()
    if left_out:
        say(console, f"not measured, because they need options: {', '.join(left_out)}", wrap=True)
    rows, failed = measure_all(methods, workload, what.baseline, how, device, console)
    if rows:
        report(rows, workload, what.baseline, how, device, console)
    return 1 if failed else 0


def check(what: Measured, how: Measuring) -> tuple[list[str], list[str]]:
    """The methods to measure, and those left out because they need options. Raises ValueError for bad arguments."""
    check_fields(what)
    check_fields(how)
    check_root(what.data_root)
    check_output(how.out)
    known = [name.replace(" ", "_") for name in COLUMNS]
    for name in how.columns:
        if name not in known:
            meant = did_you_mean(name, known)
            raise ValueError(f"--columns must name columns of the table, got {name!r}{meant}; there are {', '.join(known)}")
    if what.batch_size % 2:
        raise ValueError(f"batch_size must be even, because half of a batch may repeat another one, got {what.batch_size}")
    MODELS.parse(what.model)
    METHODS.parse(what.baseline)
    if what.data is not None:
        DATA_SETS.parse(what.data)
    if what.methods is None:
        entries = METHODS.entries()
        needy = [name for name, e in entries.items() if any(option.default is REQUIRED for option in e.options.values())]
        # The baseline, then the paper's methods in its order, then the others by name.
        first = [METHODS.parse(what.baseline).name, *PAPER]
        ordered = dict.fromkeys([name for name in first if name in entries] + list(entries))
        return [name for name in ordered if name not in needy], needy
    if not what.methods:
        raise ValueError("--methods must name at least one")
    labels = [METHODS.parse(method).label for method in what.methods]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f"--methods names {label!r} twice")
    return list(what.methods), []


def measure_all(
    methods: Sequence[str], workload: "Workload", baseline: str, how: Measuring, device: Device, console: "Console"
) -> tuple[list["Costs"], list[str]]:
    """The costs of the methods, and the methods that could not be measured; prints the reasons."""
    import torch

    from noisylab.costs.measure import measure
    from noisylab.costs.speed import Stepper
    from noisylab.report.console import say
    from noisylab.training.device import repeatable

    rows: list[Costs] = []
    failed: list[str] = []
    with repeatable(torch.device(device), how.threads):
        if device == "cuda":
            # CUDA's libraries allocate memory for themselves in the first steps; no method should be charged for it.
            Stepper(workload, baseline, torch.device(device))
        standard = Stepper(workload, baseline, torch.device(device))
        for done, method in enumerate(methods, start=1):
            try:
                rows.append(measure(workload, method, standard, device, turns=how.turns))
            except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
                # A method that cannot be measured must not cost the table of the others.
                failed.append(method)
                reason = one_line(f"{type(error).__name__}: {error}")
                say(console, f"failed: {method}: {reason}", wrap=True)
            else:
                say(console, f"[{done}/{len(methods)}] {rows[-1].method}", wrap=True)
    return rows, failed


def caption(workload: "Workload", baseline: str, how: Measuring, device: Device, columns: Sequence[str] = COLUMNS) -> str:
    """The caption of the table with some of its columns."""
    where = counted(how.threads, "CPU thread") if device == "cpu" else device
    model, held_to = MODELS.parse(workload.model).label, METHODS.parse(baseline).label
    meanings = {
        "no change": "No change: of the architecture",
        "images": "Images, all nets: images through the measured network and through all networks (passes without gradient "
        f"too), per training sample and epoch of a run of {counted(workload.epochs, 'epoch')}",
        "trainings": "Trainings: those of finished teachers counted in",
    }
    left_out = [name.replace(" ", "_") for name in COLUMNS[1:] if name not in columns]
    said = [
        "Costs of a training step, measured; in brackets the entries of Shen et al. (2022), Table 1",
        *(text for name, text in meanings.items() if name in columns),
        f"Step time (median of {how.turns} turns [quartiles]) and peak memory over those of {held_to}, all with "
        f"{workload.batch_size} entries a batch: {model}, {'x'.join(map(str, workload.shape))} images, {where}",
        *([f"More columns (--columns): {', '.join(left_out)}"] if left_out else []),
    ]
    return ". ".join(said)


def report(
    rows: Sequence["Costs"], workload: "Workload", baseline: str, how: Measuring, device: Device, console: "Console"
) -> None:
    """Print the table, and write it as CSV and LaTeX."""
    import pandas
    import torch

    from noisylab.core.files import write_atomically
    from noisylab.costs.table import cost_table, record
    from noisylab.report.console import say

    out, shown = how.out, [name.replace("_", " ") for name in how.columns]
    settings = {
        "baseline": METHODS.parse(baseline).label,
        "model": MODELS.parse(workload.model).label,
        "shape": "x".join(map(str, workload.shape)),
        "classes": workload.num_classes,
        "batch_size": workload.batch_size,
        "epochs": workload.epochs,
        "device": device,
        "threads": how.threads,
        "torch": torch.__version__,
    }
    cost_table(rows, caption(workload, baseline, how, device, shown), shown).print(console)
    write_atomically(out / "cost_table.csv", for_csv(pandas.DataFrame([record(row) | settings for row in rows])))
    write_atomically(out / "cost_table.tex", cost_table(rows, caption(workload, baseline, how, device)).latex("tab:costs"))
    say(console, f"\nAll columns:\n{out / 'cost_table.csv'}\n{out / 'cost_table.tex'}")
