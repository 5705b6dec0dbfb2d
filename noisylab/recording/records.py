"""Read the records of `DynamicsRecorder`."""

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.files import expanded
from noisylab.recording.sample_ids import check_sample_ids

if TYPE_CHECKING:
    import xarray

FILE = "dynamics.zarr"
FORMAT = 2
DERIVED = ("p_given", "p_max", "loss")


def shard_file(rank: int, shards: int) -> str:
    """The name of the file of one of several processes."""
    return f"dynamics-{rank}-of-{shards}.zarr"


def derived(loss_predicted: ArrayLike, margin: ArrayLike) -> dict[str, NDArray[np.float32]]:
    """p_given, p_max and loss from the stored variables: loss = loss_predicted + max(-margin, 0).

    If the given class is not the predicted one, the margin is the difference of their log probabilities. The result is as exact
    as if it were stored in float16, for half the bytes.
    """
    least, difference = np.asarray(loss_predicted, dtype=np.float32), np.asarray(margin, dtype=np.float32)
    loss = least + np.maximum(-difference, 0)
    return {"p_given": np.exp(-loss), "p_max": np.exp(-least), "loss": loss}


def intact_epochs(run_folder: str | PathLike[str]) -> int:
    """The number of epochs that can be read and continued; 0 if any is damaged or has an older format."""
    try:
        records = load_dynamics(run_folder).load()
    # A damaged store can raise almost anything.
    except Exception:
        return 0
    return int(records.sizes["epoch"]) if records.attrs.get("format") == FORMAT else 0


def load_dynamics(run_folder: str | PathLike[str]) -> "xarray.Dataset":
    """The per-sample records of a run. They are read lazily: only indexed parts are loaded.

    Variables over (epoch, sample): prediction; p_given and p_max, the probabilities of the given and of the predicted class;
    loss, -log p_given; margin, z_given - max of the other logits; el2n, the norm of softmax(z) - onehot(given); agreement,
    whether a second presentation had the same prediction as the first (-1: no second one). If recorded, in nats: divergence,
    KL(epoch before || this epoch), and step_divergence, KL(first || second presentation). Over (sample): given, true,
    mislabelled. Over (sample, class), if recorded: probabilities, the mean over epochs.

    The attribute `record` is `online` or `eval`; `true_labels` says whether true labels were given. Unfinished epochs are cut
    off. Files of several processes are merged: a sample's row comes from the first process that showed it.

    Args:
        run_folder: The folder of a run or a recorder.

    Returns:
        The records over epoch, sample and class.

    Raises:
        ValueError: If the folder has no records, or not those of every process.

    Example:
        >>> import torch
        >>> from noisylab.recording import DynamicsRecorder, load_dynamics
        >>> recorder = DynamicsRecorder("one_epoch", [0, 1], epochs=1)
        >>> recorder.observe(torch.tensor([0, 1]), torch.zeros(2, 2))
        >>> recorder.end_epoch()
        >>> load_dynamics("one_epoch")["loss"].shape
        (1, 2)
    """
    folder = expanded(run_folder)
    shards = sorted(path for path in folder.glob("dynamics-*-of-*.zarr") if path.is_dir())
    if (folder / FILE).is_dir():
        if shards:
            raise ValueError(
                f"{str(folder)!r} holds records of one process, {FILE}, and of several, {shards[0].name}; keep one"
            )
        return _complete(_open(folder / FILE))
    if not shards:
        raise ValueError(f"{str(run_folder)!r} holds no {FILE}: it is not the folder of a run, or its records were deleted")
    return _complete(_merge(shards))


def make_records(
    arrays: Mapping[str, ArrayLike],
    given: ArrayLike,
    true: ArrayLike | None = None,
    sample_ids: Sequence[Any] | NDArray[Any] | None = None,
    *,
    record: str,
    missing: int = -1,
) -> "xarray.Dataset":
    """Records like those of `load_dynamics`, from arrays of another source.

    Args:
        arrays: [E, N] by name: prediction, loss, margin, ...
        given: int[N], given labels.
        true: int[N], true labels, if known.
        sample_ids: [N], names of the samples, all different; by default 0 to N - 1.
        record: "online" or "eval".
        missing: The prediction of a sample that an epoch did not show.

    Returns:
        The records over epoch and sample.

    Raises:
        ValueError: If lengths differ, or a name occurs twice.

    Example:
        >>> from noisylab.recording import make_records
        >>> make_records({"loss": [[0.1, 2.0]]}, given=[0, 1], true=[0, 0], record="eval")["mislabelled"].values.tolist()
        [False, True]
    """
    import xarray

    labels = np.asarray(given)
    return xarray.Dataset(
        {
            **{name: (("epoch", "sample"), np.asarray(values)) for name, values in arrays.items()},
            "given": ("sample", labels),
            "true": ("sample", labels if true is None else np.asarray(true)),
            "mislabelled": ("sample", np.zeros(len(labels), dtype=bool) if true is None else labels != np.asarray(true)),
        },
        coords={"sample": np.arange(len(labels)) if sample_ids is None else check_sample_ids(sample_ids)},
        attrs={"record": record, "missing": missing, "true_labels": true is not None},
    )


def _open(path: Path) -> "xarray.Dataset":
    import xarray

    records: xarray.Dataset = xarray.open_zarr(path, chunks=None, consolidated=False, mask_and_scale=False)
    return records.isel(epoch=slice(0, records.attrs["epochs_done"]))


def _complete(records: "xarray.Dataset") -> "xarray.Dataset":
    """The records with their derived variables. Records of format 1 store them."""
    given, true = (records[name].values.astype(np.int64) for name in ("given", "true"))
    records = records.assign(
        given=("sample", given), true=("sample", true), mislabelled=("sample", np.asarray(given != true))
    ).assign_attrs({"true_labels": True} | records.attrs)
    if "loss" in records:
        return records
    from noisylab.recording.lazy import lazily

    sources = [records["loss_predicted"].variable, records["margin"].variable]
    made = {name: lazily(sources, lambda a, b, name=name: derived(a, b)[name], np.dtype(np.float32)) for name in DERIVED}
    return records.assign(made).drop_vars("loss_predicted")


def _merge(paths: Sequence[Path]) -> "xarray.Dataset":
    """The records of several processes as one, in memory."""
    count = int(re.findall(r"\d+", paths[0].name)[1])
    ordered = [paths[0].with_name(shard_file(rank, count)) for rank in range(count)]
    if set(ordered) != set(paths):
        raise ValueError(
            f"{str(paths[0].parent)!r} must hold the records of {count} processes, got {sorted(path.name for path in paths)}"
        )
    parts = [_open(path) for path in ordered]
    first = parts[0]
    for path, part in zip(ordered, parts, strict=True):
        same = all(np.array_equal(part[name], first[name]) for name in ("sample", "given", "true"))
        if not same or any(part.attrs[name] != first.attrs[name] for name in first.attrs if name != "epochs_done"):
            raise ValueError(f"{str(path)!r} holds records of other samples or settings than {str(ordered[0])!r}")
    # A process that was killed may lack the last epochs.
    epochs = min(part.sizes["epoch"] for part in parts)
    parts = [part.isel(epoch=slice(0, epochs)) for part in parts]
    missing = {"prediction": first.attrs["missing"], "agreement": -1}
    merged: dict[str, Any] = {}
    for name in [name for name, variable in first.data_vars.items() if variable.dims == ("epoch", "sample")]:
        values = parts[0][name].values.copy()
        for part in parts[1:]:
            lacking = values == missing[str(name)] if name in missing else np.isnan(values)
            np.copyto(values, part[name].values, where=lacking)
        merged[str(name)] = (("epoch", "sample"), values)
    if "probabilities" in first:
        times = [(part["prediction"].values != missing["prediction"]).sum(axis=0)[:, None] for part in parts]
        means = [np.nan_to_num(part["probabilities"].values.astype(np.float32)) for part in parts]
        with np.errstate(invalid="ignore"):
            mean = sum(m * t for m, t in zip(means, times, strict=True)) / sum(times)
        merged["probabilities"] = (("sample", "class"), mean.astype(np.float16))
    whole = parts[0][["given", "true"]]
    return whole.assign_coords(epoch=parts[0]["epoch"]).assign(merged).assign_attrs(epochs_done=epochs)
