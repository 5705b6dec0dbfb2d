"""Descriptions of noise kinds and presets."""

import inspect
import re

from noisylab.core.checks import expected
from noisylab.core.registries import NOISES
from noisylab.corruption.kinds.presets import NOTES


def describe(kind: str) -> None:
    """Print convention, formula, source and options of a noise kind, or what a preset's code does.

    Args:
        kind: A name, or a spec such as "symmetric:0.4".

    Raises:
        ValueError: For an unknown name.

    Example:
        >>> from noisylab.corruption import describe
        >>> describe("pair_flip")  # doctest: +ELLIPSIS
        pair_flip(rate, sampling='exact_per_class')
        ...
    """
    name = re.split(r"[:(]", kind)[0].strip()
    # The only function that is not named like its kind, because `file` would say nothing in a user's code.
    name = "file" if name == "from_file" else name
    entries = NOISES.entries()
    if name in NOTES:
        print(f"preset(rate, source={name!r})\n\n{NOTES[name]}")
        return
    if name not in entries:
        raise ValueError(f"kind must be one of {', '.join([*entries, *NOTES])}, got {kind!r}")
    entry = entries[name]
    print(f"{entry.signature()}\n\n{inspect.getdoc(NOISES.load(name))}")
    choices = [(key, expected(option.annotation)) for key, option in entry.options.items()]
    known = [f"{key}: {values}" for key, values in choices if values != "anything"]
    print("\n" + "\n".join(known) if known else "", end="\n" if known else "")
