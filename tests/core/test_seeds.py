"""Named seeds."""

from noisylab.core.seeds import derive_seed


def test_seeds_differ_by_seed_purpose_and_place_and_stay_the_same_for_ever() -> None:
    keys = [
        (0, "order"),
        (1, "order"),
        (0, "augment"),
        (0, "order", 0),
        (0, "order", 1),
        (0, "order", 1, 0),
        (0, "order", 11, 0),
    ]
    derived = [derive_seed(seed, purpose, *place) for seed, purpose, *place in keys]  # type: ignore[arg-type]
    assert len(set(derived)) == len(keys)
    assert all(0 <= seed < 2**63 for seed in derived)
    # A change of this number would change every published result.
    assert derive_seed(0, "order", 3) == 3067814781472862278
