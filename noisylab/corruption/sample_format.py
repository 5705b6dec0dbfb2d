"""The rows of other people's data sets: which entry is the label, and which is the sample."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from noisylab.corruption.class_numbers import number_class

Key = str | int | None

LABELS = ("label", "labels")
IMAGES = ("image", "img", "text")
EXPECTED = "a sample must be (image, label), a tuple that ends in its label, or a dict with a label"


def split_row(row: Any, label_key: Key = None, image_key: Key = None) -> tuple[Any, Any]:
    """Split a row into its sample and its label.

    The label of a tuple is its last entry or the one at `label_key`; that of a dict is `label`, `labels` or `label_key`. The
    sample is the entry `image_key`; else the only other entry, or `image`, `img` or `text` of a dict; else all the others, as a
    tuple or a dict. Raises ValueError for any other row.
    """
    if isinstance(row, Mapping):
        label_key, image_key = row_keys(row, label_key, image_key)
        if image_key is None:
            return {key: value for key, value in row.items() if key != label_key}, row[label_key]
        return row[image_key], row[label_key]
    if not isinstance(row, tuple | list) or len(row) < 2:
        raise ValueError(f"{EXPECTED}, got {_shape(row)}")
    place = _position(len(row) - 1 if label_key is None else label_key, "label_key", row)
    if image_key is not None:
        return row[_position(image_key, "image_key", row)], row[place]
    others = tuple(entry for position, entry in enumerate(row) if position != place)
    return others[0] if len(others) == 1 else others, row[place]


def row_keys(names: Iterable[str], label_key: Key = None, image_key: Key = None) -> tuple[str, str | None]:
    """The keys of label and image in dicts with these entries; None for the image if the sample is everything else.

    Raises ValueError, naming the candidates, if no entry is known to be the label.
    """
    names = list(names)
    for option, key in (("label_key", label_key), ("image_key", image_key)):
        if key is not None and key not in names:
            raise ValueError(f"{option} must be one of {', '.join(names)}, got {key!r}")
    if label_key is None:
        label_key = next((key for key in LABELS if key in names), None)
    if label_key is None:
        similar = [name for name in names if "label" in name or name in ("target", "y", "class")]
        one = f"; {' or '.join(f'label_key={name!r}' for name in similar)} may say which it is" if similar else ""
        raise ValueError(f"a sample must have a label, got the entries {', '.join(names) or 'none'}{one or '; see label_key'}")
    others = [name for name in names if name != label_key]
    if not others:
        raise ValueError(f"{EXPECTED} and something else, got only {label_key!r}")
    if image_key is None:
        image_key = others[0] if len(others) == 1 else next((key for key in IMAGES if key in others), None)
    return str(label_key), None if image_key is None else str(image_key)


def outside_sample(row: Any, label_key: Key = None, image_key: Key = None) -> Any:
    """The sample of a row of the outside data set, which needs no label."""
    if isinstance(row, Mapping):
        others = [key for key in row if key not in (*LABELS, label_key)]
        known = others if len(others) == 1 else [key for key in (image_key, *IMAGES) if key in others]
        return row[known[0]] if known else {key: row[key] for key in others}
    if not isinstance(row, tuple | list):
        return row
    if len(row) == 1:
        return row[0]
    # Names apply to dicts, not to tuples.
    places = [key if isinstance(key, int) else None for key in (label_key, image_key)]
    return split_row(row, *places)[0]


def as_label(label: Any, names: tuple[str, ...] | None = None) -> int:
    """A label as an int. Raises ValueError if it is neither a whole number nor one of the class names."""
    if names is not None:
        label = number_class(label, names)
    array = np.asarray(label)
    if array.size != 1 or array.dtype.kind not in "iuf" or array.reshape(()) != np.round(array.reshape(())):
        raise ValueError(f"the label of a sample must be a whole number, got {_shape(label)}; label_key says which entry it is")
    return int(array.reshape(()))


def check_map_style(dataset: Any, way_out: str) -> None:
    """Raise ValueError if a data set cannot be indexed, or is an array or a table whose rows are not samples.

    way_out: what to do with a stream.
    """
    if hasattr(dataset, "iloc"):
        raise ValueError("a data set must give samples by number; wrap table.to_dict('records'), or list(zip(images, labels))")
    if hasattr(dataset, "shape") and hasattr(dataset, "dtype"):
        raise ValueError(f"{EXPECTED}, got rows of {_shape(dataset)}; wrap list(zip(images, labels)) or a TensorDataset")
    # Torch's class has a __getitem__ that raises.
    stream = any(kind.__name__ == "IterableDataset" for kind in type(dataset).__mro__)
    if stream or not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise ValueError(
            f"a data set must have a length, and a sample at every position, got {type(dataset).__name__}; {way_out}"
        )


def _position(key: Any, option: str, row: Any) -> int:
    if isinstance(key, bool) or not isinstance(key, int) or not -len(row) <= key < len(row):
        raise ValueError(f"{option} must be a position in samples of {len(row)} entries, got {key!r}")
    return key % len(row)


def _shape(value: Any) -> str:
    """A short description of a value."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)} entr{'y' if len(value) == 1 else 'ies'}"
    return f"{type(value).__name__} {str(value)[:40]!r}"
