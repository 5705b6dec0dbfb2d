"""Corrupt the labels of a data set, look at what came out, and keep it.

For instance: python -m noisylab.corruption --data cifar10 --noise asymmetric:0.4 --seed 1 --save noise.npz --plot noise.png
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from noisylab.checks import Count, Natural, check_fields
from noisylab.cli import check_output, describe_specs, fail, interruptible, make_output, parse_command_line
from noisylab.registries import DATA, NOISE


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    data: str = "digits"
    """Data set (spec): digits, cifar10, cifar100, npz:PATH, folder:PATH."""
    data_root: Path | None = None
    """Folder where downloaded data sets and human labels lie, or are put (None: data)."""
    train_size: Count | None = None
    """A stratified subset of this many samples (None: all)."""
    noise: str = "symmetric:0.4"
    """Label noise (spec)."""
    seed: Natural = 0
    """Seed of the noise."""
    save: Path | None = None
    """File for the record, read again by NoisyLabels.load (None: not kept)."""
    plot: Path | None = None
    """File for the matrices and rates, .png or .pdf; mislabelled examples go beside it as *_examples (None: none)."""
    describe: str | None = None
    """Print the convention, formula and source of this noise kind or preset, and do nothing else."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.plot is not None and self.plot.suffix not in (".png", ".pdf"):
            raise ValueError(f"--plot must end in .png or .pdf, got {str(self.plot)!r}")
        if self.save is not None and self.save.suffix != ".npz":
            raise ValueError(f"--save must end in .npz, got {str(self.save)!r}")


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
    NOISE.parse(arguments.noise, {"mapping": "digits"})
    DATA.parse(arguments.data)
    for path in (arguments.save, arguments.plot):
        if path is not None:
            check_output(path.absolute().parent)
    from noisylab.data.base import load_data

    data = load_data(DATA.parse(arguments.data), arguments.data_root, arguments.train_size)
    spec = NOISE.parse(arguments.noise, data.noise_defaults)
    noisy = NOISE.create(spec, **data.noise_inputs, seed=arguments.seed)
    # What cannot be drawn is said before anything is written.
    trained_on = None if arguments.plot is None or not noisy.flipped.any() else data.under(noisy)
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
    title = f"{spec.label} on {DATA.parse(arguments.data).label}, seed {arguments.seed}"
    figure, _ = corruption_figure(noisy, names=data.class_names, title=title)
    write_figure(figure, arguments.plot)
    print(f"drew {arguments.plot}")
    if trained_on is not None:
        beside = arguments.plot.with_stem(f"{arguments.plot.stem}_examples")
        write_figure(examples_figure(noisy, trained_on.train_images, names=data.class_names), beside)
        print(f"drew {beside}")


if __name__ == "__main__":
    sys.exit(interruptible(main))
