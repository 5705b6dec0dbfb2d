"""What a noise kind or preset does, in words."""

import inspect

from noisylab.corruption.presets import NOTES
from noisylab.registries import NOISE


def describe(kind: str) -> None:
    """Print convention, formula and source of a noise kind, or what a preset's code does.

    Raises ValueError for an unknown name.
    """
    # A whole spec will do.
    kind = kind.split(":")[0].split("(")[0].strip()
    if kind in NOTES:
        print(f"preset(rate, source={kind!r})\n\n{NOTES[kind]}")
        return
    entries = NOISE.entries()
    if kind not in entries:
        raise ValueError(f"kind must be one of {', '.join([*entries, *NOTES])}, got {kind!r}")
    print(f"{entries[kind].signature()}\n\n{inspect.getdoc(NOISE.load(kind))}")
