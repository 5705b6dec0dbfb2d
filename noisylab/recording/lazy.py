"""Variables that are computed from others when they are read."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing


class _Computed(BackendArray):
    def __init__(self, sources: Sequence[xarray.Variable], function: Callable[..., NDArray[Any]], dtype: np.dtype[Any]) -> None:
        self._sources, self._function = sources, function
        self.shape, self.dtype = sources[0].shape, dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        return self._function(*(source[key].values for source in self._sources))


def lazily(sources: Sequence[xarray.Variable], function: Callable[..., NDArray[Any]], dtype: np.dtype[Any]) -> xarray.Variable:
    """`function` of the values of `sources`, elementwise, computed only for the indexed part."""
    return xarray.Variable(sources[0].dims, indexing.LazilyIndexedArray(_Computed(sources, function, dtype)))
