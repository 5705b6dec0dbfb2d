"""The given labels of samples that come one after the other, from data sets that cannot be indexed."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.corruption.class_numbers import numbered_by

if TYPE_CHECKING:
    from noisylab.corruption.record import NoisyLabels


def given_for(noisy: "NoisyLabels", ids: ArrayLike, true: ArrayLike | None = None) -> int | NDArray[np.int64]:
    """See `NoisyLabels.given_for`."""
    if noisy.replaced_by is not None:
        raise ValueError(f"{noisy.kind} noise replaces images too, not labels alone; wrap a data set that can be indexed")
    places = _rows(noisy, np.asarray(ids))
    if true is not None:
        said = numbered_by(np.atleast_1d(np.asarray(true)), noisy.class_names).reshape(np.shape(true))
        if said.shape != places.shape:
            raise ValueError(f"ids and true must have one shape, got {list(places.shape)} and {list(said.shape)}")
        wrong = np.flatnonzero(said != noisy.true[places])
        if len(wrong):
            one = wrong[0]
            raise ValueError(
                f"sample {np.ravel(ids)[one]} has label {np.ravel(true)[one]} in the data set but true label "
                f"{noisy.true[np.ravel(places)[one]]} in the corruption; was it made from this data set, with these ids?"
            )
    given = noisy.given[places]
    return int(given) if given.ndim == 0 else given


def _rows(noisy: "NoisyLabels", ids: NDArray[np.generic]) -> NDArray[np.int64]:
    """Where in the record the samples with these ids are."""
    if ids.shape == (0,):
        return np.empty(0, dtype=np.int64)
    if ids.dtype.kind not in "iu" or ids.ndim > 1:
        raise ValueError(
            f"ids must be one integer, or int[B], the numbers of samples in the data set, got {ids.dtype} {list(ids.shape)}; "
            "number the samples of a stream in the order of the labels that were corrupted"
        )
    places = ids.astype(np.int64)
    if noisy.positions is not None:
        order, in_order = noisy.in_order
        found = np.searchsorted(in_order, places)
        places = order[np.minimum(found, len(order) - 1)]
        unknown = noisy.positions[places] != ids
    else:
        unknown = (places < 0) | (places >= len(noisy))
    if unknown.any():
        known = f"0 to {len(noisy) - 1}" if noisy.positions is None else f"the {len(noisy)} in positions"
        raise ValueError(f"ids must be samples of the corruption, {known}, got {np.ravel(ids)[np.flatnonzero(unknown)[0]]}")
    return places
