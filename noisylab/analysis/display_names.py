"""What methods, noises and data are called in figures, tables and the page: one table of names for all three."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from noisylab.core.files import name_of
from noisylab.core.foreign_text import short_names
from noisylab.core.registries import DATA_SETS, METHODS, NOISES
from noisylab.core.specs import Registry, split_outside
from noisylab.core.suggestions import did_you_mean

if TYPE_CHECKING:
    import pandas

Kind: TypeAlias = Literal["method", "noise", "data"]
"""What a name is of; the column of `results.csv` that holds the specs."""

KNOWN = {"ce": "CE", "dlb": "DLB"}
"""Names of methods that are not written like their specs."""

_REGISTRIES: dict[Kind, Registry[Any]] = {"method": METHODS, "noise": NOISES, "data": DATA_SETS}
# An absolute path, on any system.
_PATH = re.compile(r"""(?<![^\s:='"(,])(?:~|[A-Za-z]:|\\)?[\\/][^'",()]+""")


@dataclass(frozen=True)
class DisplayNames:
    """Names of methods, noises and data for readers; `display_names` makes one that is checked against a study.

    labels: the reader's own names, by spec as the tables have it. Any other method has its known name (CE, DLB), and what is
    read from a file the spec's option `name`, or the file's name without ending: no folder is ever shown.

    Example:
        >>> from noisylab.analysis.display_names import DisplayNames
        >>> names = DisplayNames({"dlb(alpha=3.0)": "DLB, strong"})
        >>> names.method("dlb(alpha=3.0)"), names.method("ce"), names.data("npz:/home/me/pets.npz")
        ('DLB, strong', 'CE', 'npz:pets')
    """

    labels: Mapping[str, str] = field(default_factory=dict)

    def method(self, spec: str) -> str:
        """The name of a method."""
        return self._name("method", spec)

    def noise(self, spec: str) -> str:
        """The name of a noise."""
        return self._name("noise", spec)

    def data(self, spec: str) -> str:
        """The name of a data set."""
        return self._name("data", spec)

    def short(self, kind: Kind, specs: Sequence[str], longest: int) -> dict[str, str]:
        """The name of each spec in at most `longest` characters (8 or more), by spec; no two specs get one name.

        Variants of a method keep the options in which they differ, and other names that begin alike keep what differs.

        Example:
            >>> from noisylab.analysis.display_names import DisplayNames
            >>> DisplayNames().short("method", ["ce", "elr(weight=3.0, beta=0.7)", "elr(weight=3.0, beta=0.9)"], 16)
            {'ce': 'CE', 'elr(weight=3.0, beta=0.7)': 'elr(…, beta=0.7)', 'elr(weight=3.0, beta=0.9)': 'elr(…, beta=0.9)'}
        """
        distinct = list(dict.fromkeys(specs))
        return dict(
            zip(distinct, short_names(_differing([self._name(kind, spec) for spec in distinct], longest), longest), strict=True)
        )

    def _name(self, kind: Kind, spec: str) -> str:
        if spec in self.labels:
            return self.labels[spec]
        return KNOWN.get(spec, _without_folders(spec, _REGISTRIES[kind]))


def display_names(labels: Mapping[str, str], results: "pandas.DataFrame") -> DisplayNames:
    """The names for a study.

    Args:
        labels: A reader's own names by method, noise or data set, however its spec is written: `{"dlb(alpha=3)": "strong"}`.
        results: Rows of `results.csv`.

    Raises:
        ValueError: If a spec is not of the study, a name is empty, or two specs get the same name.

    Example:
        >>> import pandas
        >>> from noisylab.analysis.display_names import display_names
        >>> results = pandas.DataFrame({"method": ["ce", "dlb(alpha=3.0)"], "noise": "symmetric:0.4", "data": "digits"})
        >>> display_names({"dlb(alpha=3)": "DLB, strong"}, results).method("dlb(alpha=3.0)")
        'DLB, strong'
    """
    if not isinstance(labels, Mapping):
        raise ValueError(f"labels must be a mapping of specs to names, as {{'ce': 'baseline'}}, got {labels!r}")
    known = {kind: list(dict.fromkeys(map(str, results[kind]))) for kind in _REGISTRIES if kind in results}
    named: dict[str, str] = {}
    for written, text in labels.items():
        spec = _spec_of(written, known)
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"the name of {written} must be a text, got {text!r}")
        if named.get(spec, text) != text:
            raise ValueError(f"{spec} has two names: {named[spec]!r} and {text!r}")
        named[spec] = text
    names = DisplayNames(named)
    for kind, specs in known.items():
        taken: dict[str, str] = {}
        for spec in specs:
            other = taken.setdefault(names._name(kind, spec), spec)
            if other != spec and {spec, other} & named.keys():
                raise ValueError(f"{other} and {spec} would both be called {names._name(kind, spec)!r}; name one differently")
    return names


def labels_of(pairs: Sequence[str]) -> dict[str, str]:
    """The names in `--label SPEC=TEXT ...`, by spec. Raises ValueError if a pair has no name or a spec has two.

    Example:
        >>> from noisylab.analysis.display_names import labels_of
        >>> labels_of(["dlb(alpha=3)=DLB, strong", "elr@learning_rate=0.02=ELR"])
        {'dlb(alpha=3)': 'DLB, strong', 'elr@learning_rate=0.02': 'ELR'}
    """
    labels: dict[str, str] = {}
    for pair in pairs:
        spec, text = _split(pair)
        if not spec or not text:
            raise ValueError(f'--label must be of the form "SPEC=TEXT", as "dlb(alpha=3)=DLB, strong", got {pair!r}')
        if labels.setdefault(spec, text) != text:
            raise ValueError(f"--label names {spec} twice: {labels[spec]}, {text}")
    return labels


def _split(pair: str) -> tuple[str, str]:
    """A spec and its name. Both may hold an equals sign, so the spec is the first part that is one."""
    # An equals sign between brackets belongs to an option.
    cuts = [at for at, sign in enumerate(pair) if sign == "=" and pair[:at].count("(") == pair[:at].count(")")]
    parts = [(pair[:cut].strip(), pair[cut + 1 :].strip()) for cut in cuts]
    whole = [part for part in parts if any(_parses(part[0], registry) for registry in _REGISTRIES.values())]
    return next(iter([*whole, *parts]), (pair, ""))


def _spec_of(written: str, known: Mapping[Kind, Sequence[str]]) -> str:
    """The spec of the study that is meant by a text."""
    specs = [spec for held in known.values() for spec in held]
    if written in specs:
        return written
    for kind, held in known.items():
        for spec in held:
            if written.lower() == spec.lower() or _same(written, spec, _REGISTRIES[kind]):
                return spec
    meant = did_you_mean(written, specs)
    raise ValueError(f"no run has a method, noise or data {written!r} to name{meant}; there are {', '.join(specs)}")


def _same(written: str, spec: str, registry: Registry[Any]) -> bool:
    if not _parses(written, registry):
        return False
    asked = registry.parse(written)
    return asked.label == spec or (_parses(spec, registry) and str(asked) == str(registry.parse(spec)))


def _parses(text: str, registry: Registry[Any]) -> bool:
    try:
        registry.parse(text)
    except ValueError:
        return False
    return True


def _differing(names: Sequence[str], longest: int) -> list[str]:
    """The names, those of variants that are too long without the options in which all of them agree."""
    heads, options = zip(*map(_options, names), strict=True) if names else ((), ())
    shown = []
    for name, head, own in zip(names, heads, options, strict=True):
        family = [others for other, others in zip(heads, options, strict=True) if other == head]
        rest = [option for option in own if not all(option in others for others in family)]
        text = f"{head}({', '.join(['…', *rest])})" if len(rest) < len(own) else name
        if len(name) <= longest or len(family) == 1:
            text = name
        elif len(text) > longest:
            # The values alone, or what differs without the method.
            values = f"({', '.join(map(_value, rest))})"
            apart = f"…{', '.join(rest)}"
            # Values say more than the end of the method's name.
            room = longest - len(values) - 1
            cut = f"{head[:room]}…{values}" if room >= 3 else _with_beginning(head, values, longest)
            text = next((shorter for shorter in (f"{head}{apart}", f"{head}{values}", apart) if len(shorter) <= longest), cut)
        shown.append(text)
    # Values that begin alike are told apart by what follows.
    return [name if shown.count(text) > 1 else text for name, text in zip(names, shown, strict=True)]


def _with_beginning(head: str, values: str, longest: int) -> str:
    """A name with the beginning of its values, `dlb(forward…)`, up to the end of a part or else as much as fits.

    Whole if there is no room, or a number would be cut.
    """
    inner = values[1:-1]
    begun = inner[: max(0, longest - len(head) - len("(…)"))]
    part = begun.rpartition("_")[0] or begun
    return f"{head}({part}…)" if len(part) >= 3 and part.replace("_", "").isalpha() else f"{head}{values}"


def _value(option: str) -> str:
    """The value in `name=value`; of a switch that is on, its name."""
    name, _, value = option.partition("=")
    return name if value in ("", "True") else value.strip("'\"")


def _options(name: str) -> tuple[str, list[str]]:
    """The head of `head(option, option)`, and its options; a text of another form is a head."""
    head, bracket, inner = name.partition("(")
    if not bracket or not inner.endswith(")"):
        return name, []
    try:
        return head, split_outside(inner[:-1])
    except ValueError:
        return name, []


def _without_folders(spec: str, registry: Registry[Any]) -> str:
    """A spec whose files have no folders; the option `name` stands for the whole spec."""
    if "/" not in spec and "\\" not in spec:
        return spec
    if _parses(spec, registry) and registry.has_path(spec):
        return registry.parse(spec).label
    return _PATH.sub(lambda path: name_of(path[0].replace("\\", "/")), spec)
