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
        records: From `load_dynamics`.

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
    """ELR's fractions (`memorisation`) of the samples that each epoch showed.

    Args:
        records: From `load_dynamics`.

    Returns:
        One row per epoch: epoch, clean_correct, correct, memorised, other; NaN if there are no such samples.

    Example:
        >>> from noisylab.analysis import fractions_over_epochs
        >>> from noisylab.recording import make_records
        >>> records = make_records({"prediction": [[0, 0], [0, 1]]}, given=[0, 1], true=[0, 0], record="eval")
        >>> fractions_over_epochs(records)["memorised"].tolist()
        [0.0, 1.0]
    """
    import pandas

    given, true = records["given"].values, records["true"].values
    rows = []
    for epoch in range(records.sizes["epoch"]):
        prediction = records["prediction"][epoch].values
        seen = prediction != records.attrs["missing"]
        rows.append({"epoch": epoch, **memorisation(prediction[seen], given[seen], true[seen])._asdict()})
    return pandas.DataFrame(rows, columns=["epoch", *Fractions._fields])


def flip_rates(records: "xarray.Dataset") -> "pandas.DataFrame":
    """`flips` of the records of a run.

    Args:
        records: From `load_dynamics`.

    Returns:
        One row per epoch, as in `flips`.

    Example:
        >>> from noisylab.analysis import flip_rates
        >>> from noisylab.recording import make_records
        >>> records = make_records({"prediction": [[0, 0], [0, 1]]}, given=[0, 1], true=[0, 0], record="eval")
        >>> flip_rates(records)["to_given"].tolist()
        [nan, 1.0]
    """
    prediction = records["prediction"].values
    return flips(prediction, records["given"].values, records["true"].values, shown=prediction != records.attrs["missing"])
