"""From a command line to a dataclass. Every mistake gets a message of one line. Imports no torch."""

import contextlib
import difflib
import io
import re
import shlex
import typing
from collections.abc import Collection, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import tyro

from noisylab.core.registries import METHODS, NOISES
from noisylab.core.specs import split_assignment, split_outside

Arguments = TypeVar("Arguments")

_PLUGIN = "--plugin FILE (repeatable) adds what a Python file of yours registers; name it like anything built in."

# Options whose values look like one value if commas separate them.
_SPECS = {"--methods": METHODS, "--noise": NOISES}


def parse_command_line(
    kind: type[Arguments], command: str, description: str | None, args: Sequence[str], default: Arguments | None = None
) -> Arguments:
    """Parse a command line into a dataclass; `default` replaces the defaults of the dataclass.

    Exits after printing help if that is asked for. Raises ValueError, with a message of one line, for bad arguments.
    """
    options = _options(kind)
    for token in args:
        if token.startswith("--"):
            _check_option(token, options)
    for option, values in grouped(args):
        _check_apart(option, values, options.get(option))
    said = io.StringIO()
    text = f"{(description or '').strip()}\n\n{_PLUGIN}"
    shared: dict[str, Any] = {"prog": f"noisylab {command}", "description": text, "config": (tyro.conf.OmitArgPrefixes,)}
    if default is not None:
        shared["default"] = default
    try:
        with contextlib.redirect_stderr(said):
            parsed: Arguments = tyro.cli(kind, args=args, **shared)
    except SystemExit as end:
        if end.code:
            raise ValueError(_one_line(said.getvalue())) from None
        raise
    return parsed


def settings_of(pairs: Sequence[str]) -> dict[str, str]:
    """The settings in `--where KEY=VALUE ...`, by key."""
    try:
        return dict(split_assignment(pair) for pair in pairs)
    except ValueError as error:
        raise ValueError(f"--where {error}") from None


def grouped(args: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Every option of a command line with the values that follow it."""
    groups: list[tuple[str, list[str]]] = []
    for token in args:
        if token.startswith("--"):
            name, given, value = token.partition("=")
            groups.append((name.replace("_", "-"), [value] if given else []))
        elif groups:
            groups[-1][1].append(token)
    return groups


def taken(option: str, args: Sequence[str]) -> tuple[list[str], list[str]]:
    """The values of a repeatable option, as in `--plugin a.py --plugin=b.py`, and the rest of the command line."""
    values, rest = [], []
    tokens = iter(args)
    for token in tokens:
        if token == option:
            value = next(tokens, "--")
            if value.startswith("--"):
                raise ValueError(f"{option} needs a file")
            values.append(value)
        elif token.startswith(f"{option}="):
            values.append(token.partition("=")[2])
        else:
            rest.append(token)
    return values, rest


def _options(kind: type) -> dict[str, Any]:
    """The options of a dataclass and of the dataclasses in it, with their annotations."""
    found: dict[str, Any] = {}
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        annotation = hints[field.name]
        name = field.name.replace("_", "-")
        if is_dataclass(annotation):
            found |= _options(typing.cast(type, annotation))
        elif not {tyro.conf.Positional, tyro.conf.Suppress} & set(typing.get_args(annotation)[1:]):
            found["--" + name] = annotation
            if annotation is bool:
                found["--no-" + name] = annotation
    return found


def _check_option(token: str, known: Collection[str]) -> None:
    """Raise ValueError if an option is unknown, with a suggestion."""
    name = token.split("=")[0].replace("_", "-")
    if name in (*known, "--help"):
        return
    word = name.removeprefix("--")
    initials = [
        "--" + "-".join(w) for w in (k[2:].split("-") for k in known) if len(w) > 1 and "".join(x[0] for x in w) == word
    ]
    beginning = [k for k in known if len(word) > 2 and (k.startswith(name) or name.startswith(k))]
    meant = [*initials, *beginning, *difflib.get_close_matches(name, known, n=1, cutoff=0.7)]
    offered = ", ".join(option for option in known if not option.startswith("--no-"))
    advice = f" (did you mean {meant[0]}?)" if meant else f"; the options are {offered}"
    raise ValueError(f"there is no option {name}{advice}")


def _check_apart(option: str, values: Sequence[str], annotation: Any) -> None:
    """Raise ValueError if the values of an option are separated by commas instead of spaces."""
    if not any(typing.get_origin(part) is tuple for part in (annotation, *typing.get_args(annotation))):
        return
    for value in values:
        parts = split_outside(value)
        if len(parts) > 1 and all(parts) and (_fits(option, parts[0]) or all(map(_is_number, parts))):
            raise ValueError(f"{option} {shlex.quote(value)}: write the values apart: {option} {shlex.join(parts)}")


def _fits(option: str, text: str) -> bool:
    try:
        _SPECS[option].parse(text)
    except (KeyError, ValueError):
        return False
    return True


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", text) is not None


def _one_line(panel: str) -> str:
    """Tyro's message without its title, box, advice on --help and help of the argument."""
    lines = [re.sub(r"^[│┃|]\s?|\s*[│┃|]$", "", line).strip() for line in panel.splitlines()]
    rules = [at for at, line in enumerate(lines) if line.startswith(("╭", "──", "━━", "---"))]
    start, end = [*rules, len(lines), len(lines)][:2]
    return re.sub(r"^Error parsing ((?!-)[^:]*: )?", "", " ".join(filter(None, lines[start + 1 : end])))
