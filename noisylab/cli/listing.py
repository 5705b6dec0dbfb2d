"""List names: noisylab list methods. With a name, describe it: noisylab list methods dlb.

Write a name as name, name:value or name(key=literal, ...), such as "dlb(alpha=3)" or symmetric:0.4.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any, Literal, get_args

import tyro

from noisylab.cli.arguments import parse_command_line
from noisylab.core import registries
from noisylab.core.checks import expected
from noisylab.core.foreign_text import padded, width_of
from noisylab.core.lines import folded
from noisylab.core.signatures import REQUIRED, Entry
from noisylab.core.specs import Registry

Kind = Literal["methods", "noise", "models", "data", "augmentations", "scores", "figures", "studies", "engines"]
_FIDELITY = {
    "paper": "as printed",
    "code": "as in the authors' public code",
    "approximation": "a part is missing",
    "ours": "not published",
}
_REGISTRIES = {"noise": "NOISES", "data": "DATA_SETS", "studies": "NAMED_STUDIES"}


@dataclass(frozen=True)
class Arguments:
    """The command line."""

    kind: tyro.conf.Positional[Kind | None] = None
    """The kind (None: count the names of each kind)."""
    name: tyro.conf.Positional[str | None] = None
    """The name to describe (None: list all)."""


def main(args: Sequence[str]) -> int:
    """List the kinds or the names of a kind, or describe a name."""
    arguments = parse_command_line(Arguments, "list", __doc__, args)
    if arguments.kind is None:
        counts = [(kind, str(len(registry_of(kind).entries()))) for kind in get_args(Kind)]
        said = "\n".join(_in_columns(counts))
    elif arguments.name is None:
        said = "\n".join(listing(registry_of(arguments.kind)))
    else:
        said = describe(arguments.kind, arguments.name)
    width = get_terminal_size().columns
    print("\n".join(folded(line, width, 2 if line.startswith(" ") else 0) for line in said.split("\n")))
    return 0


def registry_of(kind: Kind) -> Registry[Any]:
    """The registry of a kind."""
    registry: Registry[Any] = getattr(registries, _REGISTRIES.get(kind, kind.upper()))
    return registry


def listing(registry: Registry[Any]) -> list[str]:
    """Every name beside its summary and source; below them its options with their defaults."""
    rows = []
    for entry in registry.entries().values():
        what, source = _summary(entry)
        options = entry.signature().removeprefix(entry.name)[1:-1]
        rows.append((entry.name, "\n".join(filter(None, [f"{what} ({source})" if source else what, options]))))
    return _in_columns(rows)


def describe(kind: Kind, name: str) -> str:
    """The documentation of a name, each of its options with its default and bounds, and a method's sources."""
    registry = registry_of(kind)
    if kind == "noise":
        from noisylab.corruption.kinds.presets import NOTES

        # A preset is described by the name of the published code.
        if name in NOTES:
            return f"preset(rate, source={name!r})\n\n{NOTES[name]}"
    # A spec is described by its name, but its values must be valid.
    entry = registry.entries().get(name) or registry.entries()[registry.parse(name).name]
    lines = [entry.signature(), "", _paragraphs(entry.documentation)]
    if entry.options:
        lines.append("\noptions:")
    rows = []
    for key, option in entry.options.items():
        default = "" if option.default is REQUIRED else f" (default: {option.default!r})"
        main = f"; short: {entry.name}:{key.upper()}" if key == entry.main else ""
        rows.append((key, f"{expected(option.annotation)}{default}{main}"))
    lines += _in_columns(rows, indent=2)
    if kind == "methods":
        lines += _provenance(entry)
    return "\n".join(lines)


def _paragraphs(documentation: str) -> str:
    """A docstring with each paragraph and each item in one line; examples stay as they are."""
    lines: list[str] = []
    for line in documentation.split("\n"):
        last = lines[-1] if lines else ""
        own, before = (len(text) - len(text.lstrip()) for text in (line, last))
        whole = line.strip() and last.strip() and not re.fullmatch(r"\w+:", last) and ">>>" not in last + line
        if whole and (own > before or own == before == 0):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _provenance(entry: Entry) -> list[str]:
    """What a method says of its sources. Nothing if torch, without which it cannot be loaded, is not installed."""
    try:
        method = registries.METHODS.load(entry.name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "torch":
            return []
        raise
    stated = method.provenance
    lines = [f"\nfidelity: {stated.fidelity} ({_FIDELITY[stated.fidelity]})"]
    defaults = [(key, repr(entry.options[key].default), source) for key, source in stated.numbers.items()]
    lines += ["defaults from:", *_in_columns(defaults, indent=2)] if defaults else []
    lines += ["deviations:", *(f"  {each}" for each in stated.deviations)] if stated.deviations else []
    lines.append(f"published number: {stated.published}")
    recipes = [
        (name, f"{', '.join(f'{key}={value}' for key, value in recipe.overrides().items())} ({recipe.source})")
        for name, recipe in method.recipe.items()
    ]
    return lines + (["recipes (--recipe paper):", *_in_columns(recipes, indent=2)] if recipes else [])


def _in_columns(rows: Sequence[Sequence[str]], indent: int = 0) -> list[str]:
    """The rows as lines; the last column is broken into lines that fit the terminal."""
    before = [list(column) for column in zip(*rows, strict=True)][:-1]
    widths = [max(map(width_of, column)) + 2 for column in before]
    start = indent + sum(widths)
    lines = []
    for *cells, last in rows:
        padding = " " * indent + "".join(padded(cell, width) for cell, width in zip(cells, widths, strict=True))
        broken = folded(last, max(get_terminal_size().columns - start, 24)).split("\n")
        lines += [(padding if number == 0 else " " * start) + line for number, line in enumerate(broken)]
    return lines


def _summary(entry: Entry) -> tuple[str, str]:
    """A figure's caption, or the first line of the documentation; and the source that ends that line."""
    line = str(entry.facts.get("caption", entry.summary))
    found = re.search(r"\s*\(((?:[^()]|\([^()]*\))*\b\d{4}[a-z]?)\)\.?$", line)
    return (line[: found.start()], found[1]) if found else (line.removesuffix("."), "")
