"""One noise after another."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from noisylab.core.checks import SpecText
from noisylab.core.registries import NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.matrices import as_fields, diagonal_of, product
from noisylab.corruption.record import NoisyLabels


@NOISES.register("chain", example="chain(first='pair_flip:0.2', second='symmetric:0.1')")
@named_classes
def compose(
    first: NoisyLabels | SpecText, second: NoisyLabels | SpecText, labels: ArrayLike | None = None, **inputs: Any
) -> NoisyLabels:
    """Noise after noise: the second corrupts the labels that the first gives. T = T_1 T_2 if both are known.

    Args:
        first: A record, or the spec of a noise for `labels`.
        second: A record that was made from `first.given`, or the spec of a noise for those labels. A spec is drawn
            independently of `first`.
        labels: int[N] true labels or names, if `first` is a spec.
        **inputs: Inputs of the specs: num_classes, seed, features, root, positions, fine_labels.

    Returns:
        The record of both, with `true` of `first` and `given` of `second`.

    Raises:
        ValueError: If the true labels of `second` are not the given labels of `first`, if both were drawn with one seed, or
            if images would be replaced twice.

    Example:
        >>> from noisylab.corruption import asymmetric, compose
        >>> first = asymmetric([0, 1, 2] * 100, 0.2, {0: 1})
        >>> compose(first, "symmetric:0.1").kind
        'asymmetric+symmetric'
    """
    seed = inputs.get("seed", first.seed if isinstance(first, NoisyLabels) else 0)
    is_drawn = isinstance(first, str) or isinstance(second, str)
    if isinstance(first, str):
        first = _made(first, labels, inputs)
    if isinstance(second, str):
        # A seed of its own: with equal uniform numbers the same samples would flip twice.
        again = {"num_classes": first.num_classes, "seed": derive_seed(seed, "noise/second")}
        second = _made(second, first.given, inputs | again)
    both = _joined(first, second)
    return replace(both, seed=seed) if is_drawn else both


def _made(noise: str, labels: ArrayLike | None, inputs: dict[str, Any]) -> NoisyLabels:
    made: NoisyLabels = NOISES.create(noise, labels=labels, **inputs)
    return made


def _joined(first: NoisyLabels, second: NoisyLabels) -> NoisyLabels:
    """The record of two corruptions, the second of which was made from the given labels of the first."""
    if not np.array_equal(first.given, second.true):
        raise ValueError("second must be noise on first.given, got other true labels; make it with f(first.given, ...)")
    if second.positions is not None:
        raise ValueError("second must keep all samples; apply the long tail first")
    if first.seed == second.seed and "sampling" in first.parameters and "sampling" in second.parameters:
        raise ValueError(f"second must have another seed than first, or the same samples flip twice; both have {first.seed}")
    classes = max(first.num_classes, second.num_classes)
    parts = (first.matrix, second.matrix) if first.num_classes == second.num_classes else (None, None)
    transition = None if parts[0] is None or parts[1] is None else product(parts[0], parts[1])
    late, early = second.replaced_by, first.replaced_by
    if late is not None and early is not None:
        raise ValueError("images can be replaced once only, got open-set noise twice")
    made = NoisyLabels(
        second.given,
        first.true,
        classes,
        f"{first.kind}+{second.kind}",
        0.0,
        first.seed,
        parameters={"first": _part(first), "second": _part(second)} | _common_parameters(first, second),
        positions=first.positions,
        replaced_by=early if late is None else late,
        **as_fields(transition),
    )
    # A matrix says nothing about replaced images.
    if transition is None or made.replaced_by is not None:
        return replace(made, nominal_rate=made.rate)
    return replace(made, nominal_rate=float((1 - diagonal_of(transition))[made.true].mean()))


def _part(record: NoisyLabels) -> dict[str, Any]:
    """The facts that are needed to make a part again."""
    return {"kind": record.kind, "rate": record.nominal_rate, "seed": record.seed, **record.parameters}


def _common_parameters(first: NoisyLabels, second: NoisyLabels) -> dict[str, Any]:
    """The source of replaced images, and the sampling mode if both are independent draws.

    Two exact numbers of flips do not make an exact number, because the number of labels that flip twice is random.
    """
    modes = {record.parameters.get("sampling") for record in (first, second)}
    outside = {key: value for r in (first, second) for key, value in r.parameters.items() if key.startswith("outside")}
    return outside | ({"sampling": "iid"} if modes == {"iid"} else {})
