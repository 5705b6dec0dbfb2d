"""`StudyRuns`: what a figure is drawn from, the finished runs of a study and their records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas

from noisylab.analysis.tables import check_comparable, training_length
from noisylab.plotting.style import FIXED, limited
from noisylab.recording.records import load_dynamics
from noisylab.study.run_folder import collect, read_metrics

if TYPE_CHECKING:
    import xarray

# Methods that a figure with a panel per method has room for.
PANELS = 4


@dataclass(frozen=True)
class StudyRuns:
    """Finished runs that differ in method, noise and seeds alone. noise: the one that figures of single samples are of."""

    results: pandas.DataFrame
    folder: Path
    noise: str
    data_root: Path | None = None

    @property
    def under_noise(self) -> pandas.DataFrame:
        """The runs under `noise`."""
        return self.results[self.results["noise"] == self.noise]

    @property
    def title(self) -> str:
        """Data, network and length of training."""
        first = self.results.iloc[0]
        return f"{first['data']}, {first['model']}, {training_length(first)}"

    @property
    def records_title(self) -> str:
        """The same with the noise, the kind of record and what bands are."""
        rows = self.under_noise
        seeds = rows.groupby("method")["seed"].count().max()
        band = f"mean over {seeds} seeds, band: 95 % interval" if seeds > 1 else "one seed"
        return f"{self.title}, {self.noise}{limited(rows)[1]}\n{rows['record'].iloc[0]} records; {band}"

    @property
    def mislabelled(self) -> bool:
        """Whether any sample is mislabelled under `noise`."""
        return bool(self.under_noise["realised_rate"].any())

    def metrics(self) -> pandas.DataFrame:
        """`metrics.csv` of the runs under `noise`, with columns run and method."""
        parts = [
            read_metrics(self.folder / row["id"]).assign(run=row["id"], method=row["method"])
            for row in self.under_noise.to_dict("records")
        ]
        return pandas.concat(parts, ignore_index=True)

    def records(self) -> Iterator[tuple[str, int, "xarray.Dataset"]]:
        """Method, seed and records of the runs under `noise` that have any, of as many methods as a panel has room for."""
        for method, rows in limited(self.under_noise)[0].groupby("method", sort=False):
            for row in rows.sort_values("seed").to_dict("records"):
                records = load_dynamics(self.folder / str(row["id"])).load()
                if recorded(records):
                    yield str(method), int(row["seed"]), records

    def one_per_method(self, most: int = PANELS) -> "dict[str, xarray.Dataset]":
        """The records of the first seed of the first `most` methods that have any (mixup has none that are online)."""
        found: dict[str, xarray.Dataset] = {}
        for method, rows in self.under_noise.groupby("method", sort=False):
            first = rows.sort_values("seed").iloc[0]
            records = load_dynamics(self.folder / str(first["id"]))
            if len(found) < most and recorded(records):
                found[str(method)] = records.load()
        return found

    def one_seed_title(self, shown: Sequence[str], more: str = "") -> str:
        """Title of a figure of the first seed of some methods, which says where there are more of them."""
        count = self.under_noise["method"].nunique()
        part = f", {len(shown)} of {count} methods" if len(shown) < count else ""
        return f"{self.title}, {self.noise}{part}\n{self.under_noise['record'].iloc[0]} records, one seed{more}"


def recorded(records: "xarray.Dataset") -> bool:
    """Whether the last epoch has the prediction of any sample."""
    return bool((records["prediction"][-1].values != records.attrs["missing"]).any())


def study_runs(
    folder: Path, *, noise: str | None = None, methods: Sequence[str] = (), data_root: Path | None = None
) -> StudyRuns:
    """The finished runs in a study's folder. noise: as the tables name it; None: the one with the highest realised rate.

    methods: as the tables name them, the only ones to be kept, in this order (none: all). Raises ValueError where there are no
    runs, where they differ in more than method, noise and seeds, and for a noise or method not among them.
    """
    results = collect(folder)
    if results.empty:
        raise ValueError(f"{str(folder)!r} holds no finished runs")
    check_comparable(results)
    results = in_order(results)
    for method in methods:
        if method not in set(results["method"]):
            raise ValueError(f"methods must be of the study's, {', '.join(results['method'].unique())}, got {method!r}")
    if methods:
        kept = results[results["method"].isin(methods)]
        results = kept.sort_values("method", key=lambda names: names.map(list(methods).index), kind="stable")
    if noise is None:
        noise = str(results.sort_values("realised_rate", kind="stable").iloc[-1]["noise"])
    known = list(dict.fromkeys(results["noise"]))
    if noise not in known:
        raise ValueError(f"noise must be one of the study's, {', '.join(known)}, got {noise!r}")
    return StudyRuns(results, folder, noise, data_root)


def in_order(results: pandas.DataFrame) -> pandas.DataFrame:
    """The rows in the order that every figure and table has, whoever draws it.

    Methods as in `FIXED`, then by name; noise kinds from the one that can flip most; rates rising.
    """
    known = [*FIXED, *sorted(set(results["method"]) - set(FIXED))]
    strength = results.groupby("noise_kind")["realised_rate"].max()
    keys = {
        "method_place": results["method"].map(known.index),
        "weakness": -results["noise_kind"].map(strength),
    }
    order = [*keys, "noise_kind", "nominal_rate", "noise"]
    return results.assign(**keys).sort_values(order, kind="stable").drop(columns=list(keys))
