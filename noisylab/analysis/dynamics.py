"""Reading what `DynamicsRecorder` wrote."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray

FILE = "dynamics.zarr"


def intact_epochs(run_folder: str | PathLike[str]) -> int:
    """How many epochs of a run's records can be read back as they were written; 0 where any of them is damaged."""
    try:
        records = load_dynamics(run_folder).load()
    # What a damaged store raises depends on which file is damaged.
    except Exception:
        return 0
    return int(records.sizes["epoch"])


def load_dynamics(run_folder: str | PathLike[str]) -> "xarray.Dataset":
    """The per-sample records of a run, labelled and read lazily: only what is indexed is loaded.

    Variables over (epoch, sample): prediction, p_given, p_max, loss, margin, agreement; over (sample): given, true,
    mislabelled. The attribute `record` says whether predictions are `online` or `eval`; `epochs_done` how many rows are
    written; later rows are cut off. Raises ValueError where the folder has no records.
    """
    import xarray

    path = Path(run_folder) / FILE
    if not path.is_dir():
        raise ValueError(f"{str(run_folder)!r} holds no {FILE}: is it the folder of a run?")
    records: xarray.Dataset = xarray.open_zarr(path, chunks=None, consolidated=False, mask_and_scale=False)
    return records.isel(epoch=slice(0, records.attrs["epochs_done"]))
