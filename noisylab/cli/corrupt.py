"""Corrupt the labels of a data set, look at what came out, and keep it.

For instance: python -m noisylab.cli.corrupt --data cifar10 --noise asymmetric:0.4 --seed 1 --save noise.npz --plot noise.png
"""

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from noisylab.cli.arguments import describe_specs, fail, interruptible, parse_command_line
from noisylab.core.checks import NonNegativeInt, PositiveInt, check_fields
from noisylab.core.files import check_output, make_output
from noisylab.core.registries import DATA_SETS, NOISES
from noisylab.core.specs import Spec


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    data: str = "digits"
    """Data set (spec): digits, cifar10, cifar100, cifar100:coarse, npz:PATH, folder:PATH."""
    data_root: Path | None = None
    """Folder where downloaded data sets and human labels lie, or are put (None: data)."""
    train_size: PositiveInt | None = None
    """A stratified subset of this many samples (None: all)."""
    noise: str = "symmetric:0.4"
    """Label noise (spec)."""
    seed: NonNegativeInt = 0
    """Seed of the noise."""
    save: Path | None = None
    """File for the record, .npz, read again by NoisyLabels.load (None: not kept)."""
    plot: Path | None = None
    """File for the matrices and rates, .png or .pdf; mislabelled examples go beside it as *_examples (None: none)."""
    describe: str | None = None
    """Print the convention, formula, source and options of this noise kind or preset, and do nothing else."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.save is not None and self.save.suffix != ".npz":
            raise ValueError(f"--save must end in .npz, got {str(self.save)!r}")
        if self.plot is not None and self.plot.suffix not in (".png", ".pdf"):
            raise ValueError(f"--plot must end in .png or .pdf, got {str(self.plot)!r}")


def main() -> int:
    """Run the command line."""
    assert __doc__
    try:
        arguments = parse_command_line(Arguments, f"{__doc__}\n{describe_specs()}")
        if arguments.describe is not None:
            from noisylab.corruption import describe

            describe(arguments.describe)
            return 0
        run(arguments)
    except ValueError as error:
        fail(error)
    return 0


def run(arguments: Arguments) -> None:
    """Make the noise, report it, and write what was asked for. Raises ValueError for what cannot be had."""
    # Names are checked before anything heavy is imported.
    _check_human(NOISES.parse(arguments.noise, {"mapping": "digits"}), DATA_SETS.parse(arguments.data))
    for path in (arguments.save, arguments.plot):
        if path is not None:
            check_output(path.absolute().parent)
    from noisylab.data.image_data import load_data

    data = load_data(DATA_SETS.parse(arguments.data), arguments.data_root, arguments.train_size)
    spec = NOISES.parse(arguments.noise, data.noise_defaults)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        noisy = NOISES.create(spec, **data.noise_inputs, seed=arguments.seed)
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)
    # The outside images may be counted without being there: that is enough for a report.
    counted = noisy.replaced_by is not None and not isinstance(noisy.parameters["outside"], str)
    images = data.train_images
    if noisy.positions is not None:
        images = images.take(noisy.positions, axis=0)
    # What does not fit is refused before anything is printed or written.
    if not counted:
        images = data.with_noise(noisy).train_images
    noisy.report()
    if arguments.save is not None:
        make_output(arguments.save.absolute().parent)
        noisy.save(arguments.save)
        print(f"saved {arguments.save}")
    if arguments.plot is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    from noisylab.plotting.corruption import corruption_figure, examples_figure
    from noisylab.plotting.style import write_figure

    make_output(arguments.plot.absolute().parent)
    title = f"{spec.label} on {DATA_SETS.parse(arguments.data).label}, seed {arguments.seed}"
    figure, _ = corruption_figure(noisy, names=data.class_names, title=title)
    write_figure(figure, arguments.plot)
    print(f"drew {arguments.plot}")
    if noisy.mislabelled.any():
        beside = arguments.plot.with_stem(f"{arguments.plot.stem}_examples")
        write_figure(examples_figure(noisy, images, names=data.class_names, outside_known=not counted), beside)
        print(f"drew {beside}")


def _check_human(noise: Spec, data: Spec) -> None:
    """Raise ValueError where human labels are asked for, be it inside another noise, on a data set that they are not of."""
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


if __name__ == "__main__":
    sys.exit(interruptible(main, "nothing more is written"))
