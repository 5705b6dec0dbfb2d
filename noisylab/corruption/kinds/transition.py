"""Class-conditional noise from any transition matrix."""

from collections.abc import Mapping
from os import PathLike
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import NonNegativeInt, PathText, PositiveInt, SpecText
from noisylab.core.registries import NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption.class_names import check_same_order, named_classes
from noisylab.corruption.drawing import Sampling
from noisylab.corruption.matrices import Compact, diagonal_of, empirical_matrix
from noisylab.corruption.record import NoisyLabels, corrupt
from noisylab.corruption.validation import check_labels, check_transition, read_matrix


@NOISES.register("from_transition")
@named_classes
def from_transition(
    labels: ArrayLike,
    matrix: ArrayLike | PathText | PathLike[str],
    num_classes: PositiveInt | None = None,
    *,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
) -> NoisyLabels:
    """Given labels drawn from P(given = j | true = i) = matrix[i, j] (Natarajan et al. 2013).

    The matrix and the labels imply the nominal rate. Noise is nested over matrices whose rows differ only in their diagonal.

    Args:
        labels: int[N] true labels, or names.
        matrix: float[C, C], rows sum to 1 (row = true class, column = given class), or the path of a `.npy` or `.csv` that
            holds it. The rows and columns of a pandas table may be named by classes, in any order.
        num_classes: The number of classes; by default, that of the labels.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws.

    Returns:
        The record.

    Raises:
        ValueError: For bad labels, or a matrix that is not square or not row-stochastic (such as the transpose).

    Example:
        >>> from noisylab.corruption import from_transition
        >>> from_transition([0, 1, 1, 1], [[0, 1], [0, 1]]).given
        array([1, 1, 1, 1])
    """
    rows, source = read_matrix(matrix)
    return drawn_from(rows, labels, num_classes, kind="from_transition", parameters=source, sampling=sampling, seed=seed)


def drawn_from(
    matrix: ArrayLike | Compact,
    labels: ArrayLike,
    num_classes: int | None,
    *,
    kind: str,
    parameters: Mapping[str, Any],
    sampling: Sampling,
    seed: int,
) -> NoisyLabels:
    """The record of labels drawn from a matrix, which implies the nominal rate."""
    transition = matrix if isinstance(matrix, Compact) else check_transition(matrix)
    if num_classes is not None and num_classes != len(transition):
        raise ValueError(
            f"matrix must be {num_classes} x {num_classes} (num_classes), got shape ({len(transition)}, {len(transition)})"
        )
    clean, classes = check_labels(labels, len(transition))
    expected = float((1 - diagonal_of(transition)) @ np.bincount(clean, minlength=classes) / len(clean))
    return corrupt(
        clean, transition, classes, kind=kind, nominal_rate=expected, parameters=parameters, sampling=sampling, seed=seed
    )


@NOISES.register("empirical", main="source")
@named_classes
def empirical(
    labels: ArrayLike,
    source: PathText | PathLike[str] | NoisyLabels | None = None,
    num_classes: PositiveInt | None = None,
    *,
    noise: SpecText | None = None,
    sampling: Sampling = "exact_per_class",
    seed: NonNegativeInt = 0,
    class_names: tuple[str, ...] | None = None,
    **inputs: Any,
) -> NoisyLabels:
    """Class-conditional noise with the transition matrix that another corruption realised: T_ij = n_ij / n_i.

    The control for instance-dependent and human noise (Wei et al. 2022). A class that the source lacks keeps its labels.

    Args:
        labels: int[N] true labels, or names.
        source: A record, or the path of a saved one.
        num_classes: The number of classes; by default, that of the labels.
        noise: The spec of a noise for `labels`, in place of `source`; it is drawn with a seed of its own.
        sampling: "exact_per_class", "exact" or "iid" (see `draw`).
        seed: Seed of all draws.
        class_names: In the order of the classes, to compare with those of the source.
        **inputs: Inputs of `noise`: features, root, positions, fine_labels.

    Returns:
        The record.

    Raises:
        ValueError: For bad labels or source, for one whose classes are in another order, and unless one of both is given.

    Example:
        >>> from noisylab.corruption import empirical, pair_flip
        >>> labels = [0, 1, 2, 3] * 25
        >>> empirical(labels, pair_flip(labels, 0.2), seed=5).rate
        0.2
    """
    if (source is None) == (noise is None):
        given = "neither" if noise is None else "both"
        raise ValueError(f"give source (a record) or noise (a spec, noise='human:cifar10n_worse'), got {given}")
    if noise is not None:
        # With equal uniform numbers the same samples would flip.
        own = {"num_classes": num_classes, "class_names": class_names, "seed": derive_seed(seed, "noise/source")}
        record = NOISES.create(noise, labels=labels, **own, **inputs)
    else:
        record = source if isinstance(source, NoisyLabels) else _load(cast(str, source))
    check_same_order(class_names, record)
    matrix, digest = empirical_matrix(record.true, record.given, record.num_classes), {"source_digest": record.digest}
    return drawn_from(matrix, labels, num_classes, kind="empirical", parameters=digest, sampling=sampling, seed=seed)


def _load(path: str | PathLike[str]) -> NoisyLabels:
    try:
        return NoisyLabels.load(path)
    except OSError as error:
        raise ValueError(f"source {str(path)!r} cannot be read: {error.strerror}") from None
