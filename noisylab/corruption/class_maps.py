"""The named maps of asymmetric noise (true class -> given class), and CIFAR-100's superclasses."""

import re

import numpy as np
from numpy.typing import NDArray

# The superclass of each CIFAR-100 fine class, both in alphabetical order (Krizhevsky 2009).
# fmt: off
CIFAR100_SUPERCLASS = np.array([
     4,  1, 14,  8,  0,  6,  7,  7, 18,  3,  3, 14,  9, 18,  7, 11,  3,  9,  7, 11,  6, 11,  5, 10,  7,
     6, 13, 15,  3, 15,  0, 11,  1, 10, 12, 14, 16,  9, 11,  5,  5, 19,  8,  8, 15, 13, 14, 17, 18, 10,
    16,  4, 17,  4,  2,  0, 17,  4, 18, 17, 10,  3,  2, 12, 12, 16, 12,  1,  9, 19,  2, 10,  0,  1, 16,
    12,  9, 13, 15, 13, 16, 19,  2,  4,  6, 19,  5,  5,  8, 19, 18,  1,  2, 15,  6,  0, 17,  8, 14, 13,
])
# fmt: on


def _next_in_group(group: NDArray[np.int64]) -> dict[int, int]:
    """Map each class to the next class of its group, in ascending order, and the last one to the first."""
    members = [np.flatnonzero(group == g).tolist() for g in range(group.max() + 1)]
    return {true: given for m in members for true, given in zip(m, m[1:] + m[:1], strict=True)}


_DIGITS = {7: 1, 2: 7, 5: 6, 6: 5, 3: 8}


# name -> (number of classes, true -> given)
MAPPINGS: dict[str, tuple[int, dict[int, int]]] = {
    # truck -> automobile, bird -> airplane, cat <-> dog, deer -> horse (Patrini et al. 2017)
    "cifar10": (10, {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}),
    # 7 -> 1, 2 -> 7, 5 <-> 6, 3 -> 8 (Patrini et al. 2017)
    "mnist": (10, _DIGITS),
    # the same ten digits in scikit-learn's smaller images
    "digits": (10, _DIGITS),
    # From the code of WAR (Damodaran et al., github.com/bbdamodaran/WAR, simulate_noisylabel.py): ankle boot -> trouser,
    # sandal -> sneaker, pullover -> shirt, coat <-> shirt, dress -> T-shirt. Its comments say 9 -> 7 (sneaker) and 6 -> 2.
    # There is no consensus on FashionMNIST, hence the source in the name.
    "fashion_mnist_war": (10, {9: 1, 5: 7, 2: 6, 4: 6, 6: 4, 3: 0}),
    # as papers describe it: the next fine class inside the true superclass
    "cifar100_superclass": (100, _next_in_group(CIFAR100_SUPERCLASS)),
    # as the code of Patrini, ELR, JoCoR, PLC and APL does it: blocks of five in alphabetical order; 6 of its 100 flips
    # stay inside the true superclass
    "cifar100_contiguous5": (100, _next_in_group(np.arange(100) // 5)),
}

_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_TEN = tuple(map(str, range(10)))

# The classes that the numbers of a map stand for.
_NAMES = {"cifar10": _CIFAR10, "mnist": _TEN, "digits": _TEN, "fashion_mnist_war": _FASHION}


def named_map(name: str, class_names: tuple[str, ...] | None) -> dict[int, int]:
    """A map true -> given for these classes: if they are the map's own in another order, in that order, else by number."""
    pairs = MAPPINGS[name][1]
    own = [_letters(each) for each in _NAMES.get(name, ())]
    places = {_letters(each): number for number, each in enumerate(class_names or ())}
    if not own or places.keys() != set(own):
        return pairs
    return {places[own[true]]: places[own[given]] for true, given in pairs.items()}


def _letters(name: str) -> str:
    """A class name without its spelling: `T-shirt/top` and `t_shirt_top` are one class."""
    return re.sub(r"[\W_]", "", name.casefold())
