"""`NoisyLabels`: the immutable record of one corruption."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from shutil import get_terminal_size
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import PositiveInt
from noisylab.core.files import expanded, write_atomically
from noisylab.core.lines import folded
from noisylab.corruption.class_numbers import check_class_names, number_labels
from noisylab.corruption.drawing import PerSample, Sampling, draw
from noisylab.corruption.matrices import Compact, Matrix, as_fields, dense
from noisylab.corruption.sample_ids import joined_by_index
from noisylab.corruption.validation import check_every_class, check_labels, check_transition, label_array

if TYPE_CHECKING:
    import pandas

    from noisylab.corruption.wrapping import CorruptedDataset

FORMAT = 4
COMPACT = "transition_"
"""How the names of the arrays of a compact transition begin in a file."""
PER_SAMPLE = ("given", "true", "positions", "replaced_by", "flip_probability")


@dataclass(frozen=True, eq=False)
class NoisyLabels:
    """One corruption of N labels over C classes. Arrays are read-only.

    Attributes:
        given: int64[N], the given labels.
        true: int64[N], the true labels.
        num_classes: The number C of classes.
        kind: The name of the noise.
        parameters: The options of the noise.
        nominal_rate: The rate that was asked for, in the kind's own convention.
        seed: Seed of all draws.
        transition: float64[C, C] that was asked for, row = true class, column = given class; None if there is none, or if it is
            of more than 1,000 classes and a few numbers say it: then `dense_transition()` makes it.
        positions: int64[N], which samples of the data set these are; None if they are all of it.
        replaced_by: int64[N], for open-set noise: the sample of the outside data set that replaces this image, or -1.
        flip_probability: float64[N], how likely each sample was to be mislabelled, if the transition does not say it.
        class_names: In the order of the classes, if labels were given by name.
        compact: The numbers that say the transition of more than 1,000 classes.

    Example:
        >>> from noisylab.corruption import NoisyLabels, symmetric
        >>> symmetric([0, 1, 2, 3] * 25, 0.4, seed=1).save("noise.npz")
        >>> NoisyLabels.load("noise.npz")
        NoisyLabels(symmetric, 100 labels, 4 classes, realised rate 0.4000)
    """

    given: NDArray[np.int64]
    true: NDArray[np.int64]
    num_classes: int
    kind: str
    nominal_rate: float
    seed: int
    transition: NDArray[np.float64] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    positions: NDArray[np.int64] | None = None
    replaced_by: NDArray[np.int64] | None = None
    flip_probability: NDArray[np.float64] | None = None
    class_names: tuple[str, ...] | None = None
    compact: Compact | None = None

    def __post_init__(self) -> None:
        for name in ("given", "true"):
            object.__setattr__(self, name, check_labels(getattr(self, name), self.num_classes)[0])
        for name in PER_SAMPLE[1:]:
            array = getattr(self, name)
            if array is not None and array.shape != self.given.shape:
                raise ValueError(f"given and {name} must be equally long, got {self.given.shape} and {array.shape}")
        if self.transition is not None and check_transition(self.transition).shape[0] != self.num_classes:
            raise ValueError(f"transition must be {self.num_classes} x {self.num_classes}, got shape {self.transition.shape}")
        if self.compact is not None and len(self.compact) != self.num_classes:
            raise ValueError(f"compact must be of {self.num_classes} classes, got {len(self.compact)}")
        for name, lowest in (("positions", 0), ("replaced_by", -1)):
            array = getattr(self, name)
            if array is not None and (array.dtype.kind not in "iu" or array.min(initial=0) < lowest):
                raise ValueError(f"{name} must be integers of at least {lowest}, got {array.dtype} from {array.min(initial=0)}")
        if self.class_names is not None:
            object.__setattr__(self, "class_names", tuple(self.class_names))
            check_class_names(self.class_names)
            if len(self.class_names) != self.num_classes:
                raise ValueError(f"class_names must be {self.num_classes}, one per class, got {len(self.class_names)}")
        chances = self.flip_probability
        if chances is not None and not ((chances >= 0) & (chances <= 1)).all():
            raise ValueError("flip_probability must be in [0, 1]")
        for name in (*PER_SAMPLE, "transition"):
            if (array := getattr(self, name)) is not None:
                copy = array.copy()
                copy.setflags(write=False)
                object.__setattr__(self, name, copy)
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __len__(self) -> int:
        return len(self.given)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NoisyLabels):
            return NotImplemented
        own, others = self._arrays(), other._arrays()
        return (
            _json(self._header()) == _json(other._header())
            and own.keys() == others.keys()
            and all(np.array_equal(array, others[name]) for name, array in own.items())
        )

    def __hash__(self) -> int:
        return hash(self.digest)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "parameters": dict(self.parameters)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    def __repr__(self) -> str:
        return f"NoisyLabels({self.kind}, {len(self)} labels, {self.num_classes} classes, realised rate {self.rate:.4f})"

    @cached_property
    def mislabelled(self) -> NDArray[np.bool_]:
        """bool[N]: which samples are mislabelled, because the given label is not the true one or the image has no class."""
        mask = np.asarray(self.given != self.true)
        if self.replaced_by is not None:
            mask |= self.replaced_by >= 0
        mask.setflags(write=False)
        return mask

    @cached_property
    def in_order(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """int64[N] twice: the order that sorts `positions` (0 to N - 1 without them), and the sorted positions."""
        positions = np.arange(len(self)) if self.positions is None else self.positions
        order = np.argsort(positions, kind="stable")
        return order, positions[order]

    @property
    def rate(self) -> float:
        """The realised rate: the share of mislabelled samples."""
        return float(self.mislabelled.mean())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the given labels (little-endian int64)."""
        return hashlib.sha256(self.given.astype("<i8").tobytes()).hexdigest()

    @property
    def matrix(self) -> Matrix | None:
        """The transition in the form in which it is kept: dense, in few numbers, or None if there is none."""
        return self.compact if self.transition is None else self.transition

    def dense_transition(self) -> NDArray[np.float64]:
        """float64[C, C]: the transition that was asked for, made anew if it is not kept: 800 MB for 10,000 classes.

        Raises ValueError if there is none.

        Example:
            >>> from noisylab.corruption import symmetric
            >>> noisy = symmetric(range(2000), 0.4)
            >>> noisy.transition is None, noisy.dense_transition().shape
            (True, (2000, 2000))
        """
        if self.matrix is None:
            raise ValueError(f"{self.kind} noise has no transition matrix; realised_transition() is that of its labels")
        return dense(self.matrix)

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """True classes, given labels and numbers of samples of the pairs that occur, int64[M] each: `counts`, sparse."""
        pair, count = np.unique(self.true * self.num_classes + self.given, return_counts=True)
        true, given = np.divmod(pair, self.num_classes)
        return true, given, count

    def counts(self) -> NDArray[np.int64]:
        """int64[C, C]: the number of samples of each true class (row) with each given label (column)."""
        pairs = self.true * self.num_classes + self.given
        return np.bincount(pairs, minlength=self.num_classes**2).reshape(self.num_classes, self.num_classes)

    def realised_transition(self) -> NDArray[np.float64]:
        """float64[C, C]: the realised shares; rows of absent classes are NaN."""
        counts = self.counts()
        with np.errstate(invalid="ignore"):
            return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    def report(self) -> None:
        """Print requested and realised rates, the fit of the matrix, and the rates per class (see `diagnose`)."""
        from noisylab.corruption.diagnostics import WIDTH, describe_record

        print(folded(describe_record(self), max(WIDTH, get_terminal_size().columns), indent=2))

    def to_frame(self) -> "pandas.DataFrame":
        """A pandas table of the samples: index (the position in the data set), true, given, mislabelled.

        If class names are known, also true_name and given_name. Raises ValueError if pandas is missing.
        """
        try:
            import pandas
        except ImportError as error:
            raise ValueError(f"to_frame needs pandas ({error}); pip install pandas") from error
        places = np.arange(len(self)) if self.positions is None else self.positions
        columns: dict[str, Any] = {"true": self.true, "given": self.given, "mislabelled": self.mislabelled}
        if self.class_names is not None:
            names = np.array(self.class_names, dtype=object)
            columns |= {"true_name": names[self.true], "given_name": names[self.given]}
        return pandas.DataFrame(columns, index=pandas.Index(places, name="index"))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the record to `path` as a `.npz` without pickles, completely or not at all."""
        buffer = io.BytesIO()
        arrays = self._arrays()
        header = self._header() | {"arrays": _digest(arrays)}
        np.savez_compressed(buffer, allow_pickle=False, header=np.array(_json(header)), **arrays)
        write_atomically(expanded(path), buffer.getvalue())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "NoisyLabels":
        """Read a record that `save` wrote. Raises ValueError, naming the file, if it is damaged or not such a record."""
        try:
            with expanded(path).open("rb") as file:
                if not zipfile.is_zipfile(file):
                    raise ValueError("it is truncated, or not a .npz file")
            with np.load(expanded(path), allow_pickle=False) as archive:
                header = json.loads(str(archive["header"]))
                version = header.pop("format")
                arrays = {} if version != FORMAT else {name: archive[name] for name in archive.files if name != "header"}
            if version == FORMAT:
                record = _record(header, arrays)
        except FileNotFoundError:
            raise
        # A damaged archive can fail anywhere in zipfile, zlib, NumPy or json.
        except Exception as error:
            raise ValueError(f"{path} is not a file written by NoisyLabels.save: {error}") from error
        if version != FORMAT:
            raise ValueError(
                f"{path} was written in format {version}, and this version of noisylab reads format {FORMAT}; make the record "
                f"again ({_in_words(header)}) and save it"
            )
        return record

    def wrap(
        self,
        dataset: Any,
        outside: Any = None,
        *,
        label_key: str | int | None = None,
        image_key: str | int | None = None,
        first_index: int = 0,
    ) -> "CorruptedDataset":
        """Wrap `dataset` (any map-style data set of these N samples) so that it yields (image, given label, index).

        Args:
            dataset: Of (image, true label) samples, such as torchvision's.
            outside: For open-set noise, the data set of the other images.
            label_key: Name or position of the label in a sample, if it is not found (see `CorruptedDataset`).
            image_key: The same for the image.
            first_index: The index of the first sample: the number of samples before this data set, if several are concatenated.

        Returns:
            The data set for a torch `DataLoader`.

        Raises:
            ValueError: If lengths or true labels differ, or a sample has no label.
        """
        from noisylab.corruption.wrapping import CorruptedDataset

        return CorruptedDataset(dataset, self, outside, label_key=label_key, image_key=image_key, first_index=first_index)

    def given_for(self, ids: ArrayLike, true: ArrayLike | None = None) -> int | NDArray[np.int64]:
        """The given labels of samples by number, for data sets that have no length and cannot be wrapped, such as streams.

        Args:
            ids: int or int[B], the numbers of samples in the data set: from 0, in the order of the labels that were corrupted;
                or those in `positions`.
            true: The labels that the data set has there, of the same shape, to be checked.

        Returns:
            int for one id, else int64[B].

        Raises:
            ValueError: For ids that are no samples of this record, other true labels, and noise that replaces images.

        Example:
            >>> from noisylab.corruption import from_pair
            >>> noisy = from_pair(true=[0, 1, 2], given=[0, 2, 2])
            >>> [noisy.given_for(number, label) for number, label in enumerate([0, 1, 2])]
            [0, 2, 2]
        """
        from noisylab.corruption.streams import given_for

        return given_for(self, ids, true)

    def _header(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "num_classes": self.num_classes,
            "kind": self.kind,
            "nominal_rate": self.nominal_rate,
            "seed": self.seed,
            "parameters": dict(self.parameters),
            "digest": self.digest,
            **({} if self.class_names is None else {"class_names": self.class_names}),
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """What a file holds beside the header."""
        held = {name: array for name in (*PER_SAMPLE, "transition") if (array := getattr(self, name)) is not None}
        compact = {} if self.compact is None else self.compact.arrays()
        return held | {f"{COMPACT}{name}": array for name, array in compact.items()}


def _record(header: dict[str, Any], arrays: dict[str, Any]) -> NoisyLabels:
    """The record of a file, without its format."""
    digest = header.pop("digest")
    if header.pop("arrays") != _digest(arrays):
        raise ValueError("its arrays do not have the recorded digest")
    compact = {name.removeprefix(COMPACT): arrays.pop(name) for name in list(arrays) if name.startswith(COMPACT)}
    record = NoisyLabels(**arrays, **header, compact=Compact.of_arrays(compact) if compact else None)
    if record.digest != digest:
        raise ValueError("its labels do not have the recorded digest")
    return record


def _in_words(header: Mapping[str, Any]) -> str:
    """How a record was made."""
    return ", ".join(f"{name} {header[name]}" for name in ("kind", "nominal_rate", "seed") if name in header)


def _json(header: Mapping[str, Any]) -> str:
    """As JSON, with NumPy's numbers as Python's and paths as text."""
    return json.dumps(
        header, default=lambda value: value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
    )


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(f"{name}{arrays[name].shape}{arrays[name].dtype.str}".encode())
        total.update(np.ascontiguousarray(arrays[name]).tobytes())
    return total.hexdigest()


def corrupt(
    clean: NDArray[np.int64],
    noise: Matrix | PerSample,
    num_classes: int,
    *,
    kind: str,
    nominal_rate: float,
    parameters: Mapping[str, Any],
    sampling: Sampling,
    seed: int,
) -> NoisyLabels:
    """Draw given labels from checked true labels and a checked row-stochastic matrix or `PerSample` noise, as a record."""
    return NoisyLabels(
        given=draw(clean, noise, num_classes, sampling=sampling, seed=seed),
        true=clean,
        num_classes=num_classes,
        kind=kind,
        nominal_rate=nominal_rate,
        seed=int(seed),
        parameters={**parameters, "sampling": sampling},
        flip_probability=noise.flip_probability if isinstance(noise, PerSample) else None,
        **as_fields(None if isinstance(noise, PerSample) else noise),
    )


@joined_by_index
def from_pair(
    true: ArrayLike, given: ArrayLike, num_classes: PositiveInt | None = None, *, kind: str = "pair", **parameters: Any
) -> NoisyLabels:
    """The record of labels that are already wrong; its nominal rate is the realised one.

    Args:
        true: int[N] true labels, or names.
        given: int[N] given labels, or names. A Series of pandas with another index than that of `true` is joined with it by
            index, or refused if that may be wrong.
        num_classes: The number of classes; by default, that of the labels.
        kind: The name of the noise in the record.
        **parameters: Further facts for the record, such as where the labels come from.

    Returns:
        The record; classes that are names are those that occur in either, sorted.

    Raises:
        ValueError: For bad labels or different lengths.

    Example:
        >>> from noisylab.corruption import from_pair
        >>> noisy = from_pair(["cat", "dog", "dog"], ["cat", "cat", "dog"])
        >>> noisy.given.tolist(), noisy.class_names
        ([0, 0, 1], ('cat', 'dog'))
    """
    true, given = label_array(true), label_array(given)
    if len(true) != len(given):
        raise ValueError(f"true and given labels must be equally long, got {len(true)} and {len(given)}")
    if (true.dtype.kind == "U") != (given.dtype.kind == "U") and {true.dtype.kind, given.dtype.kind} & {*"iufb"}:
        # NumPy would make names of the numbers.
        raise ValueError(f"true and given labels must both be names or both be numbers, got {true[:1]} and {given[:1]}")
    both, names = number_labels(np.concatenate([true, given]))
    if names is not None:
        num_classes = len(names) if num_classes is None else num_classes
        true, given = np.split(both, 2)
    clean, classes = check_labels(true, num_classes)
    labels, largest = check_labels(given, num_classes)
    if num_classes is None:
        check_every_class(np.union1d(clean, labels), max(classes, largest))
    rate = float((labels != clean).mean())
    return NoisyLabels(labels, clean, max(classes, largest), kind, rate, 0, parameters=parameters, class_names=names)
