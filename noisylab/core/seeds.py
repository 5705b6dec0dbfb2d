"""Randomness as a function of named seeds: no state to save, so any step can be drawn again exactly."""

import hashlib


def derive_seed(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed for one purpose ("order", "augment", ...) at one place (epoch, step, ...) under `seed`."""
    text = "/".join([purpose, str(int(seed)), *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
