"""Tables over epochs from the records of a run: training dynamics of clean and mislabelled samples, ELR's fractions, flips."""

from typing import TYPE_CHECKING

import numpy as np

from noisylab.analysis.memorised_fractions import Fractions, memorisation
from noisylab.analysis.prediction_flips import flips

if TYPE_CHECKING:
    import pandas
    import xarray

MEASURES = {"loss": "loss", "confidence": "p_given", "margin": "margin"}


def training_dynamics(records: "xarray.Dataset") -> "pandas.DataFrame":
    """Loss, confidence and margin of clean and of mislabelled samples in every epoch.

    Args:
        records: as of `load_dynamics`.

    Returns:
        One row per epoch and group ("clean", "mislabelled"): mean and standard deviation (`_std`) of the loss (nats), the
        confidence (probability of the given label) and the margin (logits) over the `n` samples that the epoch showed, NaN if
        there are none.

    Example:
        >>> from noisylab.analysis import training_dynamics
        >>> from noisylab.recording import load_dynamics
        >>> table = training_dynamics(load_dynamics("my_run"))  # doctest: +SKIP
        >>> table[table["group"] == "mislabelled"]["loss"]  # doctest: +SKIP
    """
    import pandas

    rows = []
    mislabelled = records["mislabelled"].values
    for epoch in range(records.sizes["epoch"]):
        values = {name: records[variable][epoch].values.astype(np.float64) for name, variable in MEASURES.items()}
        for group, among in (("clean", ~mislabelled), ("mislabelled", mislabelled)):
            row: dict[str, object] = {"epoch": epoch, "group": group}
            there = among & ~np.isnan(values["loss"])
            for name, value in values.items():
                of_group = value[there]
                row |= {name: of_group.mean() if len(of_group) else np.nan}
                row |= {f"{name}_std": of_group.std() if len(of_group) else np.nan}
            rows.append(row | {"n": int(there.sum())})
    columns = ["epoch", "group", *(column for name in MEASURES for column in (name, f"{name}_std")), "n"]
    return pandas.DataFrame(rows, columns=columns)


def fractions_over_epochs(records: "xarray.Dataset") -> "pandas.DataFrame":
    """One row per epoch: ELR's fractions (`memorisation`) of the samples that it showed; NaN if there are none."""
    import pandas

    given, true = records["given"].values, records["true"].values
    rows = []
    for epoch in range(records.sizes["epoch"]):
        prediction = records["prediction"][epoch].values
        seen = prediction != records.attrs["missing"]
        rows.append({"epoch": epoch, **memorisation(prediction[seen], given[seen], true[seen])._asdict()})
    return pandas.DataFrame(rows, columns=["epoch", *Fractions._fields])


def flip_rates(records: "xarray.Dataset") -> "pandas.DataFrame":
    """`flips` of the records of a run: one row per epoch."""
    prediction = records["prediction"].values
    return flips(prediction, records["given"].values, records["true"].values, shown=prediction != records.attrs["missing"])
