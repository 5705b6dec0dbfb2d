"""Read the records of `DynamicsRecorder`."""

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.files import expanded
from noisylab.recording.digests import OWN, PARTS, DamagedError, begun, digest_of, own_digest, rows_digest
from noisylab.recording.sample_ids import check_sample_ids

if TYPE_CHECKING:
    import xarray
    import zarr

FILE = "dynamics.zarr"
FORMAT = 3
STATIC = ("sample", "given", "true", "epoch")
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
    """The number of epochs that can be read and continued; 0 if any part is missing or damaged, or of an older format."""
    try:
        records = load_dynamics(run_folder).load()
    except ValueError:
        return 0
    return int(records.sizes["epoch"])


def check_records(path: Path, *, epochs: int | None = None) -> str:
    """Read every part of a record, and return the digest of its first `epochs` rows (None: all).

    Raises ValueError if a part is missing, damaged or foreign, or if there are fewer rows.
    """
    records = _open(path).load()
    done = records.sizes["epoch"]
    epochs = done if epochs is None else epochs
    if done < epochs:
        raise DamagedError(path, f"it holds {done} of {epochs} epochs")
    hashes = {}
    for name, variable in records.variables.items():
        if variable.dims == ("epoch", "sample"):
            hashes[str(name)] = begun(str(name), variable.dtype, variable.shape[1])
            hashes[str(name)].update(variable.values[:epochs].tobytes())
    return rows_digest(records.attrs[PARTS], hashes)


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


def open_group(path: Path, mode: Literal["r", "r+"] = "r") -> "zarr.Group":
    """The zarr group of records, whose attributes are what was written.

    Raises ValueError if it cannot be opened, is damaged, or has another format.
    """
    import zarr

    try:
        # Only this format: others have codecs that execute what they read.
        group = zarr.open_group(path, mode=mode, zarr_format=3)
        attributes = dict(group.attrs)
    # A damaged file can raise almost anything.
    except Exception as error:
        raise DamagedError(path, f"it cannot be opened ({type(error).__name__})") from error
    held = attributes.get("format", 1)
    whole = attributes.get(OWN) == own_digest(attributes)
    # Earlier formats had no digests.
    if isinstance(held, int) and held != FORMAT and (whole or (OWN not in attributes and "epochs_done" in attributes)):
        raise ValueError(
            f"{str(path)!r} holds records with format {held}, and this version of noisylab reads format {FORMAT}; record "
            "again, or use the version that wrote them"
        )
    if not whole:
        raise DamagedError(path, "its attributes are not what was written")
    return group


def _open(path: Path) -> "xarray.Dataset":
    """The rows that are written, each part of which is checked when it is read."""
    import xarray

    from noisylab.recording.checked_rows import checked

    group = open_group(path)
    attributes = dict(group.attrs)
    samples, epochs, done = (attributes[name] for name in ("samples", "epochs", "epochs_done"))
    variables: dict[str, Any] = {}
    for name, digests in attributes[PARTS].items():
        try:
            array = group[name]
            shape, length = tuple(array.shape), int(array.chunks[0])
        except Exception as error:
            raise DamagedError(path, f"{name} is missing") from error
        expected = (epochs,) if name == "epoch" else (samples,) if name in STATIC else (epochs, samples)
        if name == "probabilities":
            expected = (samples, *shape[1:2])
        if shape != expected:
            raise DamagedError(path, f"{name} has shape {shape} in place of {expected}")
        if name in STATIC:
            variables[name] = ("epoch" if name == "epoch" else "sample", _whole(path, name, array, digests))
        elif name == "probabilities":
            variables[name] = checked(path, name, array, ("sample", "class"), samples, [digests], samples)
        else:
            if len(digests) != -(-done // length):
                raise DamagedError(path, f"{name} has other chunks than were written")
            held = [[digest] for digest in digests]
            variables[name] = checked(path, name, array, ("epoch", "sample"), done, held, length)
    epoch = variables.pop("epoch")[1][:done]
    sample = variables.pop("sample")
    return xarray.Dataset(variables, coords={"epoch": ("epoch", epoch), "sample": sample}, attrs=attributes)


def _whole(path: Path, name: str, array: Any, digest: str) -> NDArray[Any]:
    try:
        values = np.asarray(array[:])
    except Exception as error:
        raise DamagedError(path, f"{name} cannot be read") from error
    if digest_of(name, values) != digest:
        raise DamagedError(path, f"{name} is not what was written")
    return values


def _complete(records: "xarray.Dataset") -> "xarray.Dataset":
    """The records with their derived variables, and without what only the file needs."""
    given, true = (records[name].values.astype(np.int64) for name in ("given", "true"))
    records = records.assign(given=("sample", given), true=("sample", true), mislabelled=("sample", np.asarray(given != true)))
    records.attrs = {name: value for name, value in records.attrs.items() if name not in (PARTS, OWN)}
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
        if not same or any(
            part.attrs[name] != first.attrs[name] for name in first.attrs if name not in ("epochs_done", PARTS, OWN)
        ):
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
