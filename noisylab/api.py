"""noisylab from Python: run a study, open one, and ask it for tables, records, figures, a report, and its networks."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas

from noisylab.analysis.tables import compare, summarise
from noisylab.core.files import check_folder, check_output, make_output
from noisylab.core.plugins import load_plugins
from noisylab.corruption import NoisyLabels
from noisylab.recording.records import load_dynamics
from noisylab.study.grid import Grid, check_axis, check_values, seeds_of
from noisylab.study.objects import data_spec, method_spec, model_spec, noise_spec
from noisylab.study.plan import plan
from noisylab.study.pool import Failure, end_if_imported_by_a_worker
from noisylab.study.run_folder import CONFIG, collect, read_result
from noisylab.study.runner import Observer, run_plan
from noisylab.study.study_file import STUDY, planned_runs

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
    seeds: int | Sequence[int] = 3,
    data: Any = "digits",
    model: str | Callable[..., Any] = "small_cnn",
    over: Mapping[str, Sequence[Any]] | None = None,
    jobs: int | None = 1,
    plugins: Sequence[Paths] = (),
    progress: bool = True,
    **settings: Any,
) -> "Study":
    """Run every method under every noise with every seed, and whatever else is to vary, in the folder `out`.

    The same call again finishes what is missing and repeats nothing, whatever interrupted it.

    Args:
        out: folder of the study.
        methods: specs such as "dlb(alpha=3)", or classes derived from `Method`; the first is the baseline of differences.
        noise: specs such as "symmetric:0.4", or `NoisyLabels` of the training samples.
        seeds: how many, counted from 0, or the seeds themselves.
        data: a spec such as "cifar10", an `ImageData`, or a pair (training set, test set) of map-style data sets.
        model: a spec such as "resnet32", or a function (num_classes, in_channels) that makes a network.
        over: further axes, as {"batch_size": [64, 128], "augment": ["auto", "cutmix"]}; every combination is run.
        jobs: runs at once; 1 runs in this process, None as many as the machine has cores for. More than one need a script's
            `if __name__ == "__main__":`.
        plugins: files that register methods, noise kinds, data sets, ... of your own.
        progress: whether to show how it goes.
        **settings: of the training and of the grid, such as epochs=40, learning_rate=0.1, train_size=5000, augment="none".

    Returns:
        The study, with `failures` for the runs that failed.

    Raises:
        ValueError: for whatever cannot be run, before any training starts.

    Example:
        >>> study = sweep("runs/mine", methods=["ce", "dlb"], noise="symmetric:0.4", seeds=2, epochs=2, progress=False)
        >>> study.summary()[["method", "n"]].values.tolist()
        [['ce', 2], ['dlb', 2]]
    """
    end_if_imported_by_a_worker()
    load_plugins([Path(path).expanduser() for path in plugins])
    folder = Path(out).expanduser()
    check_output(folder)
    make_output(folder)
    axes = {check_axis(name): check_values(f"over {name}", values) for name, values in (over or {}).items()}
    named = {"data": lambda value: data_spec(value, folder), "model": model_spec}
    grid = Grid.from_mapping(
        {
            **settings,
            "methods": tuple(method_spec(method) for method in _several(methods)),
            "noise": tuple(noise_spec(each, folder) for each in _several(noise)),
            "seeds": seeds_of(seeds),
            "data": data_spec(data, folder),
            "model": model_spec(model),
            "over": {name: tuple(map(named.get(name, lambda value: value), values)) for name, values in axes.items()},
        }
    )
    planned = plan(grid)
    main = [code.source for config in planned.configs for code in config.code if code.source == "__main__"]
    if main and jobs != 1:
        raise ValueError(
            f"jobs={jobs} needs code that other processes can import, and some is defined in this script; pass jobs=1"
        )
    from noisylab.report.progress import ConsoleProgress

    failures = run_plan(planned, folder, jobs=jobs, observer=ConsoleProgress() if progress else Observer())
    return Study(folder, tuple(failures))


def open_study(path: Paths) -> "Study":
    """The study in a folder, with all its finished runs.

    Raises ValueError if there is none, or if another version of noisylab wrote it.

    Example:
        >>> _ = sweep("runs/one", methods="ce", noise="symmetric:0.4", seeds=1, epochs=1, progress=False)
        >>> len(open_study("runs/one").results)
        1
    """
    folder = Path(path).expanduser()
    check_folder(folder)
    if (folder / CONFIG).is_file():
        raise ValueError(f"{str(folder)!r} is the folder of a run; its study is {str(folder.absolute().parent)!r}")
    study = Study(folder)
    if not (folder / STUDY).is_file() and study.results.empty:
        raise ValueError(f"{str(folder)!r} is not the folder of a study: it holds no {STUDY} and no finished run")
    return study


@dataclass(frozen=True)
class Study:
    """A study's folder: what was run in it, and what can be made of that. `where` chooses runs by their settings.

    Attributes:
        path: the folder.
        failures: the runs that failed in the call of `sweep` that returned this.
    """

    path: Path
    failures: tuple[Failure, ...] = field(default=(), compare=False)

    @property
    def results(self) -> pandas.DataFrame:
        """One row a finished run: its settings, its last, mean and best test accuracy, what it memorised, what it cost."""
        return collect(self.path)

    def summary(self, by: Sequence[str] = (), where: Mapping[str, Any] | None = None) -> pandas.DataFrame:
        """One row per noise and method (and per value of each setting in `by`): mean and 95 % interval over seeds."""
        return summarise(self._chosen(where), by=by)

    def compare(
        self, baselines: Sequence[str] | None = None, by: Sequence[str] = (), where: Mapping[str, Any] | None = None
    ) -> pandas.DataFrame:
        """Differences in test accuracy at the last epoch, paired by seed, with Holm-corrected p-values.

        baselines: methods that all others are compared with; None: the first one.
        """
        return compare(self._chosen(where), baselines=baselines, by=by)

    def records(
        self,
        method: str | None = None,
        noise: str | None = None,
        seed: int | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> "xarray.Dataset":
        """The per-sample records of one run, as `load_dynamics` gives them.

        Raises ValueError, with what there is to choose from, unless one run fits.
        """
        return load_dynamics(self.path / str(self._run(method, noise, seed, where)["id"]))

    def network(
        self,
        method: str | None = None,
        noise: str | None = None,
        seed: int | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> "TrainedNetwork":
        """The trained network of one run, in evaluation mode, with its normalisation: it takes images uint8[B, C, H, W].

        Raises ValueError, with what there is to choose from, unless one run fits.
        """
        from noisylab.study.trained_network import load_network

        return load_network(self.path / str(self._run(method, noise, seed, where)["id"]))

    def figure(
        self,
        name: str,
        *,
        noise: str | None = None,
        methods: Sequence[str] = (),
        where: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> "DrawnFigure":
        """A figure by name (`noisylab list figures`), with its numbers and caption.

        Raises ValueError with the reason if the runs have nothing to show in it.
        """
        from noisylab.plotting.catalogue import draw_figure
        from noisylab.plotting.study_runs import study_runs

        return draw_figure(name, study_runs(self.path, noise=noise, methods=tuple(methods), where=where), **options)

    def report(
        self,
        path: Paths | None = None,
        *,
        noise: str | None = None,
        where: Mapping[str, Any] | None = None,
        samples: bool = True,
    ) -> Path:
        """Write the page with tables, figures and the sample explorer; it opens without a network. None: `report.html`."""
        from noisylab.core.files import write_atomically
        from noisylab.plotting.study_runs import study_runs
        from noisylab.report.page import build_page, explore

        file = self.path / "report.html" if path is None else Path(path).expanduser()
        runs = study_runs(self.path, noise=noise, where=where)
        page = build_page(runs, explored=explore(runs) if samples else None)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, page)
        return file

    def status(self) -> pandas.DataFrame:
        """One row a planned run, with `state`: done, begun (it goes on from its checkpoint) or planned. No data is read."""
        rows = []
        for run in planned_runs(self.path):
            folder = self.path / run["id"]
            state = "done" if read_result(folder) is not None else "begun" if (folder / CONFIG).is_file() else "planned"
            rows.append({**run, "state": state})
        return pandas.DataFrame(rows)

    def _chosen(self, where: Mapping[str, Any] | None) -> pandas.DataFrame:
        from noisylab.analysis.tables import choose

        results = self.results
        if results.empty:
            raise ValueError(f"no run in {str(self.path)!r} has finished")
        return choose(results, where or {})

    def _run(
        self, method: str | None, noise: str | None, seed: int | None, where: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        asked = {"method": method, "noise": noise, "seed": seed}
        rows = self._chosen({**{key: value for key, value in asked.items() if value is not None}, **(where or {})})
        if len(rows) != 1:
            columns = [name for name in rows.columns if name in ("method", "noise", "seed", *(where or {}))]
            choices = "; ".join(f"{name}: {', '.join(map(str, rows[name].unique()[:8]))}" for name in columns)
            raise ValueError(f"{len(rows)} runs fit, and one is needed; choose by {choices}")
        return dict(rows.iloc[0])


def _several(values: Any) -> Sequence[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]
