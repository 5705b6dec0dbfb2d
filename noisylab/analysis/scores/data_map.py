"""The data map of Swayamdipta et al. 2020: confidence, variability and correctness of every sample."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from noisylab.analysis._running import Values, after_each, check_correct, check_epochs, mean_over_epochs
from noisylab.core.registries import SCORES


@SCORES.register("confidence", needs="p_given", high=False)
def confidence(p_given: ArrayLike, *, running: bool = False) -> Values:
    """The mean over epochs of the given label's probability (Swayamdipta et al. 2020).

    Args:
        p_given: float[E, N]; NaN entries are left out.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Example:
        >>> from noisylab.analysis import confidence
        >>> confidence([[0.5, 0.25], [1.0, 0.25]]).tolist()
        [0.75, 0.25]

    Source:
        Swayamdipta et al., EMNLP 2020, section 2.
    """
    return mean_over_epochs(p_given, "p_given", running=running)


@SCORES.register("variability", needs="p_given", high=False)
def variability(p_given: ArrayLike, *, running: bool = False) -> Values:
    """Standard deviation over epochs of the given label's probability; its sign depends (Swayamdipta et al. 2020).

    It is the population's. Detection takes low values as suspect, which holds as long as mislabelled samples are not learned:
    their probability then stays near 0. If the network learns them late, it varies more for them than for clean samples, and
    the sign turns (for `repeat` at asymmetric noise of 0.4 on digits, ROC-AUC 0.34). Check the memorised share first.

    Args:
        p_given: float[E, N]; NaN entries are left out.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`.

    Example:
        >>> from noisylab.analysis import variability
        >>> variability([[0.5, 0.25], [1.0, 0.25]]).tolist()
        [0.25, 0.0]

    Source:
        Swayamdipta et al., EMNLP 2020, section 2.
    """
    array, there = check_epochs(p_given, "p_given")

    def values() -> Iterator[Values]:
        # Welford's recurrence, because a difference of sums of squares would lose small deviations.
        mean, squares, count = np.zeros((3, array.shape[1]))
        for now, present in zip(array, there, strict=True):
            count += present
            step = np.where(present, now - mean, 0)
            mean += step / np.maximum(count, 1)
            squares += step * np.where(present, now - mean, 0)
            yield np.sqrt(squares / np.maximum(count, 1))

    return after_each(values(), there, running)


@SCORES.register("correctness", needs="correct", high=False)
def correctness(correct: ArrayLike, *, shown: ArrayLike | None = None, running: bool = False) -> Values:
    """The share of epochs in which the sample was predicted as its given label (Swayamdipta et al. 2020).

    Args:
        correct: bool[E, N], whether the prediction is the given label.
        shown: bool[E, N], which epochs showed the sample; by default all.
        running: Whether to return the value after each epoch.

    Returns:
        float64[N], or float64[E, N] if `running`. The authors' code returns the number of epochs.

    Example:
        >>> from noisylab.analysis import correctness
        >>> correctness([[True, False], [True, True]]).tolist()
        [1.0, 0.5]
    """
    right, there = check_correct(correct, shown)
    return mean_over_epochs(right, "correct", shown=there, running=running)
