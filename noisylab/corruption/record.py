"""`NoisyLabels`: the immutable record of one corruption."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noisylab.corruption.drawing import PerSample, Sampling, draw
from noisylab.corruption.validation import check_integer, check_sampling
from noisylab.files import write_atomically

if TYPE_CHECKING:
    from noisylab.data import CorruptedDataset

FORMAT = 1


@dataclass(frozen=True, eq=False)
class NoisyLabels:
    """One corruption of N labels over C classes. Arrays are read-only.

    labels: int64[N], the given labels. clean: int64[N], the true labels. transition: float64[C, C] that was asked for, row =
    true class, column = given class, or None. nominal_rate: the rate that was asked for, in the kind's own convention.
    """

    labels: NDArray[np.int64]
    clean: NDArray[np.int64]
    num_classes: int
    kind: str
    nominal_rate: float
    seed: int
    transition: NDArray[np.float64] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.labels.shape != self.clean.shape:
            raise ValueError(f"labels and clean must be equally long, got {self.labels.shape} and {self.clean.shape}")
        for name in ("labels", "clean", "transition"):
            if (array := getattr(self, name)) is not None:
                copy = array.copy()
                copy.setflags(write=False)
                object.__setattr__(self, name, copy)
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __len__(self) -> int:
        return len(self.labels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NoisyLabels):
            return NotImplemented
        return self._header() == other._header() and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in ("labels", "clean")
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
    def flipped(self) -> NDArray[np.bool_]:
        """bool[N]: which samples are mislabelled."""
        mask = np.asarray(self.labels != self.clean)
        mask.setflags(write=False)
        return mask

    @property
    def rate(self) -> float:
        """The realised rate: the share of samples whose given label differs from the true one."""
        return float(self.flipped.mean())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the given labels (little-endian int64)."""
        return hashlib.sha256(self.labels.astype("<i8").tobytes()).hexdigest()

    def counts(self) -> NDArray[np.int64]:
        """int64[C, C]: how many samples of each true class (row) carry each given label (column)."""
        pairs = self.clean * self.num_classes + self.labels
        return np.bincount(pairs, minlength=self.num_classes**2).reshape(self.num_classes, self.num_classes)

    def realised_transition(self) -> NDArray[np.float64]:
        """float64[C, C]: the shares that were drawn; rows of absent classes are NaN."""
        counts = self.counts()
        with np.errstate(invalid="ignore"):
            return np.asarray(counts / counts.sum(axis=1, keepdims=True))

    def report(self) -> None:
        """Print the nominal and realised rate, the rate of every class, and how far the draw is from the matrix asked for."""
        print(self._report())

    def _report(self) -> str:
        counts, realised = self.counts(), self.realised_transition()
        asked = "" if not self.parameters else " (" + ", ".join(f"{k}={v!r}" for k, v in self.parameters.items()) + ")"
        lines = [
            f"{self.kind}{asked}, seed {self.seed}: {len(self)} labels, {self.num_classes} classes",
            f"nominal rate {self.nominal_rate:.4f}, realised rate {self.rate:.4f} ({int(self.flipped.sum())} mislabelled)",
        ]
        if self.transition is not None:
            lines.append(f"largest |realised - asked| transition {np.nanmax(np.abs(realised - self.transition)):.4f}")
        missing = np.flatnonzero((counts.sum(axis=0) == 0) & (counts.sum(axis=1) > 0))
        if len(missing):
            lines.append(f"classes never given: {', '.join(map(str, missing))}")
        lines.append(f"{'true class':>10} {'samples':>8} {'rate':>7}  most frequent wrong labels")
        for true in range(self.num_classes):
            total, wrong = int(counts[true].sum()), counts[true].copy()
            wrong[true] = 0
            frequent = [given for given in np.argsort(-wrong, kind="stable")[:3] if wrong[given]]
            shown = ", ".join(f"{given} ({wrong[given]})" for given in frequent)
            rate = f"{wrong.sum() / total:7.4f}" if total else f"{'-':>7}"
            lines.append(f"{true:>10} {total:>8} {rate}  {shown or '-'}")
        return "\n".join(lines)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the record to `path` as a `.npz` without pickles; the file appears whole or not at all."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, labels=self.labels, clean=self.clean, header=np.array(json.dumps(self._header())))
        write_atomically(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "NoisyLabels":
        """The record that `save` wrote. Raises ValueError naming the file where it is damaged or something else."""
        try:
            with np.load(path, allow_pickle=False) as archive:
                labels, clean, header = archive["labels"], archive["clean"], json.loads(str(archive["header"]))
            transition = header.pop("transition")
            digest, version = header.pop("digest"), header.pop("format")
            if version != FORMAT:
                raise ValueError(f"format {version} is not the supported format {FORMAT}")
            record = cls(
                labels,
                clean,
                **header,
                transition=None if transition is None else np.array(transition, dtype=np.float64),
            )
        except FileNotFoundError:
            raise
        # A damaged archive fails in whatever part of zipfile, zlib, NumPy or json meets the damage first.
        except Exception as error:
            raise ValueError(f"{path} is not a file written by NoisyLabels.save: {error}") from error
        if record.digest != digest:
            raise ValueError(f"{path} is damaged: its labels do not have the recorded digest")
        return record

    def wrap(self, dataset: Any) -> "CorruptedDataset":
        """`dataset` (any map-style data set of these N samples) with the given labels; needs torch."""
        from noisylab.data import CorruptedDataset

        return CorruptedDataset(dataset, self)

    def _header(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "num_classes": self.num_classes,
            "kind": self.kind,
            "nominal_rate": self.nominal_rate,
            "seed": self.seed,
            "parameters": dict(self.parameters),
            "transition": None if self.transition is None else self.transition.tolist(),
            "digest": self.digest,
        }


def corrupt(
    clean: NDArray[np.int64],
    noise: NDArray[np.float64] | PerSample,
    num_classes: int,
    *,
    kind: str,
    nominal_rate: float,
    parameters: Mapping[str, Any],
    sampling: Sampling,
    seed: int,
) -> NoisyLabels:
    """Draw given labels for checked true labels and a checked row-stochastic matrix or `PerSample` noise, and record how."""
    mode = check_sampling(sampling)
    seed = check_integer("seed", seed)
    return NoisyLabels(
        labels=draw(clean, noise, num_classes, sampling=mode, seed=seed),
        clean=clean,
        num_classes=num_classes,
        kind=kind,
        nominal_rate=nominal_rate,
        seed=seed,
        transition=None if isinstance(noise, PerSample) else noise,
        parameters={**parameters, "sampling": mode},
    )
