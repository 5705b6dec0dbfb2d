"""noisylab from Python: run or open a study, and get its tables, records, figures, report and networks."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas

from noisylab.analysis.comparisons import compare, primary_contrasts, usual_pairs
from noisylab.analysis.tables import SETTINGS, choose, several, summarise
from noisylab.core.checks import PositiveInt, check_value
from noisylab.core.files import check_folder, check_output, expanded, make_output
from noisylab.core.plugins import load_plugins
from noisylab.core.registries import ENGINES
from noisylab.corruption import NoisyLabels
from noisylab.study.grid import Grid, check_values
from noisylab.study.objects import data_spec, method_spec, model_spec, noise_spec, record_label
from noisylab.study.plan import plan
from noisylab.study.pool import Failure, end_if_imported_by_a_worker
from noisylab.study.run_folder import read_result, refuse_run
from noisylab.study.runner import Observer, run_plan
from noisylab.study.states import states
from noisylab.study.study_file import STUDY, read_plans, study_contrasts
from noisylab.study.study_results import collect
from noisylab.study.verify import read_records

if TYPE_CHECKING:
    import xarray

    from noisylab.methods.base import Method
    from noisylab.plotting.drawn_figure import DrawnFigure
    from noisylab.study.trained_network import TrainedNetwork

Paths = str | os.PathLike[str]


def sweep(
    out: Paths,
    *,
    methods: "str | type[Method] | Sequence[str | type[Method]]" = ("ce", "repeat", "dlb"),
    noise: str | NoisyLabels | Sequence[str | NoisyLabels] = ("symmetric:0", "symmetric:0.4"),
    seeds: int | Sequence[int] = 5,
    data: Any = "digits",
    model: str | Callable[..., Any] = "small_cnn",
    over: Mapping[str, Sequence[Any]] | None = None,
    jobs: int | None = 1,
    engine: str = "local",
    plugins: Sequence[Paths] = (),
    progress: bool = True,
    retry_failed: bool = False,
    **settings: Any,
) -> "Study":
    """Run every method under every noise with every seed, for every value of further axes, in the folder `out`.

    The same call again finishes what is missing, and repeats nothing.

    Args:
        out: Folder of the study.
        methods: Specs such as "dlb(alpha=3)", or classes derived from `Method`; the first is the baseline of differences.
        noise: Specs such as "symmetric:0.4", or `NoisyLabels` of the training samples.
        seeds: Their number (counted from 0), or the seeds themselves.
        data: A spec such as "cifar10", an `ImageData`, or a pair (training set, test set) of map-style data sets.
        model: A spec such as "resnet32", or a function (num_classes, in_channels) that makes a network.
        over: Further axes, such as {"batch_size": [64, 128], "augment": ["auto", "cutmix"]}; every combination is run.
        jobs: Runs at once. 1 runs in this process; None uses all CPU cores. More than one needs
            `if __name__ == "__main__":` in a script. Only the engine `local` has it.
        engine: What trains the runs, as a spec: "local", "local(gpus=(0, 1))", "dask:tcp://HOST:PORT", "dask:SCHEDULER_FILE".
        plugins: Files that register your own methods, noise kinds, data sets, ...
        progress: Whether to show the progress.
        retry_failed: Try runs again that failed by themselves in an earlier call (diverged, out of device memory, an error of
            the method).
        **settings: Settings of the training and of the grid, such as epochs=40, learning_rate=0.1, train_size=5000,
            augment="none".

    Returns:
        The study; `failures` are the runs that failed.

    Raises:
        ValueError: Before any training starts, if something cannot be run.
        EngineLostError: If the engine is lost; the same call goes on.

    Example:
        >>> study = sweep("runs/mine", methods=["ce", "dlb"], noise="symmetric:0.4", seeds=2, epochs=2, progress=False)
        >>> study.summary()[["method", "n"]].values.tolist()
        [['ce', 2], ['dlb', 2]]
    """
    end_if_imported_by_a_worker()
    load_plugins(several("plugins", plugins))
    if jobs is not None:
        check_value("jobs", jobs, PositiveInt)
    folder = _folder(out)
    over = over or {}
    if not isinstance(over, Mapping):
        raise ValueError(f"over must be a mapping of settings to values, as {{'batch_size': [32, 64]}}, got {over!r}")
    specs: dict[str, Callable[[Any], str]] = {"data": lambda value: data_spec(value, folder), "model": model_spec}
    grid = Grid.from_mapping(
        {
            **settings,
            "methods": tuple(method_spec(method) for method in _one_or_more(methods)),
            "noise": tuple(noise_spec(each, folder) for each in _one_or_more(noise)),
            "seeds": seeds,
            # An axis replaces what is there by default.
            **{
                name: specs[name](value)
                for name, value, usual in (("data", data, "digits"), ("model", model, "small_cnn"))
                if name not in over or value != usual
            },
            "over": {
                name: tuple(map(specs[name], check_values(f"over {name}", values))) if name in specs else values
                for name, values in over.items()
            },
        }
    )
    planned = plan(grid, study=folder, engine=engine)
    main = [code.source for config in planned.configs for code in config.code if code.source == "__main__"]
    if main and (jobs != 1 or str(ENGINES.parse(engine)) != str(ENGINES.parse("local"))):
        what = f"jobs={jobs}" if jobs != 1 else f"engine {engine!r}"
        raise ValueError(
            f"{what} needs code that other processes can import, and some is defined in this script; "
            "put it in a file, or pass jobs=1"
        )
    from noisylab.report.progress import ConsoleProgress

    observer = ConsoleProgress() if progress else Observer()
    failures = run_plan(planned, folder, jobs=jobs, engine=engine, observer=observer, retry_failed=retry_failed)
    for failure in failures:
        warnings.warn(f"run {failure.config.id} failed: {failure.reason}", stacklevel=2)
    return Study(folder, tuple(failures))


def _folder(out: Paths) -> Path:
    """The folder of a study, made if it is not there. Raises ValueError if it cannot be one."""
    folder = expanded(out)
    if not str(out).strip():
        raise ValueError("out must name a folder, got an empty text")
    refuse_run(folder)
    check_output(folder)
    make_output(folder)
    return folder


def open_study(path: Paths) -> "Study":
    """Open the study in a folder, with all its finished runs.

    Args:
        path: Folder of the study.

    Returns:
        The study.

    Raises:
        ValueError: If there is no study, or if another version of noisylab wrote it.

    Example:
        >>> _ = sweep("runs/one", methods="ce", noise="symmetric:0.4", seeds=1, epochs=1, progress=False)
        >>> len(open_study("runs/one").results)
        1
    """
    folder = expanded(path)
    check_folder(folder)
    refuse_run(folder)
    study = Study(folder)
    read_plans(folder)
    if not (folder / STUDY).is_file() and study.results.empty:
        raise ValueError(f"{str(folder)!r} is not the folder of a study: it holds no {STUDY} and no finished run")
    return study


@dataclass(frozen=True)
class Study:
    """A study: its results, and everything that can be made from them.

    Attributes:
        path: The folder.
        failures: The runs that failed in the call of `sweep` that returned this study.

    Example:
        >>> study = sweep("runs/two", methods=["ce", "dlb"], noise="symmetric:0.4", seeds=1, epochs=2, progress=False)
        >>> study.records(method="dlb")["loss"].dims
        ('epoch', 'sample')
    """

    path: Path
    failures: tuple[Failure, ...] = field(default=(), compare=False)

    @property
    def results(self) -> pandas.DataFrame:
        """One row per finished run: settings, exposure, and measures."""
        return collect(self.path)

    def summary(
        self, by: Sequence[str] = (), where: Mapping[str, Any] | None = None, columns: Sequence[str] | None = None
    ) -> pandas.DataFrame:
        """Mean and half of the 95 % interval over seeds.

        Args:
            by: Settings whose values are kept apart.
            where: Settings of the runs to use, such as {"epochs": 40}.
            columns: The measures, columns of numbers of `results`; by default those of the first table.

        Returns:
            One row per value of `by`, noise and method.

        Raises:
            ValueError: If the runs differ in a setting that is not in `by`, or a column is not one of numbers.
        """
        return summarise(self._chosen(where), by, columns)

    def contrasts(
        self,
        contrasts: Sequence[tuple[str, str] | str] | None = None,
        by: Sequence[str] = (),
        where: Mapping[str, Any] | None = None,
        measure: str = "test_accuracy_last",
        methods: Sequence[str] = (),
    ) -> pandas.DataFrame:
        """Differences between methods pooled over the noisy settings of a seed, with Holm-corrected p-values and power.

        Args:
            contrasts: Pairs of a method and its baseline, or texts such as "dlb - repeat"; by default those of the named study
                that was run, or "dlb - repeat" and "dlb - ce", or else every method against the first one.
            by: Settings whose values are kept apart.
            where: Settings of the runs to use, such as {"epochs": 40}.
            measure: A column of numbers of `results`.
            methods: Only the rows of these methods; by default all. The p-values stay those of the whole study.

        Returns:
            One row per value of `by` and contrast (see `noisylab.analysis.comparisons.primary_contrasts`).

        Raises:
            ValueError: If the runs differ in a setting that is not in `by`, or no run is of a method.
        """
        results = self._chosen(where)
        asked = study_contrasts(self.path, results) if contrasts is None else contrasts
        return primary_contrasts(results, asked, measure, by, methods=methods)

    def compare(
        self,
        baselines: Sequence[str] | None = None,
        by: Sequence[str] = (),
        where: Mapping[str, Any] | None = None,
        measure: str = "test_accuracy_last",
        methods: Sequence[str] = (),
    ) -> pandas.DataFrame:
        """Differences between methods under each noise, paired by seed, with Holm-corrected p-values.

        Args:
            baselines: Methods that all others are compared with; by default CE and repeat, as far as they were run, or else
                the first one. The primary contrasts are added then, and stand alone if there is neither CE nor repeat.
            by: Settings whose values are kept apart.
            where: Settings of the runs to use, such as {"epochs": 40}.
            measure: A column of numbers of `results`.
            methods: Only the rows of these methods; by default all. The p-values stay those of the whole study.

        Returns:
            One row per value of `by`, noise and pair of methods.

        Raises:
            ValueError: If the runs differ in a setting that is not in `by`, or no run is of a baseline.
        """
        results = self._chosen(where)
        pairs = usual_pairs(results, study_contrasts(self.path, results)) if baselines is None else None
        return compare(results, measure, baselines, by, contrasts=pairs, methods=methods)

    def write_tables(
        self,
        out: Paths,
        formats: "Sequence[Literal['csv', 'md', 'tex']]" = ("csv", "md", "tex"),
        *,
        baselines: Sequence[str] | None = None,
        contrasts: Sequence[tuple[str, str] | str] | None = None,
        by: Sequence[str] = (),
        where: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = None,
        measure: str = "test_accuracy_last",
        methods: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> list[Path]:
        """Write the tables `summary`, `contrasts` and `comparisons` as files: CSV, Markdown and LaTeX.

        Args:
            out: The folder.
            formats: Of the files.
            baselines: As of `compare`.
            contrasts: As of `contrasts`.
            by: Settings whose values are kept apart.
            where: Settings of the runs to use, such as {"epochs": 40}.
            columns: The measures of the summary; by default `measure`, with a column per noise.
            measure: A column of numbers of `results`.
            methods: The methods to show, in this order; by default all. The p-values stay those of the whole study.
            labels: Names of methods and noises by spec: `{"dlb(alpha=3)": "DLB, strong"}`.
            name: Beginning of the files' names and of their labels in LaTeX, for several choices from one study:
                `NAME-summary.tex` is `tab:NAME-summary`; by default `summary.tex` is `tab:STUDY-summary`.

        Returns:
            The paths of the files.

        Raises:
            ValueError: As `summary`, `contrasts` and `compare`, and for an unknown format.
            OSError: If some files cannot be written, as on a full disk; it names them, and the others are there.
        """
        from noisylab.plotting.study_runs import study_runs
        from noisylab.report.table_files import Format, write_tables

        for each in several("formats", formats):
            check_value("formats", each, Format)
        self._chosen(where)
        folder = expanded(out)
        check_output(folder)
        runs = study_runs(self.path, methods=several("methods", methods), where=where, labels=labels)
        primary = self.contrasts(contrasts, by, where, measure, runs.methods)
        comparisons = self.compare(baselines, by, where, measure, runs.methods)
        make_output(folder)
        shown: dict[str, Any] = {"formats": formats, "measure": measure, "by": by, "columns": columns, "names": runs.names}
        shown |= {"study": self.path.resolve().name, "name": name, "tested": runs.tested, "coverage": runs.coverage}
        written, unwritten = write_tables(folder, runs.ordered, primary, comparisons, **shown)
        if unwritten:
            raise OSError("; ".join(unwritten))
        return written

    def records(
        self,
        run: "str | Mapping[str, Any] | pandas.Series[Any] | None" = None,
        *,
        method: str | None = None,
        noise: str | NoisyLabels | None = None,
        seed: int | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> "xarray.Dataset":
        """The per-sample records of one run, over epoch and sample (see `load_dynamics`).

        Args:
            run: The id of the run, or its row of `results`; or choose by the other arguments.
            method: The method, as the tables name it.
            noise: The noise, as the tables name it, or the record that was given to `sweep`.
            seed: The seed.
            where: Further settings of the run.

        Raises:
            ValueError: Unless exactly one run fits; the message lists the choices.
        """
        return read_records(self._run(run, method, noise, seed, where))

    def network(
        self,
        run: "str | Mapping[str, Any] | pandas.Series[Any] | None" = None,
        *,
        method: str | None = None,
        noise: str | NoisyLabels | None = None,
        seed: int | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> "TrainedNetwork":
        """The trained network of one run, in evaluation mode, for images uint8[B, C, H, W] (it normalises them).

        Arguments and errors are those of `records`.
        """
        from noisylab.study.trained_network import load_network

        return load_network(self._run(run, method, noise, seed, where))

    def figure(
        self,
        name: str,
        *,
        noise: str | None = None,
        methods: Sequence[str] = (),
        where: Mapping[str, Any] | None = None,
        data_root: Paths | None = None,
        labels: Mapping[str, str] | None = None,
        width: "Literal['column', 'page'] | float" = "page",
        venue: str | None = None,
        style: Paths | Sequence[Paths] = (),
        title: bool = True,
        panels: PositiveInt | None = None,
        **options: Any,
    ) -> "DrawnFigure":
        """Draw a figure.

        Args:
            name: A name or spec (`noisylab list figures`).
            noise: The noise, which figures of several noises show alone; by default as many as fit, and for figures of single
                samples the one with the highest realised rate.
            methods: The methods to draw, in this order; by default all that fit.
            where: Settings of the runs to draw.
            data_root: Where the data are, for figures that show images, if they are not where they were.
            labels: Names of methods, noises and data by spec: `{"dlb(alpha=3)": "DLB, strong"}`.
            width: "column", "page" or inches.
            venue: Where the figure will appear, such as "icml": its widths, text height, fonts and font sizes.
            style: Styles of matplotlib, names or files, on top of ours and the venue's.
            title: Whether the figure has its title above it; the caption says the same.
            panels: The most noises, methods or contrasts with a panel of their own; by default as many as fit.
            **options: Options of the figure.

        Returns:
            The figure with its numbers and caption.

        Raises:
            ValueError: If the runs have nothing to show in it; the message gives the reason.
        """
        from noisylab.plotting.catalogue import draw_figure
        from noisylab.plotting.study_runs import study_runs

        chosen: dict[str, Any] = {"noise": noise, "methods": several("methods", methods), "where": where}
        runs = study_runs(self.path, **chosen, data_root=data_root, labels=labels)
        return draw_figure(name, runs, width=width, venue=venue, style=style, title=title, panels=panels, **options)

    def report(
        self,
        path: Paths | None = None,
        *,
        noise: str | None = None,
        where: Mapping[str, Any] | None = None,
        samples: bool = True,
        columns: Sequence[str] | None = None,
        data_root: Paths | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Path:
        """Write an HTML page with tables, figures and a sample explorer. It opens without a network.

        Args:
            path: The file; by default `report.html` in the study's folder.
            noise: The noise with which the samples open; by default the one with the highest realised rate.
            where: Settings of the runs to show.
            samples: Whether to include the sample explorer.
            columns: The measures of the first table; by default the usual ones.
            data_root: Where the data are, if they are not where they were.
            labels: Names of methods, noises and data by spec: `{"dlb(alpha=3)": "DLB, strong"}`.

        Returns:
            The path of the file.
        """
        from noisylab.report.page import write_report

        file = self.path / "report.html" if path is None else expanded(path)
        if file.is_dir():
            raise ValueError(f"path must be a file, and {str(file)!r} is a folder; write {str(file / 'report.html')!r}")
        check_output(file.parent)
        return write_report(
            self.path, file, noise=noise, where=where, columns=columns, samples=samples, data_root=data_root, labels=labels
        )

    def status(self) -> pandas.DataFrame:
        """One row per planned run, with `state`: done, running, failed, begun (it continues from its checkpoint) or planned.

        `where` names the process that is at a run, `epoch` and `epochs` say how far it is, `reason` why it failed.
        """
        return pandas.DataFrame(states(self.path))

    def _chosen(self, where: Mapping[str, Any] | None) -> pandas.DataFrame:
        results = self.results
        if results.empty:
            reasons = "".join(f"; {failure.config.id} failed: {failure.reason}" for failure in self.failures[:1])
            raise ValueError(f"no run in {str(self.path)!r} has finished{reasons}")
        return choose(results, where)

    def _run(self, run: Any, method: str | None, noise: Any, seed: int | None, where: Mapping[str, Any] | None) -> Path:
        """The folder of the one run that is meant."""
        if run is not None:
            name = run if isinstance(run, str) else run["id"]
            if read_result(self.path / str(name)) is None:
                raise ValueError(f"{str(self.path)!r} has no finished run {str(name)!r}; study.results names them")
            return self.path / str(name)
        noise = record_label(noise) if isinstance(noise, NoisyLabels) else noise
        asked = {"method": method, "noise": noise, "seed": seed}
        rows = self._chosen({**{key: value for key, value in asked.items() if value is not None}, **(where or {})})
        if len(rows) != 1:
            varied = [name for name in rows.columns if name in ("method", "noise", "seed", "code", *SETTINGS, *(where or {}))]
            held = {name: list(dict.fromkeys(map(str, rows[name]))) for name in varied}
            choices = "; ".join(f"{name}: {', '.join(values[:8])}" for name, values in held.items() if len(values) > 1)
            raise ValueError(f"{len(rows)} runs fit, and one is needed; choose by {choices or 'run=ID'}")
        return self.path / str(rows["id"].iloc[0])


def _one_or_more(values: Any) -> Sequence[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]
