"""One run, with its metrics as they come: one method under one noise with one seed.

The default is DLB on scikit-learn's digits under symmetric noise of 0.4. The run's folder is like those of a study, so figures,
the report, and a larger study with the same --out and settings use it too; the default --budget of a study is images. The same
command again continues an interrupted run.

Settings of the method's own follow it after an @: --method "elr@learning_rate=0.02,weight_decay=1e-3".

With `torchrun --nproc-per-node 4 -m noisylab train ...` four processes train one network together, each on its own GPU, or all
on the CPU. --batch-size is the global batch size. Each process trains on its share of every batch and keeps its own half-batch
for DLB.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Literal

from noisylab.cli.arguments import parse_command_line
from noisylab.cli.ending import fail
from noisylab.core.checks import NonNegativeInt, PositiveInt, check_fields
from noisylab.core.files import check_output, make_output
from noisylab.core.lines import counted, folded
from noisylab.core.system import is_rank_zero, resolve_device_name, torchrun_processes
from noisylab.data.image_data import ImageData, check_root, load_data
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run_config import Budget, Record, RunConfig, Select, Share
from noisylab.training.config import TrainConfig

# Heading, format and width of each column; in percent if the heading says so.
SHOWN = {
    "epoch": ("epoch", "d", 5),
    "train_loss": ("loss", ".3f", 7),
    "test_accuracy": ("test %", ".1f", 6),
    "clean_correct": ("clean %", ".1f", 7),
    "mislabelled_correct": ("recovered %", ".1f", 11),
    "mislabelled_memorised": ("memorised %", ".1f", 11),
    "learning_rate": ("rate", ".4g", 9),
    "images_per_second": ("images/s", ",.0f", 8),
}


@dataclass(frozen=True)
class Place:
    """The folder of the run, and logging."""

    out: Path = Path("runs/train")
    """Folder of the study that the run belongs to."""
    tensorboard: bool = False
    """Also write the metrics for TensorBoard, into the run's folder (extra `tensorboard`)."""
    sync_batch_norm: bool = False
    """Under torchrun: batch norm with the statistics of all processes, instead of each with its own."""


@dataclass(frozen=True)
class Run:
    """What to train."""

    data: str = "digits"
    """Data set (spec; noisylab list data)."""
    data_root: Path | None = None
    """Folder of downloaded data sets (None: data)."""
    train_size: PositiveInt | None = None
    """Train on a stratified subset of this many samples (None: all)."""
    model: str = "small_cnn"
    """Network (spec; noisylab list models)."""
    method: str = "dlb"
    """Training method (spec; noisylab list methods)."""
    noise: str = "symmetric:0.4"
    """Label noise (spec; noisylab list noise)."""
    seed: NonNegativeInt = 0
    """Seed of initialisation, order and augmentation."""
    noise_seed: NonNegativeInt | None = None
    """Seed of the noise (None: --seed)."""
    augment: str = "auto"
    """Augmentation (spec; noisylab list augmentations); auto is the data set's own."""
    budget: Budget = "epochs"
    """Epochs as given, or what a study with this budget gives the method (noisylab sweep --help)."""
    recipe: Literal["common", "paper"] = "common"
    """Training settings: those below, or in their place the published ones of the method, if there are any."""
    record: Record = "online"
    """Per-sample records of the training steps (free), or of an extra pass over the training set after each epoch."""
    validation: Share = 0.0
    """Share of the noisy training data that is held out, stratified by given label, to choose the epoch (0: none)."""
    select: Select = "last"
    """The epoch whose network counts besides the last: none, or the best on the validation data."""
    test_size: PositiveInt | None = None
    """Test on a stratified subset of this many samples (None: all)."""
    evaluate_every: PositiveInt = 1
    """Test after every so many epochs; after each of the last ten in any case (epochs)."""


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    run: Run = field(default_factory=Run)
    training: TrainConfig = field(default_factory=TrainConfig)
    place: Place = field(default_factory=Place)


def main(args: Sequence[str]) -> int:
    """Train, show every epoch, and summarise."""
    arguments = parse_command_line(Arguments, "train", __doc__, args)
    one, place = arguments.run, arguments.place
    check_fields(one)
    shared = {each.name: getattr(one, each.name) for each in fields(one) if each.name not in ("method", "noise", "seed")}
    training = replace(
        arguments.training,
        device=resolve_device_name(arguments.training.device),
        processes=torchrun_processes(),
        sync_batch_norm=place.sync_batch_norm,
    )
    grid = Grid(methods=(one.method,), noise=(one.noise,), seeds=(one.seed,), training=training, **shared)
    check_root(grid.data_root)
    check_output(place.out)
    with ExitStack() as stack:
        try:
            if training.processes > 1:
                from noisylab.core.distributed import joined, main_first

                stack.enter_context(joined(training.device))
                with main_first():
                    data = load_data(grid.data, grid.data_root, grid.train_size)
            else:
                data = load_data(grid.data, grid.data_root, grid.train_size)
            planned = plan(grid, data)
            (config,) = planned.configs
            tell = tensorboard(place.out / config.id) if place.tensorboard and is_rank_zero() else None
            make_output(place.out)
        except ValueError as error:
            # Print before the process group ends.
            fail(error)
        return run(config, planned.data[config.data_digest], place.out, tell)


def run(config: RunConfig, data: ImageData, out: Path, tell: Callable[[Mapping[str, Any]], None] | None) -> int:
    """Train one run in the folder `out`; rank 0 prints its progress."""
    from noisylab.data.image_files import UnreadableError
    from noisylab.study.failure import RunLockedError
    from noisylab.study.run import run_one
    from noisylab.study.study_results import write_results
    from noisylab.training.loop import DivergedError

    say = print if is_rank_zero() else lambda *_, **__: None
    say(f"{config.id} in {out}")
    say("  ".join(f"{title:>{width}}" for title, _, width in SHOWN.values()))

    def show(row: Mapping[str, Any]) -> None:
        texts = []
        for name, (title, style, width) in SHOWN.items():
            value = (100 if "%" in title else 1) * row[name] + (name == "epoch")
            # Mixed images have no prediction of one class.
            texts.append(f"{'-' if math.isnan(value) else format(value, style):>{width}}")
        say("  ".join(texts), flush=True)
        if tell is not None:
            tell(row)

    try:
        result = run_one(config, data, out, on_row=show)
    except RunLockedError:
        fail(f"run {config.id} is locked by another process")
    except DivergedError as error:
        fail(f"run {config.id}: {error}", all_ranks=True)
    except UnreadableError as error:
        fail(error, all_ranks=True)
    if not is_rank_zero():
        return 0
    write_results(out)
    ran = f"{result['method']} under {result['noise']} (realised {100 * result['realised_rate']:.1f} %), seed {result['seed']}"
    last, last10 = result["test_accuracy_last"], result["test_accuracy_last10"]
    of_ten = "" if math.isnan(last10) else f", {100 * last10:.1f} % in the mean of the last ten"
    print(folded(f"{ran}: test accuracy {100 * last:.1f} % at the last epoch{of_ten}", get_terminal_size().columns))
    images, updates = counted(result["images_processed"], "image"), counted(result["updates"], "update")
    print(f"{images} in {updates}, {result['seconds']:.1f} s")
    return 0


def tensorboard(folder: Path) -> Callable[[Mapping[str, Any]], None]:
    """A function that writes each row of metrics for TensorBoard."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard"))

    def write(row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if name != "epoch":
                writer.add_scalar(name, value, row["epoch"])
        writer.flush()

    return write
