"""Noise as published code makes it, if that differs from its paper."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.core.checks import NonNegativeInt, PositiveInt, UnitInterval
from noisylab.core.registries import NOISES
from noisylab.core.seeds import derive_seed
from noisylab.corruption.class_maps import named_map
from noisylab.corruption.class_names import named_classes
from noisylab.corruption.drawing import Drawing
from noisylab.corruption.kinds.asymmetric import asymmetric
from noisylab.corruption.kinds.pair_flip import pair_flip
from noisylab.corruption.kinds.symmetric import symmetric
from noisylab.corruption.matrices import Matrix, as_fields, regular
from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.validation import check_labels, check_true_labels

NOTES: dict[str, str] = {
    "dividemix": "symmetric: exactly int(r N) samples of the whole set get a uniform label, the true one included, so that "
    "about r (K-1)/K are wrong, while most papers' r is the realised rate. asymmetric: the same number of samples, drawn over "
    "all classes, goes through the CIFAR-10 map, so the rate of a mapped class is r only on average. The code names its noise "
    "file by the rate with one decimal and reads it back, so there .25 runs the noise of .2; here every rate is itself.",
    "coteaching": "symmetric: every sample on its own (iid), the true class excluded, as in the paper. pair: i -> i + 1, iid. "
    "The code ignores its noise seed and always draws with 0; here the seed counts.",
    "sce": "symmetric: int(int(r N) / K) samples of every class, equally many however large it is, get another class, drawn "
    "uniformly; on balanced classes that is the paper's r. asymmetric: int(r n_c) samples of every mapped class of CIFAR-10 or "
    "MNIST (7 -> 1, 2 -> 7, 3 -> 8, 5 <-> 6), chosen by the true label. On CIFAR-100 (superclasses in the paper), one "
    "random pair in each block of five classes in alphabetical order is swapped, iid: 40 of the 100 classes are noisy, the "
    "overall rate is .4 r. The code draws with NumPy's global generator, seeded with 123; here the seed counts.",
    "elr": "symmetric: as DivideMix (ceil(r N) samples, the true class included); the paper's rates are those. asymmetric: "
    "class by class IN PLACE, in the order 0 to 9, so part of the cats that became dogs turn back when it is the dogs' turn: "
    "at .4 the cats' rate is .24 instead of the paper's .4. On CIFAR-100: every class to the next of its block of five in "
    "alphabetical order (cifar100_contiguous5), iid.",
}

DATASETS = {"cifar10": ("CIFAR-10", 10), "mnist": ("MNIST", 10), "cifar100": ("CIFAR-100", 100)}

# The map of each code's asymmetric noise, by data set; None: random pairs.
ASYMMETRIC: dict[str, dict[str, str | None]] = {
    "dividemix": {"cifar10": "cifar10"},
    "sce": {"cifar10": "cifar10", "mnist": "mnist", "cifar100": None},
    "elr": {"cifar10": "cifar10", "cifar100": "cifar100_contiguous5"},
}


@dataclass(frozen=True)
class _Asked:
    """The noise that a code is asked for. pairs: true -> given of its asymmetric noise, empty for symmetric."""

    clean: NDArray[np.int64]
    classes: int
    rate: float
    form: str
    pairs: dict[int, int]
    seed: int
    rng: np.random.Generator

    def target(self) -> NDArray[np.float64]:
        """Row c: the distribution of the new labels of replaced samples of class c under `pairs`."""
        return np.eye(self.classes)[[self.pairs.get(c, c) for c in range(self.classes)]]


class _Drawn(NamedTuple):
    """The labels that a code gives, the transition that it implies, and how it draws."""

    given: NDArray[np.int64]
    transition: Matrix | None
    drawing: Drawing | None


@NOISES.register("preset", main="rate")
@named_classes
def preset(
    labels: ArrayLike,
    rate: UnitInterval,
    source: Literal["dividemix", "coteaching", "sce", "elr"],
    num_classes: PositiveInt | None = None,
    *,
    form: Literal["symmetric", "asymmetric", "pair"] = "symmetric",
    dataset: Literal["cifar10", "mnist", "cifar100"] | None = None,
    seed: NonNegativeInt = 0,
    class_names: tuple[str, ...] | None = None,
) -> NoisyLabels:
    """The noise that a published code runs, with its deviations from its paper: dividemix, coteaching, sce, elr.

    `noisylab list noise SOURCE` says what each code does and how it differs from its paper. Results are equal in
    distribution, not in the random numbers.

    Args:
        labels: int[N] true labels, or names.
        rate: The rate in the code's own convention.
        source: The code.
        num_classes: The number of classes; by default, that of the labels.
        form: "symmetric"; "asymmetric" (dividemix, sce, elr) or "pair" (coteaching).
        dataset: The data set whose asymmetric noise is used, whatever the classes mean: "cifar10", "mnist" (sce) or "cifar100"
            (sce, elr). By default CIFAR-100's for 100 classes, else CIFAR-10's.
        seed: Seed of all draws.
        class_names: In the order of the classes. A map follows its own classes into another order.

    Returns:
        The record.

    Raises:
        ValueError: For bad labels or rate, or a form or data set that the code does not have.

    Example:
        >>> from noisylab.corruption import preset
        >>> noisy = preset([0, 1, 2, 3] * 25, 0.4, "dividemix")
        >>> noisy.rate < 0.4  # the true class is drawn too
        True
    """
    forms = ("symmetric", "pair" if source == "coteaching" else "asymmetric")
    if form not in forms:
        raise ValueError(f"form must be one of {', '.join(map(repr, forms))} for {source!r}, got {form!r}")
    mapped = form == "asymmetric"
    clean, classes = check_true_labels(labels, num_classes) if not mapped else check_labels(labels, num_classes)
    rng = np.random.default_rng(derive_seed(seed, "noise/preset"))
    parameters: dict[str, Any] = {"source": source, "form": form}
    pairs: dict[int, int] = {}
    if mapped:
        dataset = dataset or ("cifar100" if classes == 100 else "cifar10")
        _check_dataset(source, dataset, classes, counted=num_classes is not None)
        mapping = ASYMMETRIC[source][dataset]
        pairs = _random_pairs(rng) if mapping is None else named_map(mapping, class_names)
        parameters["mapping"] = mapping or {str(true): given for true, given in pairs.items()}
    elif dataset is not None:
        raise ValueError(f"dataset is for form='asymmetric', got dataset={dataset!r} with form={form!r}")
    code = _independent if dataset == "cifar100" else CODES[source]
    drawn = code(_Asked(clean, classes, float(rate), form, pairs, seed, rng))
    if drawn.drawing is not None:
        parameters["sampling"] = str(drawn.drawing)
    return NoisyLabels(
        drawn.given, clean, classes, "preset", float(rate), int(seed), parameters=parameters, **as_fields(drawn.transition)
    )


def _independent(asked: _Asked) -> _Drawn:
    """Every sample on its own, as in every code's noise on CIFAR-100."""
    made = asymmetric(asked.clean, asked.rate, asked.pairs, asked.classes, sampling="iid", seed=asked.seed)
    return _Drawn(made.given, made.matrix, Drawing.IID)


def _coteaching(asked: _Asked) -> _Drawn:
    made = (symmetric if asked.form == "symmetric" else pair_flip)(
        asked.clean, asked.rate, asked.classes, sampling="iid", seed=asked.seed
    )
    return _Drawn(made.given, made.matrix, Drawing.IID)


def _dividemix(asked: _Asked) -> _Drawn:
    return _redrawn(asked, int(asked.rate * len(asked.clean) + 1e-9))


def _sce(asked: _Asked) -> _Drawn:
    """A whole number of samples of every class, rounded down."""
    given = _class_by_class(asked.clean, asked.rate, asked.classes, asked.pairs or None, asked.rng)
    transition = _class_by_class_matrix(asked.clean, asked.rate, asked.classes, asked.target() if asked.pairs else None)
    return _Drawn(given, transition, Drawing.ROUNDED_DOWN)


def _elr(asked: _Asked) -> _Drawn:
    """Like DivideMix, or CIFAR-10's map in place."""
    if not asked.pairs:
        # ceil that does not lift .2 * 50 = 10.000000000000002 to 11.
        return _redrawn(asked, int(np.ceil(asked.rate * len(asked.clean) - 1e-9)))
    identity = np.eye(asked.classes)
    transition, target = identity, asked.target()
    for true in range(asked.classes):
        step = identity.copy()
        step[true] = (1 - asked.rate) * identity[true] + asked.rate * target[true]
        transition = transition @ step
    return _Drawn(_in_place(asked.clean, asked.rate, asked.pairs, asked.rng), transition, None)


def _redrawn(asked: _Asked, count: int) -> _Drawn:
    """Redraw the labels of `count` samples of the whole set from `target`."""
    chosen = asked.rng.permutation(len(asked.clean))[:count]
    # Drawn for all samples, so that a lower rate is nested in a higher one.
    uniform = asked.rng.integers(asked.classes, size=len(asked.clean))
    table = np.array([asked.pairs.get(c, c) for c in range(asked.classes)])
    given = asked.clean.copy()
    given[chosen] = table[asked.clean[chosen]] if asked.pairs else uniform[chosen]
    if asked.pairs:
        transition: Matrix = (1 - asked.rate) * np.eye(asked.classes) + asked.rate * asked.target()
    else:
        off = asked.rate * (1 / asked.classes)
        transition = regular(np.full(asked.classes, 1 - asked.rate + off), share=off)
    return _Drawn(given, transition, Drawing.REDRAWN)


CODES: dict[str, Callable[[_Asked], _Drawn]] = {
    "dividemix": _dividemix,
    "coteaching": _coteaching,
    "sce": _sce,
    "elr": _elr,
}


def _check_dataset(source: str, dataset: str, classes: int, *, counted: bool) -> None:
    """Raise ValueError if the code has no asymmetric noise for the data set, or if the number of classes differs."""
    known = ASYMMETRIC[source]
    name, size = DATASETS.get(dataset, (dataset, classes))
    if dataset not in known:
        papers = "; mapping 'cifar100_superclass' of asymmetric is what papers describe" if dataset == "cifar100" else ""
        raise ValueError(f"{source} has asymmetric noise for {', '.join(DATASETS[k][0] for k in known)}, got {name}{papers}")
    if classes != size:
        some = f"; pass num_classes={size} if they are some of those" if not counted and classes < size else ""
        raise ValueError(f"the asymmetric noise of {source} is for {name}'s {size} classes, got {classes} classes{some}")


def _random_pairs(rng: np.random.Generator) -> dict[int, int]:
    """Swap two random classes in each block of five."""
    chosen = [(5 * block + rng.permutation(5)[:2]).tolist() for block in range(20)]
    return {true: given for a, b in chosen for true, given in ((a, b), (b, a))}


def _in_place(clean: NDArray[np.int64], rate: float, pairs: dict[int, int], rng: np.random.Generator) -> NDArray[np.int64]:
    """Apply CIFAR-10's map class by class, each time to the labels that the classes before have left."""
    given = clean.copy()
    for true in range(10):
        members = rng.permutation(np.flatnonzero(given == true))
        chosen = members[: int(np.ceil(rate * len(members) - 1e-9))]
        given[chosen] = pairs.get(true, true)
    return given


def _class_by_class(
    clean: NDArray[np.int64], rate: float, classes: int, pairs: Mapping[int, int] | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """SCE's noise: a whole number of samples of every class, rounded down."""
    order, ahead = rng.permutation(len(clean)), rng.integers(1, max(classes, 2), size=len(clean))
    given = clean.copy()
    equal = int(rate * len(clean) + 1e-9) // classes
    by_class = order[np.argsort(clean[order], kind="stable")]
    for true, members in enumerate(np.split(by_class, np.cumsum(np.bincount(clean, minlength=classes))[:-1])):
        if pairs is None:
            if equal > len(members):
                raise ValueError(f"rate {rate:g} wants {equal} samples of every class, but class {true} has {len(members)}")
            given[members[:equal]] = (true + ahead[members[:equal]]) % classes
        elif true in pairs:
            given[members[: int(rate * len(members) + 1e-9)]] = pairs[true]
    return given


def _class_by_class_matrix(clean: NDArray[np.int64], rate: float, classes: int, target: NDArray[np.float64] | None) -> Matrix:
    """The matrix of `_class_by_class`. Equal numbers per class are different shares if classes differ in size."""
    if target is not None:
        return (1 - rate) * np.eye(classes) + rate * target
    share = rate * len(clean) / classes / np.maximum(np.bincount(clean, minlength=classes), 1)
    share = np.where(np.isin(np.arange(classes), clean), np.minimum(share, 1), 0)
    return regular(1 - share, share=share / max(classes - 1, 1))
