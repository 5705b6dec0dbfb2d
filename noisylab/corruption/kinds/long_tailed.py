"""Noise on long-tailed data."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import NonNegativeInt, PositiveInt, PositiveUnit, SpecText, checked
from noisylab.core.registries import NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.class_numbers import number_labels
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.validation import check_true_labels


@checked
def long_tail_indices(
    labels: ArrayLike, factor: PositiveUnit, num_classes: PositiveInt | None = None, *, seed: NonNegativeInt = 0
) -> NDArray[np.int64]:
    """Sorted positions of the samples that remain if class k keeps n_max f^(k/(K-1)) samples (Cui et al. 2019).

    At least one sample of every class remains, and a smaller class is left as it is. For one seed, factors are nested.

    Args:
        labels: int[N] or names.
        factor: n_min / n_max in (0, 1]; n_max is the size of class 0.
        num_classes: The number of classes; by default, that of the labels.
        seed: Seed of the choice of samples.

    Returns:
        int64[M], in ascending order.

    Raises:
        ValueError: For bad labels or factor.

    Example:
        >>> from noisylab.corruption import long_tail_indices
        >>> labels = [0] * 100 + [1] * 100 + [2] * 100
        >>> len(long_tail_indices(labels, 0.01))
        111
    """
    clean, classes = check_true_labels(number_labels(labels)[0], num_classes)
    sizes = np.bincount(clean, minlength=classes)
    # The epsilon keeps 500.0000001 from being 501, and 4999.9999 from losing a sample.
    kept = np.floor(sizes.max() * factor ** (np.arange(classes) / max(classes - 1, 1)) + 1e-6).astype(np.int64)
    kept = np.minimum(np.maximum(kept, 1), sizes)
    shuffled = np.random.default_rng(derive_seed(seed, "noise/long_tail")).permutation(len(clean))
    order = shuffled[np.argsort(clean[shuffled], kind="stable")]
    start = np.cumsum(sizes) - sizes
    return np.sort(np.concatenate([order[s : s + k] for s, k in zip(start, kept, strict=True)]))


@NOISES.register("long_tailed", example="long_tailed(factor=0.01, noise='symmetric:0.4')")
@named_classes
def long_tailed(labels: ArrayLike, factor: PositiveUnit, noise: SpecText, **inputs: Any) -> NoisyLabels:
    """Class k keeps n_max f^(k/(K-1)) samples, then the noise of another spec corrupts those (RoLT, Wei et al. 2021).

    T is the matrix of the other noise.

    Args:
        labels: int[N] true labels or names.
        factor: n_min / n_max in (0, 1]; n_max is the size of class 0.
        noise: The spec of a noise that keeps all samples.
        **inputs: Inputs of that spec: num_classes, seed, features, root, positions, fine_labels.

    Returns:
        The record of the samples that remain; its `positions` say which these are.

    Raises:
        ValueError: For bad labels or factor, or a noise that leaves out samples itself.

    Example:
        >>> from noisylab.corruption import long_tailed
        >>> noisy = long_tailed([0] * 100 + [1] * 100, 0.1, "symmetric:0.2")
        >>> len(noisy), noisy.rate
        (110, 0.2)
    """
    clean, classes = check_true_labels(labels, inputs.get("num_classes"))
    kept = long_tail_indices(clean, factor, classes, seed=inputs.get("seed", 0))
    # Inputs with a row for each sample keep only the rows of the remaining samples.
    of_kept = {key: np.asarray(value)[kept] for key, value in inputs.items() if np.ndim(value) and key != "class_names"}
    made: NoisyLabels = NOISES.create(
        noise, labels=clean[kept], **{**inputs, "positions": kept, **of_kept, "num_classes": classes}
    )
    if made.positions is not None:
        raise ValueError(f"noise must keep all samples inside long_tailed, got {noise!r}")
    parameters = {**made.parameters, "factor": float(factor)}
    return replace(made, positions=kept, kind=f"long_tailed+{made.kind}", parameters=parameters)
