"""Noise on some classes only."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import SpecText
from noisylab.core.registries import NOISES
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.matrices import as_fields, only_rows
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.validation import check_classes


@NOISES.register("on_classes", example="on_classes(noise='symmetric:0.4', classes=[3, 5])")
@named_classes
def restrict(
    noise: NoisyLabels | SpecText, classes: tuple[int | str, ...], labels: ArrayLike | None = None, **inputs: Any
) -> NoisyLabels:
    """Noise on the samples of some true classes only; the others keep their true labels.

    T_ij is as in the other noise for i in `classes`; T_ii = 1 otherwise.

    Args:
        noise: A record, or the spec of a noise for `labels`.
        classes: Numbers or names of true classes.
        labels: int[N] true labels or names, if `noise` is a spec.
        **inputs: Inputs of a spec: num_classes, seed, features, root, positions, fine_labels.

    Returns:
        The record. If `noise` was restricted before, the classes are those in both.

    Raises:
        ValueError: For unknown classes, or none.

    Example:
        >>> from noisylab.corruption import restrict, symmetric
        >>> noisy = restrict(symmetric([0, 1, 2, 3] * 25, 0.4), [1, 2])
        >>> noisy.rate
        0.2
    """
    noisy: NoisyLabels = noise if isinstance(noise, NoisyLabels) else NOISES.create(noise, labels=labels, **inputs)
    chosen = check_classes(classes, noisy.num_classes)
    chosen = sorted({*chosen} & {*noisy.parameters.get("classes", chosen)})
    affected = np.zeros(noisy.num_classes, dtype=np.bool_)
    affected[chosen] = True
    asked, replaced, probability = noisy.matrix, noisy.replaced_by, noisy.flip_probability
    return replace(
        noisy,
        given=np.where(affected[noisy.true], noisy.given, noisy.true),
        replaced_by=None if replaced is None else np.where(affected[noisy.true], replaced, -1),
        flip_probability=None if probability is None else np.where(affected[noisy.true], probability, 0.0),
        **as_fields(None if asked is None else only_rows(asked, affected)),
        parameters={**noisy.parameters, "classes": chosen},
    )
