"""Run a study: a named one, one from a file, or a grid of your own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisylab.cli.arguments import grouped, parse_command_line, taken
from noisylab.core.checks import PositiveInt, check_fields
from noisylab.core.files import check_output, expanded
from noisylab.core.lines import counted
from noisylab.core.plugins import load_plugins
from noisylab.core.registries import METHODS, NAMED_STUDIES
from noisylab.core.specs import Spec, parse_assignments
from noisylab.core.system import without_collections
from noisylab.named_studies.named_study import NamedStudy
from noisylab.study.grid import Grid, seeds_of
from noisylab.study.recipes import with_recipes

if TYPE_CHECKING:
    import pandas
    from rich.console import Console

    from noisylab.study.plan import Plan
    from noisylab.study.pool import Failure
    from noisylab.training.config import TrainConfig

_HELP = """
The options below change the defaults of the study. `noisylab list methods` (noise, models, data, augmentations) lists their
names, and `noisylab list studies` lists the other studies.

--seeds 5 means the five seeds 0 to 4; two or more numbers are the seeds themselves; --seeds [7] is seed 7 alone.
--config FILE reads the settings from a TOML file (epochs = 40, methods = ["ce", "dlb"], ...) or from a study's study.json.
The TOML file can also hold out, jobs, engine, plugins (a list of files) and study (the name of a study).

The same command again finishes what is missing and repeats nothing."""


# Changes of these settings leave the stack of a named study out.
STACKED_WITH = {"data", "model", "over", "compile", "precision"}


@dataclass(frozen=True)
class Execution:
    """Further axes, the folder of the runs, and how many run at once."""

    over: tuple[str, ...] = ()
    """Further axes, KEY=VALUE,VALUE,... each, such as batch_size=32,64 model=resnet20,resnet32; every combination is run."""
    out: Path = Path("runs/study")
    """Folder of the runs, tables and figures."""
    jobs: PositiveInt | None = None
    """Runs at once, each in a process (None: CPU cores / threads, or 1 on an accelerator)."""
    engine: str = "local"
    """What trains the runs (spec): local, "local(gpus=(0, 1))", dask:tcp://HOST:PORT, dask:SCHEDULER_FILE."""
    retry_failed: bool = False
    """Try runs again that failed by themselves (diverged, out of device memory, an error of the method)."""
    verify: bool = True
    """Compare every file of the finished runs with its digest, and do damaged runs again."""
    checkpoint_every: PositiveInt = 60
    """Seconds between two checkpoints of a run; a signal that asks to stop keeps all finished epochs (seconds)."""
    dry_run: bool = False
    """Say what would be run and about how long it takes, and run nothing."""


@dataclass(frozen=True)
class Besides:
    """What a TOML file can hold besides settings of the grid."""

    study: str = "noise_sweep"
    plugins: tuple[str, ...] = ()
    out: str | None = None
    jobs: PositiveInt | None = None
    engine: str = "local"

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    grid: Grid = field(default_factory=Grid)
    execution: Execution = field(default_factory=Execution)


def main(args: Sequence[str]) -> int:
    """Run a study, show its results, and return 1 if runs failed."""
    files, args = taken("--config", args)
    settings, besides, grid = _from_file(files)
    # A study's own file holds its contrasts, and not those of the study that is named here.
    keeps_contrasts = grid is not None
    name = args.pop(0) if args and not args[0].startswith("-") else besides.study
    if Path(name).suffix in (".toml", ".json"):
        raise ValueError(f"unknown study {name!r} (did you mean --config {name}?)")
    load_plugins(besides.plugins)
    scales, args = taken("--scale", args)
    spec = _scaled(NAMED_STUDIES.parse(name), scales)
    study: NamedStudy = NAMED_STUDIES.create(spec)
    out = Path("runs") / "-".join([spec.name, *scales]) if besides.out is None else expanded(besides.out)
    given = {option.removeprefix("--").replace("-", "_") for option in grouped(args)}
    if grid is None:
        # Another network may be slower in a stack, or have none.
        changed = given | {key.replace("-", "_") for key in settings}
        stack = 1 if changed & STACKED_WITH else study.stack
        grid = _changed(replace(study.grid, training=replace(study.grid.training, stack=stack)), settings, files)
    # An option on the command line replaces the axis of the named study.
    axes = {key: values for key, values in grid.over.items() if key not in given}
    defaults = Arguments(replace(grid, over={}), Execution(_written(axes), out, besides.jobs, besides.engine))
    description = f"{NAMED_STUDIES.entries()[spec.name].documentation}\n{_HELP}"
    arguments = parse_command_line(Arguments, f"sweep {name}", description, args, defaults, {"--seeds": expand_seeds})
    execution = arguments.execution
    check_fields(execution)
    if "over" in given and not execution.over:
        raise ValueError("--over must name an axis: --over batch_size=32,64")
    if execution.over != defaults.execution.over:
        axes = parse_assignments(execution.over)
    for key in axes.keys() & given:
        raise ValueError(f"--{key.replace('_', '-')} and --over {key}=... are given; one of them is enough")
    grid = replace(arguments.grid, over=axes)
    check_output(execution.out)
    if study.follow_up is not None and not grid.validation:
        raise ValueError(f"study {spec.name} chooses on validation samples, got --validation 0; write --validation 0.1")
    with without_collections():
        from noisylab.report.console import Terminal, say
        from noisylab.report.progress import ConsoleProgress
        from noisylab.study.plan import is_remote, plan
        from noisylab.study.run_folder import refuse_run
        from noisylab.study.runner import default_jobs, run_plan
        from noisylab.study.workers import prepare_workers

        remote = is_remote(execution.engine)
        if execution.jobs is not None and remote:
            raise ValueError(f"--jobs is for the engine local, and the workers of {execution.engine} are counted by themselves")

        def on_missing(training: "TrainConfig") -> None:
            if not (remote or execution.dry_run) and (execution.jobs or default_jobs(training)) > 1:
                prepare_workers()

        refuse_run(execution.out)
        planned = plan(grid, study=execution.out, engine=execution.engine, on_missing=on_missing)
    if execution.dry_run:
        from noisylab.cli.dry_run import describe

        print(describe(planned, execution.out, execution.jobs, remote=remote))
        return 0
    console, unwritten = Terminal(), list[str]()

    def run(study: NamedStudy, planned: "Plan") -> "tuple[list[Failure], pandas.DataFrame]":
        progress = ConsoleProgress(console)
        failures = run_plan(
            planned,
            execution.out,
            jobs=execution.jobs,
            engine=execution.engine,
            observer=progress,
            retry_failed=execution.retry_failed,
            verify=execution.verify,
            checkpoint_seconds=float(execution.checkpoint_every),
            contrasts=() if keeps_contrasts else planned_contrasts(study, planned.grid),
        )
        unwritten.extend(progress.unwritten)
        return failures, finished_runs(planned, execution.out)

    failures, results = run(study, planned)
    if study.follow_up is not None and len(results):
        study, said = study.follow_up(grid, results)
        say(console, said)
        planned = plan(study.grid, study=execution.out, engine=execution.engine)
        more, results = run(study, planned)
        failures += more
    with without_collections():
        unwritten += show(study, planned, results, failures, execution.out, console)
    for said in dict.fromkeys(unwritten):
        say(console, said)
    return 1 if failures or unwritten else 0


def _scaled(spec: Spec, scales: Sequence[str]) -> Spec:
    """A named study at the scale of `--scale`, if that is given."""
    if not scales:
        return spec
    if len(scales) > 1 or "scale" not in spec.options:
        known = [name for name, entry in NAMED_STUDIES.entries().items() if "scale" in entry.options]
        problem = f"got {' and '.join(scales)}" if len(scales) > 1 else f"{spec.name} has none"
        raise ValueError(f"--scale is given once, for one of {', '.join(known)}; {problem}")
    scaled = NAMED_STUDIES.parse(f"{spec.name}(scale={scales[0]!r})")
    return replace(spec, options={**spec.options, "scale": scaled.options["scale"]})


def finished_runs(plan: "Plan", out: Path) -> "pandas.DataFrame":
    """The results of the finished runs of a plan, in its order."""
    from noisylab.study.run_folder import read_result
    from noisylab.study.study_results import as_table, in_order

    held = [result for config in plan.configs if (result := read_result(out / config.id)) is not None]
    return in_order(as_table(held), [config.id for config in plan.configs])


def show(
    study: NamedStudy,
    plan: "Plan",
    results: "pandas.DataFrame",
    failures: "Sequence[Failure]",
    out: Path,
    console: "Console",
) -> list[str]:
    """Show the finished runs as the named study asks, and name the runs that are missing. Returns what cannot be written."""
    # Plotting takes seconds to import, and help and refusals do not need it.
    from noisylab.report import study_report
    from noisylab.study.study_file import study_contrasts

    finished = set(results.get("id", ()))
    return study_report.show(
        results,
        out,
        contrasts=study_contrasts(out, results) if len(results) else (),
        by=plan.grid.compared_within,
        figures=study.figures,
        formats=study.formats,
        analyses=study.analyses,
        console=console,
        failures={failure.config.id: failure.reason for failure in failures},
        missing=[config.id for config in plan.configs if config.id not in finished],
        fewer=fewer_seeds(plan, finished),
    )


def planned_contrasts(study: NamedStudy, grid: Grid) -> list[tuple[str, str]]:
    """The contrasts of a named study between methods of the grid, as tables name them."""
    labels = [METHODS.parse(method).label for method in _as_planned(grid.methods, grid)]
    pairs = [[METHODS.parse(method).label for method in _as_planned(pair, grid)] for pair in study.contrasts]
    return [(method, baseline) for method, baseline in pairs if {method, baseline} <= {*labels}]


def _as_planned(methods: Sequence[str], grid: Grid) -> tuple[str, ...]:
    return with_recipes(methods, "paper" if grid.recipe == "paper" else "common", grid.data, grid.training)


def fewer_seeds(plan: "Plan", finished: Collection[str]) -> list[str]:
    """A line for every method under a noise that lacks runs: `dlb under symmetric:0.4: 4 of 5 seeds`."""
    from noisylab.study.result import labels_of

    if all(config.id in finished for config in plan.configs):
        return []
    there: dict[tuple[str, ...], list[bool]] = {}
    for config in plan.configs:
        labels = labels_of(config, plan.data[config.data_digest].noise_defaults)
        varied = [f"{name}={getattr(config.training, name)}" for name in plan.grid.over if hasattr(config.training, name)]
        there.setdefault((labels["method"], labels["noise"], *varied), []).append(config.id in finished)
    return [
        f"{', '.join([f'{method} under {noise}', *varied])}: {sum(done)} of {counted(len(done), 'seed')}"
        for (method, noise, *varied), done in there.items()
        if not all(done)
    ]


def _from_file(files: Sequence[str]) -> tuple[dict[str, Any], Besides, Grid | None]:
    """What a TOML file says: settings, and what is no setting of the grid; or the grid of a study.json, with its folder."""
    if len(files) > 1:
        raise ValueError(f"--config takes one file, got {', '.join(files)}")
    if not files:
        return {}, Besides(), None
    import tomllib

    from noisylab.study.study_file import grid_from

    path = expanded(files[0])
    if path.suffix == ".json":
        return {}, Besides(out=str(path.parent)), grid_from(path)
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
        named = {field.name: held.pop(field.name) for field in fields(Besides) if field.name in held}
        if isinstance(named.get("plugins"), list):
            named["plugins"] = tuple(named["plugins"])
        return held, Besides(**{"out": str(Path("runs") / path.stem)} | named), None
    except OSError as error:
        raise ValueError(f"{files[0]!r} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{files[0]!r}: {error}") from None


def _changed(grid: Grid, settings: Mapping[str, Any], files: Sequence[str]) -> Grid:
    """The grid with the settings of a file; a setting replaces the axis of its name."""
    if not settings:
        return grid
    written = {key.replace("-", "_"): value for key, value in settings.items()}
    axes = written.get("over", {})
    held = {key: value for key, value in grid.as_json().items() if not (isinstance(axes, Mapping) and key in axes)}
    held["over"] = {key: values for key, values in held["over"].items() if key not in written}
    try:
        return Grid.from_mapping({**held, **written})
    except ValueError as error:
        raise ValueError(f"{files[0]!r}: {error}") from None


def _written(axes: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
    """The axes in the form of --over."""
    return tuple(f"{key}={','.join(map(str, values))}" for key, values in axes.items())


def expand_seeds(values: Sequence[str]) -> list[str]:
    """The seeds that the values of --seeds mean: `3` is 0 1 2, `[7]` is 7, and several are themselves."""
    text = " ".join(values)
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1].replace(",", " ").split()
    return [str(seed) for seed in seeds_of(int(text))] if text.isdecimal() else list(values)
