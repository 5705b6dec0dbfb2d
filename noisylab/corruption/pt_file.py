"""Arrays from a `.pt` file without executing what it pickles."""

import hashlib
import io
import pickle
import zipfile
from codecs import encode
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RECONSTRUCT = np.empty(0).__reduce__()[0]

# Everything that a pickled plain array refers to; protocol 2 stores its bytes as encoded text.
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): encode,
}


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that accepts only plain arrays."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is not part of a plain array")
        return ALLOWED[module, name]


def read_arrays(path: Path, md5: str) -> dict[str, NDArray[np.int64]]:
    """The one-dimensional integer arrays, or lists, of a dict saved by `torch.save`.

    Raises ValueError if the file is missing, has another MD5 sum, or holds anything else. Nothing in the file is executed, and
    nothing is unpickled before the sum is verified.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(f"{str(path)!r} has MD5 {found}, expected {md5}: it is damaged, or another version")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            held = _ArraysOnly(io.BytesIO(archive.read(name))).load()
    # A malformed pickle can raise almost anything.
    except Exception as error:
        raise ValueError(f"{str(path)!r} is not a file of plain arrays: {error}") from error
    if not isinstance(held, dict):
        raise ValueError(f"{str(path)!r} must hold a dict of arrays, got {type(held).__name__}")
    arrays = {str(key): np.asarray(value) for key, value in held.items()}
    for key, array in arrays.items():
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"{str(path)!r} must hold integer arrays, got {array.dtype} of shape {array.shape} for {key!r}")
    return {key: array.astype(np.int64) for key, array in arrays.items()}
