"""What was meant by a name that is not known."""

import difflib
from collections.abc import Iterable

# Similarity that a short name needs: of three letters, two that agree are chance.
SHORT, SIMILAR = 0.7, 0.6


def nearest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names that are nearest to a word, the nearest first; empty if none is near.

    Names with the same letters come first, then those that begin with the word, then those that contain it, then similar ones,
    then those that begin with the word without its last letter.

    Args:
        word: What was written.
        known: What could have been meant.
        most: Number of names at most.

    Example:
        >>> from noisylab.core.suggestions import nearest
        >>> nearest("test_acc", ["test_nll", "test_accuracy_last", "test_accuracy_peak"])
        ['test_accuracy_last', 'test_accuracy_peak']
    """
    wanted, names = _plain(word), list(dict.fromkeys(known))
    if not wanted:
        return []
    plain = {name: _plain(name) for name in names}
    for found in (
        [name for name in names if sorted(plain[name]) == sorted(wanted)],
        [name for name in names if len(wanted) > 1 and plain[name].startswith(wanted)],
        [name for name in names if len(wanted) > 2 and wanted in plain[name]],
    ):
        if found:
            return found[:most]
    shares = {name: difflib.SequenceMatcher(None, wanted, plain[name]).ratio() for name in names}
    best = max(shares.values(), default=0)
    if best < (SHORT if len(wanted) < 5 else SIMILAR):
        # Names that begin like the word, up to a letter too many.
        return [name for name in names if len(wanted) > 4 and plain[name].startswith(wanted[:-1])][:most]
    return [name for name in sorted(names, key=lambda name: -shares[name]) if shares[name] > best - 0.05][:most]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remark on an unknown name: ` (did you mean 'dlb'?)`, or nothing if no known one is near.

    Example:
        >>> from noisylab.core.suggestions import did_you_mean
        >>> did_you_mean("dbl", ["ce", "dlb"]), did_you_mean("gif", ["pdf", "png"])
        (" (did you mean 'dlb'?)", '')
    """
    found = list(map(repr, nearest(word, known)))
    return f" (did you mean {' or '.join(filter(None, [', '.join(found[:-1]), found[-1]]))}?)" if found else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").strip()
