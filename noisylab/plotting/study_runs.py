"""`StudyRuns`: the finished runs of a study and their records, from which figures are drawn."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas

from noisylab.analysis.comparisons import CONTRASTS, usual_contrasts
from noisylab.analysis.display_names import DisplayNames, display_names
from noisylab.analysis.tables import (
    KEY,
    choose,
    differing_settings,
    known_method,
    known_noise,
    say_differences,
    several,
    training_length,
)
from noisylab.core.files import check_folder, expanded
from noisylab.core.foreign_text import short_names
from noisylab.plotting.captions import spread, which_seed
from noisylab.plotting.looks import Look, alike, looks, numbered
from noisylab.study.run_folder import CONFIG, RESULT, read_many_metrics
from noisylab.study.study_file import coverage, study_contrasts
from noisylab.study.study_results import collect
from noisylab.study.verify import read_records

if TYPE_CHECKING:
    import xarray

# The methods of every comparison get room before all others, and of these the one that is studied.
ANCHORS = ("dlb", "ce", "repeat")
# Number of methods that fit in a figure with a panel per method, and of lines that fit in a panel, unless the reader chose.
PANELS, LINES = 4, 8
# Characters of a name in a title.
LONGEST = 44
# Characters of a name without blanks, which no title over a column can break.
WORD = 30


@dataclass(frozen=True)
class StudyRuns:
    """Finished runs of a study, and the noise for figures of single samples. Made by `study_runs`.

    The runs may differ in any setting; a figure that cannot keep them apart refuses them.

    Attributes:
        results: The runs.
        folder: The folder of the study.
        noise: The noise.
        data_root: Folder of a downloaded data set.
        chosen: Whether the reader chose `noise`, so that figures of several noises show it alone.
        methods: The methods that the reader chose, all of which are drawn, in this order; none: as many as fit.
        names: What methods, noises and data are called.
        study: All runs of the study, among whose methods looks are allotted and over which p-values are corrected; None:
            `results`.
        panels: The most noises, methods or contrasts with a panel of their own; None: as many as fit.
    """

    results: pandas.DataFrame
    folder: Path
    noise: str
    data_root: Path | None = None
    chosen: bool = False
    methods: tuple[str, ...] = ()
    names: DisplayNames = field(default_factory=DisplayNames)
    study: pandas.DataFrame | None = None
    panels: int | None = None

    @cached_property
    def ordered(self) -> pandas.DataFrame:
        """The runs in the order of all figures: as they are, and under each noise the methods as the reader chose them."""
        return _by_methods(self.results, self.methods) if self.methods else self.results

    @cached_property
    def tested(self) -> pandas.DataFrame:
        """The runs over which p-values are corrected: those of the study that can be compared with `results`.

        So a difference has the same p whichever methods are chosen.
        """
        if self.study is None:
            return self.ordered
        alike = self.study[self.study[KEY].isin(self.results[KEY])] if KEY in self.study else self.study
        return self.ordered if differing_settings(alike).keys() - self.differing.keys() else alike

    @cached_property
    def contrasts(self) -> list[tuple[str, str]]:
        """The primary contrasts of the study."""
        return study_contrasts(self.folder, self.tested)

    @cached_property
    def looks(self) -> dict[str, Look]:
        """The look of every method, the same in all figures of the study."""
        order = list(dict.fromkeys(self.ordered["method"]))
        everyone = list(dict.fromkeys((self.results if self.study is None else self.study)["method"]))
        held = looks(everyone, self.names) if set(order) <= set(everyone) else looks(order, self.names)
        # If the looks of a whole study run out, those of the chosen methods may still do.
        return looks(order, self.names) if alike(held) else held

    def method_named(self, written: str) -> str:
        """The method of the study that is meant by a spec or by its own name. Raises ValueError if no run is of it."""
        return _method(written, self.results if self.study is None else self.study, self.names)

    def looks_of(self, methods: Iterable[str]) -> dict[str, Look]:
        """`looks` of some methods, in their order, with numbers if two of them are alike."""
        return numbered({method: self.looks[method] for method in dict.fromkeys(methods)})

    def fitting(self, rows: pandas.DataFrame, most: int = LINES) -> pandas.DataFrame:
        """The rows of as many methods as fit, in the order of `preferred`; of all methods that the reader chose."""
        return rows if self.methods else rows[rows["method"].isin(self.preferred(rows)[:most])]

    def room(self, most: int) -> int:
        """The number of panels of which `most` fit, if the reader wants no fewer."""
        return most if self.panels is None else min(most, self.panels)

    def part(self, shown: Iterable[str], rows: pandas.DataFrame | None = None, styles: Mapping[str, Look] | None = None) -> str:
        """A note for the title if not all methods (of `rows`; None: under `noise`) are shown, or if lines are numbered.

        styles: the looks in the figure (None: one for each method that is shown).
        """
        methods = set((self.under_noise if rows is None else rows)["method"])
        held = [method for method in dict.fromkeys(shown) if method in methods]
        left = f", {len(held)} of {len(methods)} methods" if len(held) < len(methods) else ""
        return left + (
            ", lines numbered since looks run out" if alike(self.looks_of(held) if styles is None else styles) else ""
        )

    def part_of_noises(self, shown: Sequence[str]) -> str:
        """A note for the title if not all noises are shown; those without mislabelled samples count if one of them is."""
        rates = self.ordered.groupby("noise", sort=False)["realised_rate"].max()
        noisy = set(rates.index[rates > 0])
        of_all = len(noisy) == len(rates) or not noisy.issuperset(shown)
        counted, called = (len(rates), "noises") if of_all else (len(noisy), "noisy settings")
        return f", {len(shown)} of {counted} {called}" if len(shown) < counted else ""

    def check_alike(self) -> None:
        """Raise ValueError if the study's runs differ in more than method, noise and seeds."""
        if self.differing:
            raise ValueError(say_differences(self.differing))

    @cached_property
    def differing(self) -> dict[str, list[Any]]:
        """The settings in which the runs differ, each with its values."""
        return differing_settings(self.results)

    @cached_property
    def under_noise(self) -> pandas.DataFrame:
        """The runs under `noise`. Raises ValueError if the study's runs differ in more than method, noise and seeds."""
        self.check_alike()
        return self.ordered[self.ordered["noise"] == self.noise]

    @cached_property
    def coverage(self) -> str:
        """How many of the planned runs are in, `2 of 4 runs`; empty for a finished study."""
        return coverage(self.folder, set(self.results["id"]))

    @property
    def title(self) -> str:
        """Data, network and length of training, as far as all runs agree, and how many runs of an unfinished study are in."""
        first = self.results.iloc[0]
        data, (model,) = self.names.data(first["data"]), short_names([first["model"]], LONGEST)
        data = data if len(data) <= WORD else f"{data[: WORD - 1]}…"
        said = {("data",): data + self.size, ("model",): model, ("budget", "epochs"): training_length(first)}
        agreed = [text for names, text in said.items() if not self.differing.keys() & set(names)]
        return ", ".join(filter(None, [*agreed, self.coverage]))

    @property
    def size(self) -> str:
        """The number of training samples behind the name of the data, ` (1,347 training samples)`, if all runs agree."""
        sizes = set(self.results.get("train_size", ()))
        return f" ({int(sizes.pop()):,} training samples)" if len(sizes) == 1 else ""

    @property
    def setting(self) -> str:
        """`title` with the noise."""
        return f"{self.title}, {self.noise_title}"

    @property
    def noise_title(self) -> str:
        """The name of the noise, in at most as many characters as fit in a title."""
        return self.names.short("noise", [self.noise], LONGEST)[self.noise]

    def records_title(self, shown: pandas.DataFrame) -> str:
        """`title` with the noise, the meaning of bands and the kind of record; shown: a row per method and run drawn."""
        over = spread(self.rows_of(shown))
        return f"{self.setting}{self.part(shown['method'])}\n{over}; {self.under_noise['record'].iloc[0]} records"

    def with_data_names(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """The rows with the names of their data sets, for figures that keep the values of a setting apart."""
        return rows.assign(data=rows["data"].map(self.names.data))

    def rows_of(self, shown: pandas.DataFrame) -> pandas.DataFrame:
        """The rows of `results` of some runs; shown: rows with `run`, or else `id`."""
        return self.results[self.results["id"].isin(shown["run" if "run" in shown else "id"])]

    def check_mislabelled(self) -> None:
        """Raise ValueError if no sample is mislabelled under `noise`."""
        if not self.under_noise["realised_rate"].any():
            raise ValueError(f"no sample is mislabelled under {self.noise}; choose another noise (--noise)")

    def nothing_recorded(self) -> ValueError:
        """The error for runs without predictions of single samples."""
        methods = ", ".join(self.under_noise["method"].unique())
        return ValueError(
            f"no single samples are recorded under {self.noise} ({methods}), because the images were mixed; "
            "run with record='eval' (--record eval)"
        )

    def metrics(self, noises: Sequence[str] | None = None) -> pandas.DataFrame:
        """`metrics.csv` of the runs under `noises` (None: `noise`), with columns run, noise and method.

        For as many methods as fit in a panel. Raises ValueError if the runs differ in more than method, noise and seeds.
        """
        self.check_alike()
        chosen = self.ordered[self.ordered["noise"].isin([self.noise] if noises is None else noises)]
        shown = self.fitting(chosen).set_index("id")
        found = read_many_metrics(self.folder, list(shown.index))
        return found.assign(noise=found["run"].map(shown["noise"]), method=found["run"].map(shown["method"]))

    def records(self) -> Iterator[tuple[str, str, "xarray.Dataset"]]:
        """Method, id and records of the runs under `noise` that have any, for as many methods as fit in a panel.

        Raises ValueError if none has any.
        """
        found = False
        for method, rows in self.fitting(self.under_noise).groupby("method", sort=False):
            for row in rows.sort_values("seed").to_dict("records"):
                records = read_records(self.folder / str(row["id"])).load()
                if _recorded(records):
                    found = True
                    yield str(method), str(row["id"]), records
        if not found:
            raise self.nothing_recorded()

    def one_per_method(
        self, most: int = PANELS, chosen: int | None = None, *, panels: bool = True
    ) -> "dict[str, xarray.Dataset]":
        """The records of the first seed of each method that has any (mixed images have none online), for as many as fit.

        Who gets room says `preferred`; all are in the order of figures.

        most, chosen: the number of methods that fit, and that of methods that the reader chose (None: as many as fit).
        panels: whether each has panels of its own.
        Raises ValueError if none has any.
        """
        found: dict[str, xarray.Dataset] = {}
        rows, fit = self.under_noise, max(most, chosen or 0) if self.methods else most
        fit = self.room(fit) if panels else fit
        order = list(dict.fromkeys(rows["method"]))
        for method in self.preferred(rows):
            records = read_records(self.folder / str(self.first_run(method)["id"]))
            if len(found) < fit and _recorded(records):
                found[method] = records.load()
        if not found:
            raise self.nothing_recorded()
        return {method: found[method] for method in order if method in found}

    def preferred(self, rows: pandas.DataFrame) -> list[str]:
        """The methods of some runs in the order in which they get room.

        It is the reader's; or else `ANCHORS`, the methods of the primary contrasts, and all others.
        """
        methods = list(dict.fromkeys(rows["method"]))
        if self.methods:
            return methods
        compared = [name for pair in usual_contrasts(rows, self.contrasts) for name in pair]
        return list(dict.fromkeys([*(name for name in ANCHORS if name in methods), *compared, *methods]))

    def first_recorded(self) -> "tuple[str, xarray.Dataset]":
        """A method under `noise` with the records of its first seed: the reader's first one, CE, or the first that has any.

        Raises ValueError if none has any.
        """
        methods = list(dict.fromkeys(self.under_noise["method"]))
        for method in methods if self.methods else sorted(methods, key=lambda name: name != "ce"):
            records = read_records(self.folder / str(self.first_run(method)["id"]))
            if _recorded(records):
                return str(method), records.load()
        raise self.nothing_recorded()

    def first_run(self, method: str) -> "pandas.Series[Any]":
        """The run of a method under `noise` with the first seed."""
        rows = self.under_noise[self.under_noise["method"] == method]
        return rows.sort_values(["seed", "noise_seed"]).iloc[0]

    def seed_shown(self, shown: Sequence[str]) -> str:
        """Which seed a figure of one run of each of some methods shows."""
        return which_seed(pandas.DataFrame([self.first_run(method) for method in shown]))

    def one_seed_title(self, shown: Sequence[str], more: str = "") -> str:
        """The title of a figure of the first seed of some methods; it says if there are more methods."""
        record = self.under_noise["record"].iloc[0]
        return f"{self.setting}{self.part(shown)}\n{record} records, {self.seed_shown(shown)}{more}"


def most_asked(contrasts: Sequence[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """As many contrasts as fit, DLB - repeat and DLB - CE before all others."""
    return sorted(contrasts, key=lambda pair: CONTRASTS.index(pair) if pair in CONTRASTS else len(CONTRASTS))[:most]


def _recorded(records: "xarray.Dataset") -> bool:
    """Whether the last epoch has the prediction of any sample."""
    return bool((records["prediction"][-1].values != records.attrs["missing"]).any())


def study_runs(
    folder: str | PathLike[str],
    *,
    noise: str | None = None,
    methods: Sequence[str] = (),
    where: Mapping[str, Any] | None = None,
    data_root: str | PathLike[str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> StudyRuns:
    """The finished runs in a study's folder.

    Args:
        folder: The folder of the study.
        noise: The noise for figures of single samples, as the tables name it; by default the one with the highest realised
            rate.
        methods: Keep only these methods, in this order, as tables or figures name them; by default all.
        where: Settings of the runs to keep (see `noisylab.analysis.tables.choose`).
        data_root: Folder of a downloaded data set, for figures that show images; by default data.
        labels: Own names of methods, noises and data sets, by spec: `{"dlb(alpha=3)": "DLB, strong"}`.

    Returns:
        The runs.

    Raises:
        ValueError: If the folder has no finished runs, or none with that noise, method or setting, or if a label names none.

    Example:
        >>> from noisylab.plotting.study_runs import study_runs
        >>> runs = study_runs("runs/noise_sweep", noise="symmetric:0.4", methods=["CE", "DLB"])  # doctest: +SKIP
        >>> runs.results["method"].unique().tolist()  # doctest: +SKIP
        ['ce', 'dlb']
    """
    place = expanded(folder)
    results = choose(_finished(place), where)
    study, names = results, display_names(labels or {}, results)
    order = tuple(_method(method, results, names) for method in several("methods", methods)) if methods else ()
    if order:
        results = _by_methods(results[results["method"].isin(order)], order)
    chosen = noise is not None
    if noise is None:
        noise = hardest_noise(results)
    else:
        own = [spec for spec in dict.fromkeys(results["noise"]) if names.noise(spec) == noise]
        noise = own[0] if own else known_noise(noise, results)
    root = None if data_root is None else expanded(data_root)
    return StudyRuns(results, place, noise, root, chosen, tuple(dict.fromkeys(order)), names, study)


def _method(written: str, results: pandas.DataFrame, names: DisplayNames) -> str:
    """The method that is meant by a spec or by its own name."""
    own = [method for method in results["method"].unique() if names.labels.get(method) == written]
    return own[0] if own else known_method(written, results)


def _by_methods(results: pandas.DataFrame, methods: Sequence[str]) -> pandas.DataFrame:
    """The rows with the methods in this order under each noise; the noises stay in theirs."""
    noises = list(dict.fromkeys(results["noise"]))
    order = sorted(
        range(len(results)), key=lambda k: (noises.index(results["noise"].iloc[k]), methods.index(results["method"].iloc[k]))
    )
    return results.iloc[order]


def hardest_noise(results: pandas.DataFrame) -> str:
    """The noise with the highest realised rate."""
    return str(results.sort_values("realised_rate", kind="stable").iloc[-1]["noise"])


def _finished(folder: Path) -> pandas.DataFrame:
    check_folder(folder)
    if (folder / CONFIG).exists():
        raise ValueError(f"{str(folder)!r} is the folder of one run; give that of its study, {str(folder.resolve().parent)!r}")
    results = collect(folder)
    if results.empty:
        studies = sorted({path.parents[1].name for path in folder.glob(f"*/*/{RESULT}")})
        there = f"; it holds studies: {', '.join(studies)}" if studies else ""
        raise ValueError(f"{str(folder)!r} holds no finished runs{there}")
    return results
