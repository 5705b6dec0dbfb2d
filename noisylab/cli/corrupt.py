"""Corrupt the labels of a data set or of a file, report the result, and save it.

Example: noisylab corrupt --data cifar10 --noise asymmetric:0.4 --seed 1 --save noise.npz --plot noise.png
A file of labels needs no data set: noisylab corrupt --labels train.csv --noise symmetric:0.4 --out given.csv
"""

import contextlib
import csv
import io
import json
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisylab.cli.arguments import parse_command_line
from noisylab.core.checks import NonNegativeInt, PositiveInt, check_fields
from noisylab.core.files import check_output, make_output, write_atomically
from noisylab.core.foreign_text import begins_like_formula
from noisylab.core.registries import DATA_SETS, NOISES
from noisylab.core.specs import Spec
from noisylab.corruption.class_numbers import have_other_numbers

if TYPE_CHECKING:
    from noisylab.corruption import NoisyLabels
    from noisylab.data.image_data import ImageData

# Formats of the given labels, and of the picture.
_LABEL_FILES = (".csv", ".txt", ".json", ".npy")
_PICTURES = (".png", ".pdf")


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    labels: Path | None = None
    """File of true labels, .npy, .json, .txt, .csv or .tsv (None: those of --data)."""
    column: str | None = None
    """The column with the labels, if --labels has several."""
    by: str | None = None
    """The column that says which sample a row of --labels is (position: none, rows are in order)."""
    num_classes: PositiveInt | None = None
    """Number of classes of --labels (None: the classes are the labels that occur)."""
    data: str | None = None
    """Data set (spec; noisylab list data; None: digits, unless there are --labels)."""
    data_root: Path | None = None
    """Folder of downloaded data sets and human labels (None: data)."""
    train_size: PositiveInt | None = None
    """A stratified subset of this many samples (None: all)."""
    noise: str = "symmetric:0.4"
    """Label noise (spec; noisylab list noise)."""
    seed: NonNegativeInt = 0
    """Seed of the noise."""
    save: Path | None = None
    """File for the record, .npz; NoisyLabels.load reads it (None: not saved)."""
    out: Path | None = None
    """File for the given labels: .csv (with ids and true labels), .txt, .json or .npy (None: none)."""
    plot: Path | None = None
    """Picture of the matrices and rates, .png or .pdf; mislabelled examples go to *_examples (None: none)."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name, kinds in (("save", (".npz",)), ("out", _LABEL_FILES), ("plot", _PICTURES)):
            path = getattr(self, name)
            if path is not None and path.suffix.lower() not in kinds:
                raise ValueError(f"--{name} must end in {' or '.join(kinds)}, got {str(path)!r}")
        if self.labels is None and not {self.column, self.by, self.num_classes} <= {None}:
            raise ValueError("--column, --by and --num-classes are for --labels FILE")
        if self.labels is not None and self.data is not None:
            raise ValueError("--labels and --data are given; the labels to corrupt come from one of them")
        if self.labels is not None and self.out is not None and self.out.absolute() == self.labels.absolute():
            raise ValueError(f"--out {str(self.out)!r} is the file of --labels, which would be lost; name another one")
        if self.labels is not None and self.train_size is not None:
            raise ValueError("--train-size is for --data; with --labels all labels are corrupted")


def main(args: Sequence[str]) -> int:
    """Make the noise, report it, and write the requested files."""
    arguments = parse_command_line(Arguments, "corrupt", __doc__, args)
    # Check names before importing anything heavy.
    spec = NOISES.parse(arguments.noise, {"mapping": "digits"})
    source = DATA_SETS.parse(arguments.data or "digits") if arguments.labels is None else None
    if source is not None:
        _check_human(spec, source)
    for path in (arguments.save, arguments.out, arguments.plot):
        if path is not None:
            check_output(path.absolute().parent)
    data: ImageData | None = None
    if source is not None:
        from noisylab.data.image_data import load_data

        data = load_data(source, arguments.data_root, arguments.train_size)
        spec = NOISES.parse(arguments.noise, data.noise_defaults)
        inputs = data.noise_inputs
        ids: dict[str, Any] = {"index": data.train_ids}
        name = source.label
    else:
        spec = NOISES.parse(arguments.noise)
        with _options_as_written("column", "by"):
            inputs, ids = _inputs(arguments)
        name = Path(arguments.labels or "").stem
    # The number of classes is an option for labels in a file only.
    with _options_as_written("num_classes") if source is None else contextlib.nullcontext():
        noisy = NOISES.create(spec, **inputs, seed=arguments.seed)
    # Refuse outside images that do not fit before printing or writing anything.
    images = None if data is None else _images(data, noisy)
    noisy.report()
    for path in (arguments.save, arguments.out, arguments.plot):
        if path is not None:
            make_output(path.absolute().parent)
    if arguments.save is not None:
        noisy.save(arguments.save)
        print(f"saved {arguments.save}")
    if arguments.out is not None:
        # Labels that a file gave by name are written by name; those of a data set are numbers, in its own numbering.
        names = noisy.class_names
        write_labels(noisy, arguments.out, names if data is None or (names and have_other_numbers(names)) else None, ids)
        print(f"wrote {arguments.out}")
        if formulas := _formulas(noisy, arguments.out) if data is None else []:
            warnings.warn(f"a spreadsheet would run the label {formulas[0]!r} in {arguments.out} as a formula", stacklevel=2)
    if arguments.plot is not None:
        names = data.class_names if data else noisy.class_names
        _draw(noisy, images, names, f"{spec.label} on {name}, seed {arguments.seed}", arguments.plot)
    return 0


@contextlib.contextmanager
def _options_as_written(*names: str) -> Iterator[None]:
    """Say these options in a ValueError as the command line writes them: `--by position` for `by='position'`."""
    try:
        yield
    except ValueError as error:
        pattern = rf"\b({'|'.join(names)})=(?:'([^']*)'|(\w*))"
        raise ValueError(re.sub(pattern, lambda found: _written(found[1], found[2] or found[3]), str(error))) from None


def _written(name: str, value: str) -> str:
    return f"--{name.replace('_', '-')}" + (f" {shlex.quote(value)}" if value else "")


def write_labels(
    noisy: "NoisyLabels",
    path: Path,
    names: Sequence[str] | None = None,
    ids: Mapping[str, Sequence[Any] | np.ndarray] | None = None,
) -> None:
    """Write the given labels, or their names: one a line, a list, an array, or a table with ids and true labels.

    ids: columns that say which sample a row is, for all samples that the noise was made for.
    """
    given, true = (part if names is None else np.array(names)[part] for part in (noisy.given, noisy.true))
    ending = path.suffix.lower()
    if ending == ".npy":
        array = io.BytesIO()
        np.save(array, given)
        write_atomically(path, array.getvalue())
    elif ending == ".json":
        write_atomically(path, json.dumps(given.tolist()))
    else:
        table = io.StringIO()
        rows: Any = given[:, None]
        if ending == ".csv":
            kept = np.arange(len(noisy)) if noisy.positions is None else noisy.positions
            columns = {name: [values[at] for at in kept] for name, values in (ids or {}).items()}
            rows = [(*columns, "given", "true"), *zip(*columns.values(), given, true, strict=True)]
        csv.writer(table, lineterminator="\n").writerows(rows)
        write_atomically(path, table.getvalue())


def _formulas(noisy: "NoisyLabels", path: Path) -> list[str]:
    """The names of classes that a spreadsheet would run; labels are data, so they are written to the file as they are."""
    return [name for name in noisy.class_names or () if path.suffix not in (".npy", ".json") and begins_like_formula(name)]


def _inputs(arguments: Arguments) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs of the noise if there are only labels, and the columns that say which sample is which.

    The file is the data: samples are in the order of its rows or, if it counts them in another order, in that of their numbers.
    """
    from noisylab.corruption.label_files import own_order

    assert arguments.labels is not None
    labels, ids, ordered_by = own_order(arguments.labels, arguments.column, arguments.by)
    if ordered_by is not None:
        print(f"samples are in the order of the column {ordered_by!r}, not of the rows")
    if arguments.num_classes is None and labels.dtype.kind in "iu":
        held = np.unique(labels)
        if len(held) <= held[-1]:
            # As in data sets: the classes are those that occur, named by their numbers.
            labels = labels.astype(str)
            print(f"the classes are the {len(held)} labels that occur, {held[0]} to {held[-1]}; --num-classes keeps the others")
    root = None if arguments.data_root is None else str(arguments.data_root)
    names = next((values for values in ids.values() if isinstance(values[0], str)), None)
    return {"labels": labels, "num_classes": arguments.num_classes, "root": root, "sample_names": names}, ids


def _images(data: "ImageData", noisy: "NoisyLabels") -> Any:
    """The images of the labels, in their order. Raises ValueError if outside images do not fit."""
    if not _counted(noisy):
        return data.with_noise(noisy).train_images
    images = data.train_images
    return images if noisy.positions is None else images.take(noisy.positions, axis=0)


def _counted(noisy: "NoisyLabels") -> bool:
    """Whether only the number of outside images is known, which is enough for a report."""
    return noisy.replaced_by is not None and not isinstance(noisy.parameters["outside"], str)


def _draw(noisy: "NoisyLabels", images: Any, names: Sequence[str] | None, title: str, path: Path) -> None:
    """Draw the matrices and rates and, if there are images, examples."""
    import matplotlib

    matplotlib.use("Agg")
    from noisylab.plotting.corruption import corruption_figure, examples_figure

    drawn = corruption_figure(noisy, names=names, title=title)
    write_atomically(path, drawn.rendered(path.suffix[1:]))
    print(f"drew {path}")
    if images is not None and noisy.mislabelled.any():
        beside = path.with_stem(f"{path.stem}_examples")
        drawn = examples_figure(noisy, images, names=names, outside_known=not _counted(noisy))
        write_atomically(beside, drawn.rendered(beside.suffix[1:]))
        print(f"drew {beside}")


def _check_human(noise: Spec, data: Spec) -> None:
    """Raise ValueError if human labels, even inside another noise, belong to another data set."""
    # These may be any data set.
    if data.name in ("npz", "folder", "hf"):
        return
    for variant in [part.options["variant"] for part in NOISES.nested_specs(noise) if part.name == "human"]:
        name, kind = variant.split("n_")
        if name != data.name:
            true = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}[name]
            raise ValueError(f"{variant} holds labels of {true}'s images, and {data.name} is not {true}")
        if name == "cifar100" and kind != data.options["classes"]:
            raise ValueError(f"{variant} holds {kind} labels, which are those of --data cifar100:{kind}")
