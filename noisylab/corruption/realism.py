"""What makes human labels hard? Three synthetic controls at the same rate."""

from dataclasses import replace

from noisylab.corruption.drawing import Sampling
from noisylab.corruption.kinds.pair_flip import pair_flip
from noisylab.corruption.kinds.symmetric import symmetric
from noisylab.corruption.kinds.transition import drawn_from
from noisylab.corruption.matrices import empirical_matrix
from noisylab.corruption.record import NoisyLabels


def realism_controls(noisy: NoisyLabels, *, sampling: Sampling = "exact_per_class", seed: int = 0) -> dict[str, NoisyLabels]:
    """Synthetic noise on the same true labels at the same realised rate, to find what makes `noisy` hard or easy.

    Args:
        noisy: A record of labels, such as human ones.
        sampling: "exact_per_class", "exact" or "iid".
        seed: Seed of all draws.

    Returns:
        `class_conditional`, drawn from the empirical transition matrix of `noisy`, without its dependence on the image; and
        `symmetric` and `pair_flip`, which keep only the rate (Wei et al. 2022, section 4). If `noisy` leaves out samples
        (`positions`), so do they.

    Raises:
        ValueError: For open-set noise, whose images have no true label.

    Example:
        >>> from noisylab.corruption import pair_flip, realism_controls
        >>> controls = realism_controls(pair_flip([0, 1, 2, 3] * 25, 0.4))
        >>> [round(control.rate, 2) for control in controls.values()]
        [0.4, 0.4, 0.4]
    """
    if noisy.replaced_by is not None:
        raise ValueError(f"noise must be of labels alone, got {noisy.kind}, which replaces images")
    clean, classes = noisy.true, noisy.num_classes
    matrix = empirical_matrix(clean, noisy.given, classes)
    made = {
        "class_conditional": drawn_from(
            matrix, clean, None, kind="from_transition", parameters={}, sampling=sampling, seed=seed
        ),
        "symmetric": symmetric(clean, noisy.rate, classes, sampling=sampling, seed=seed),
        "pair_flip": pair_flip(clean, noisy.rate, classes, sampling=sampling, seed=seed),
    }
    return {name: replace(control, positions=noisy.positions, class_names=noisy.class_names) for name, control in made.items()}
