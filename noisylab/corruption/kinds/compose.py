"""Records from records: a pair of label lists, noise on some classes, noise after noise, noise on long-tailed data."""

from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import PositiveInt, PositiveUnit, SpecText
from noisylab.core.registries import NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.validation import check_classes, check_every_class, check_factor, check_labels, check_true_labels


def from_pair(
    true: ArrayLike, given: ArrayLike, num_classes: PositiveInt | None = None, *, kind: str = "pair", **parameters: Any
) -> NoisyLabels:
    """The record of labels that are already wrong; its nominal rate is the realised one.

    true, given: int[N]; kind, parameters: what the record says about where they come from. Raises ValueError for bad labels
    or different lengths.
    """
    clean, classes = check_labels(true, num_classes)
    labels, largest = check_labels(given, num_classes)
    if len(clean) != len(labels):
        raise ValueError(f"true and given labels must be equally many, got {len(clean)} and {len(labels)}")
    if num_classes is None:
        check_every_class(np.union1d(clean, labels), max(classes, largest))
    rate = float((labels != clean).mean())
    return NoisyLabels(labels, clean, max(classes, largest), kind, rate, 0, parameters=parameters)


def only_classes(noisy: NoisyLabels, classes: Iterable[int]) -> NoisyLabels:
    """`noisy` on the samples of some true classes; the others keep their true labels."""
    chosen = check_classes(classes, noisy.num_classes)
    chosen = sorted({*chosen} & {*noisy.parameters.get("classes", chosen)})
    affected = np.zeros(noisy.num_classes, dtype=np.bool_)
    affected[chosen] = True
    asked, replaced, probability = noisy.transition, noisy.replaced_by, noisy.flip_probability
    return replace(
        noisy,
        given=np.where(affected[noisy.true], noisy.given, noisy.true),
        replaced_by=None if replaced is None else np.where(affected[noisy.true], replaced, -1),
        flip_probability=None if probability is None else np.where(affected[noisy.true], probability, 0.0),
        transition=None if asked is None else np.where(affected[:, None], asked, np.eye(noisy.num_classes)),
        parameters={**noisy.parameters, "classes": chosen},
    )


def then(first: NoisyLabels, second: NoisyLabels) -> NoisyLabels:
    """Noise after noise: `second`, which was made from the labels that `first` gives.

    The transition is the product of the two where both are known. Raises ValueError where the true labels of `second` are not
    the given labels of `first`, and where both were drawn with one seed.
    """
    if not np.array_equal(first.given, second.true):
        raise ValueError("second must be noise on first.given, got other true labels; make it with f(first.given, ...)")
    if second.positions is not None:
        raise ValueError("second must keep all samples; apply the long tail first")
    if first.seed == second.seed and "sampling" in first.parameters and "sampling" in second.parameters:
        raise ValueError(f"second must have another seed than first, or the same samples flip twice; both have {first.seed}")
    classes = max(first.num_classes, second.num_classes)
    known = first.transition is not None and second.transition is not None and first.num_classes == second.num_classes
    transition = first.transition @ second.transition if known else None  # type: ignore[operator]
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
        transition,
        {"first": _part(first), "second": _part(second)} | _common_parameters(first, second),
        first.positions,
        early if late is None else late,
    )
    # A matrix says nothing about replaced images.
    if transition is None or made.replaced_by is not None:
        return replace(made, nominal_rate=made.rate)
    return replace(made, nominal_rate=float((1 - np.diagonal(transition))[made.true].mean()))


def _part(record: NoisyLabels) -> dict[str, Any]:
    """What has to be known of a part to make it again."""
    return {"kind": record.kind, "rate": record.nominal_rate, "seed": record.seed, **record.parameters}


def _common_parameters(first: NoisyLabels, second: NoisyLabels) -> dict[str, Any]:
    """What `then` keeps of both: where replaced images come from, and the sampling mode where both are independent draws.

    Two exact numbers of flips do not make an exact number: how many labels flip twice is left to chance.
    """
    modes = {record.parameters.get("sampling") for record in (first, second)}
    outside = {key: value for r in (first, second) for key, value in r.parameters.items() if key.startswith("outside")}
    return outside | ({"sampling": "iid"} if modes == {"iid"} else {})


class Inputs(TypedDict, total=False):
    """What a kind that is made of others hands on to them: what a data set supplies, see `noisylab.core.registries`."""

    num_classes: int | None
    seed: int
    features: ArrayLike | None
    root: str | PathLike[str] | None
    positions: ArrayLike | None
    fine_labels: ArrayLike | None


PER_SAMPLE = ("features", "positions", "fine_labels")


def _make(noise: str, labels: ArrayLike, **inputs: Any) -> NoisyLabels:
    """The noise that a spec names, on these labels."""
    made: NoisyLabels = NOISES.create(NOISES.parse(noise), labels=labels, **inputs)
    return made


@NOISES.register("on_classes")
def on_classes(labels: ArrayLike, noise: SpecText, classes: tuple[int, ...], **inputs: Unpack[Inputs]) -> NoisyLabels:
    """The noise of another spec on the samples of some true classes only.

    labels: int[N]; noise: "symmetric:0.4" or any other spec; inputs: num_classes, seed, features, root, positions, fine_labels,
    handed on to it. T_ij is that of the other noise for i in `classes`, else T_ii = 1.
    """
    return only_classes(_make(noise, labels, **inputs), classes)


@NOISES.register("chain")
def chain(labels: ArrayLike, first: SpecText, second: SpecText, **inputs: Unpack[Inputs]) -> NoisyLabels:
    """Noise after noise: the second spec corrupts the labels that the first one gives.

    labels: int[N]; first, second: "asymmetric(rate=0.2, mapping='cifar10')" or any other specs, drawn independently; inputs: as
    for `on_classes`. T = T_1 T_2 where both are known.
    """
    seed = inputs.get("seed", 0)
    one = _make(first, labels, **inputs)
    # A seed of its own: with equal uniform numbers the same samples would flip twice.
    again = {**inputs, "num_classes": one.num_classes, "seed": derive_seed(seed, "noise/second")}
    return replace(then(one, _make(second, one.given, **again)), seed=seed)


def long_tail(
    labels: ArrayLike, factor: PositiveUnit, num_classes: PositiveInt | None = None, *, seed: int = 0
) -> NDArray[np.int64]:
    """Sorted positions of the samples that stay when class k keeps n_max f^(k/(K-1)) samples (Cui et al. 2019).

    labels: int[N]; factor: n_min / n_max in (0, 1]; n_max: the size of class 0. At least one sample of every class stays, and
    none is added where a class is smaller. One seed is nested over factors.
    """
    clean, classes = check_true_labels(labels, num_classes)
    check_factor(factor)
    sizes = np.bincount(clean, minlength=classes)
    # The epsilon keeps 500.0000001 from being 501, and 4999.9999 from losing a sample.
    kept = np.floor(sizes.max() * factor ** (np.arange(classes) / max(classes - 1, 1)) + 1e-6).astype(np.int64)
    kept = np.minimum(np.maximum(kept, 1), sizes)
    shuffled = np.random.default_rng(derive_seed(seed, "noise/long_tail")).permutation(len(clean))
    order = shuffled[np.argsort(clean[shuffled], kind="stable")]
    start = np.cumsum(sizes) - sizes
    return np.sort(np.concatenate([order[s : s + k] for s, k in zip(start, kept, strict=True)]))


@NOISES.register("long_tailed")
def long_tailed(labels: ArrayLike, factor: PositiveUnit, noise: SpecText, **inputs: Unpack[Inputs]) -> NoisyLabels:
    """Class k keeps n_max f^(k/(K-1)) samples, then the noise of another spec corrupts those (RoLT, Wei et al. 2021).

    labels: int[N]; factor: n_min / n_max in (0, 1]; noise: any other spec; inputs: as for `on_classes`. `positions` of the
    record says which samples stay; T is that of the other noise.
    """
    clean, classes = check_true_labels(labels, inputs.get("num_classes"))
    kept = long_tail(clean, factor, classes, seed=inputs.get("seed", 0))
    of_kept = {key: np.asarray(value)[kept] for key in PER_SAMPLE if (value := inputs.get(key)) is not None}
    made = _make(noise, clean[kept], **{**inputs, "positions": kept, **of_kept, "num_classes": classes})
    if made.positions is not None:
        raise ValueError(f"noise must keep all samples inside long_tailed, got {noise!r}")
    parameters = {**made.parameters, "factor": float(factor)}
    return replace(made, positions=kept, kind=f"long_tailed+{made.kind}", parameters=parameters)
