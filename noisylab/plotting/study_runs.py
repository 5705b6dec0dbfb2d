"""`StudyRuns`: the finished runs of a study and their records, from which figures are drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas

from noisylab.analysis.tables import choose, differing_settings, known_method, say_differences, several, training_length
from noisylab.core.files import check_folder, expanded
from noisylab.core.foreign_text import short_names
from noisylab.plotting.style import REFERENCE_METHODS, first_methods
from noisylab.recording.records import load_dynamics
from noisylab.study.run_folder import CONFIG, RESULT, collect, read_metrics
from noisylab.study.study_file import coverage

if TYPE_CHECKING:
    import xarray

# Number of methods that fit in a figure with a panel per method.
PANELS = 4
# Characters of a name in a title.
LONGEST = 60


@dataclass(frozen=True)
class StudyRuns:
    """Finished runs of a study, and the noise for figures of single samples. Made by `study_runs`.

    The runs may differ in any setting; a figure that cannot keep them apart refuses them. chosen: whether the reader chose
    `noise`, so that figures of several noises show it alone.
    """

    results: pandas.DataFrame
    folder: Path
    noise: str
    data_root: Path | None = None
    chosen: bool = False

    def check_alike(self) -> None:
        """Raise ValueError if the study's runs differ in more than method, noise and seeds."""
        if differing := differing_settings(self.results):
            raise ValueError(say_differences(differing))

    @property
    def under_noise(self) -> pandas.DataFrame:
        """The runs under `noise`. Raises ValueError if the study's runs differ in more than method, noise and seeds."""
        self.check_alike()
        return self.results[self.results["noise"] == self.noise]

    @cached_property
    def coverage(self) -> str:
        """How many of the planned runs are in, `2 of 4 runs`; empty for a finished study."""
        return coverage(self.folder, set(self.results["id"]))

    @property
    def title(self) -> str:
        """Data, network and length of training, as far as all runs agree, and how many runs of an unfinished study are in."""
        first, different = self.results.iloc[0], differing_settings(self.results)
        data, model = short_names([first["data"]], LONGEST), short_names([first["model"]], LONGEST)
        said = {("data",): data[0], ("model",): model[0], ("budget", "epochs"): training_length(first)}
        agreed = [text for names, text in said.items() if not different.keys() & set(names)]
        return ", ".join(filter(None, [*agreed, self.coverage]))

    @property
    def setting(self) -> str:
        """`title` with the noise."""
        return f"{self.title}, {short_names([self.noise], LONGEST)[0]}"

    @property
    def records_title(self) -> str:
        """`title` with the noise, the kind of record and the meaning of bands."""
        rows = self.under_noise
        seeds = rows.groupby("method")["seed"].count().max()
        band = f"mean over {seeds} seeds, band: 95 % interval" if seeds > 1 else "one seed"
        return f"{self.setting}{first_methods(rows)[1]}\n{rows['record'].iloc[0]} records; {band}"

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
        chosen = self.results[self.results["noise"].isin([self.noise] if noises is None else noises)]
        parts = [
            read_metrics(self.folder / row["id"]).assign(run=row["id"], noise=row["noise"], method=row["method"])
            for row in first_methods(chosen)[0].to_dict("records")
        ]
        return pandas.concat(parts, ignore_index=True)

    def records(self) -> Iterator[tuple[str, int, "xarray.Dataset"]]:
        """Method, seed and records of the runs under `noise` that have any, for as many methods as fit in a panel.

        Raises ValueError if none has any.
        """
        found = False
        for method, rows in first_methods(self.under_noise)[0].groupby("method", sort=False):
            for row in rows.sort_values("seed").to_dict("records"):
                records = load_dynamics(self.folder / str(row["id"])).load()
                if _recorded(records):
                    found = True
                    yield str(method), int(row["seed"]), records
        if not found:
            raise self.nothing_recorded()

    def one_per_method(self, most: int = PANELS) -> "dict[str, xarray.Dataset]":
        """The records of the first seed of the first `most` methods that have any (mixed images have none online).

        Raises ValueError if none has any.
        """
        found: dict[str, xarray.Dataset] = {}
        for method, rows in self.under_noise.groupby("method", sort=False):
            first = rows.sort_values("seed").iloc[0]
            records = load_dynamics(self.folder / str(first["id"]))
            if len(found) < most and _recorded(records):
                found[str(method)] = records.load()
        if not found:
            raise self.nothing_recorded()
        return found

    def one_seed_title(self, shown: Sequence[str], more: str = "") -> str:
        """The title of a figure of the first seed of some methods; it says if there are more methods."""
        count = self.under_noise["method"].nunique()
        part = f", {len(shown)} of {count} methods" if len(shown) < count else ""
        return f"{self.setting}{part}\n{self.under_noise['record'].iloc[0]} records, one seed{more}"


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
) -> StudyRuns:
    """The finished runs in a study's folder.

    Args:
        folder: The folder of the study.
        noise: The noise for figures of single samples, as the tables name it; by default the one with the highest realised
            rate.
        methods: Keep only these methods, in this order, as tables or figures name them; by default all.
        where: Settings of the runs to keep (see `noisylab.analysis.tables.choose`).
        data_root: Folder of a downloaded data set, for figures that show images; by default data.

    Returns:
        The runs.

    Raises:
        ValueError: If the folder has no finished runs, or none with that noise, method or setting.

    Example:
        >>> from noisylab.plotting.study_runs import study_runs
        >>> runs = study_runs("runs/noise_sweep", noise="symmetric:0.4", methods=["CE", "DLB"])  # doctest: +SKIP
        >>> runs.results["method"].unique().tolist()  # doctest: +SKIP
        ['ce', 'dlb']
    """
    place = expanded(folder)
    results = in_order(choose(_finished(place), where))
    if methods:
        order = [known_method(method, results) for method in several("methods", methods)]
        results = results[results["method"].isin(order)]
        results = results.sort_values("method", key=lambda names: names.map(order.index), kind="stable")
    known, chosen = list(dict.fromkeys(results["noise"])), noise is not None
    if noise is None:
        noise = hardest_noise(results)
    if noise not in known:
        raise ValueError(f"noise must be one of the study's, {', '.join(known)}, got {noise!r}")
    return StudyRuns(results, place, noise, None if data_root is None else expanded(data_root), chosen)


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


def in_order(results: pandas.DataFrame) -> pandas.DataFrame:
    """The rows in the order of all figures and tables.

    Methods as in `REFERENCE_METHODS`, then by name; noise kinds from the highest realised rate; rates in ascending order.
    """
    first = list(REFERENCE_METHODS)
    known = [*first, *sorted(set(results["method"]) - set(first))]
    strength = results.groupby("noise_kind")["realised_rate"].max()
    keys = {
        "method_place": results["method"].map(known.index),
        "weakness": -results["noise_kind"].map(strength),
    }
    order = [*keys, "noise_kind", "nominal_rate", "noise"]
    return results.assign(**keys).sort_values(order, kind="stable").drop(columns=list(keys))
