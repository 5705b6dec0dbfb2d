"""From a command line to a dataclass. Every mistake gets a message of one line. Imports no torch."""

import contextlib
import difflib
import io
import re
import shlex
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar

import tyro

from noisylab.core.checks import expected
from noisylab.core.files import expanded
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, ENGINES, METHODS, MODELS, NOISES
from noisylab.core.specs import split_assignment, split_outside
from noisylab.core.suggestions import did_you_mean

Arguments = TypeVar("Arguments")
# Rewrites the values of an option.
Rewrite = Callable[[list[str]], list[str]]

_PLUGIN = "--plugin FILE (repeatable) adds what a Python file of yours registers; name it like anything built in."
# Each value of these names what it sets. Lists could as well replace each other as add up.
_REPEATABLE = ("--over", "--where", "--label")

_SPECS = {
    "--methods": METHODS,
    "--method": METHODS,
    "--noise": NOISES,
    "--data": DATA_SETS,
    "--model": MODELS,
    "--augment": AUGMENTATIONS,
    "--engine": ENGINES,
}
# Former names of options.
_RENAMED = {"--columns": "--width"}


def parse_command_line(
    kind: type[Arguments],
    command: str,
    description: str | None,
    args: Sequence[str],
    default: Arguments | None = None,
    rewrites: Mapping[str, Rewrite] | None = None,
) -> Arguments:
    """Parse a command line into a dataclass; `default` replaces the defaults of the dataclass.

    rewrites: what the values of an option mean, before they are checked. `~` is expanded in every path.

    Exits after printing help if that is asked for. Raises ValueError, with a message of one line, for bad arguments.
    """
    asked = {"--help", "-h"} & set(args)
    args = ["--help"] if asked else _checked(kind, command, args, rewrites or {})
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
    expanded: Arguments = _expanded(parsed)
    return expanded


def settings_of(pairs: Sequence[str]) -> dict[str, str]:
    """The settings in `--where KEY=VALUE ...`, by key."""
    settings: dict[str, str] = {}
    for pair in pairs:
        try:
            key, value = split_assignment(pair)
        except ValueError as error:
            raise ValueError(f"--where {error}") from None
        if key in settings:
            raise ValueError(f"--where names {key} twice: {settings[key]}, {value}")
        settings[key] = value
    return settings


def grouped(args: Sequence[str]) -> dict[str, list[str]]:
    """The values that follow each option; what precedes the first one is under ''. A repeated option has the values of all."""
    groups: dict[str, list[str]] = {"": []}
    values = groups[""]
    for token in args:
        if token.startswith("--"):
            name, given, value = token.partition("=")
            values = groups.setdefault(name.replace("_", "-"), [])
            values.extend([value] if given else [])
        else:
            values.append(token)
    return groups


def taken(option: str, args: Sequence[str]) -> tuple[list[str], list[str]]:
    """The values of a repeatable option, as in `--plugin a.py --plugin=b.py`, and the rest of the command line."""
    values, rest = [], []
    tokens = iter(args)
    for token in tokens:
        if token == option:
            value = next(tokens, "--")
            if value.startswith("--"):
                raise ValueError(f"{option} needs a value")
            values.append(value)
        elif token.startswith(f"{option}="):
            values.append(token.partition("=")[2])
        else:
            rest.append(token)
    return values, rest


def _checked(kind: type, command: str, args: Sequence[str], rewrites: Mapping[str, Rewrite]) -> list[str]:
    """The command line with each option once, after the positional arguments. Raises ValueError if a value cannot be read."""
    options, positional = _options(kind), _positional(kind)
    seen: dict[str, str] = {}
    for token in args:
        if token.startswith("--"):
            name, given, value = _check_option(token, options).partition("=")
            count = _item(options[name])[1]
            # A flag has two names.
            key = name.replace("--no-", "--") if count == 0 else name
            if key in seen and name not in _REPEATABLE:
                together = f"; write all values after one: {name} A B" if count is None else ""
                raise ValueError(
                    f"{name} is given twice{together}" if seen[key] == name else f"{seen[key]} and {name} are given"
                )
            if given and count == 0:
                raise ValueError(f"{name} takes no value, got {value!r}")
            seen[key] = name
    groups = grouped(args)
    rest = [("", value) for value in groups.pop("")]
    line: list[str] = []
    for option, values in groups.items():
        item, count = _item(options[option])
        values = rewrites.get(option, list)(values)
        used = len(values) if count is None else count
        # What an option has no room for is a positional argument.
        rest += [(option, value) for value in values[used:]]
        _check_values(option, values[:used], item, count, "--over" in options)
        line += [f"{option}={values[0]}"] if used == count == 1 else [option, *values[:used]]
    names = " ".join(name.upper() for name in positional)
    for option, value in rest[len(positional) :]:
        if value.startswith("-"):
            _check_option(value, options)
        after = f" after {option}" if option else ""
        quoted = ""
        if option and _item(options[option])[1] == 1:
            # A path with blanks that the shell has taken apart.
            quoted = f", or {option} {shlex.quote(' '.join(groups[option]))} if that is one value"
        raise ValueError(f"{value!r}{after} is one too many; write noisylab {f'{command} {names}'.strip()} [OPTIONS]{quoted}")
    for (_, value), (name, (annotation, _)) in zip(rest, positional.items(), strict=False):
        _check_readable(name, value, annotation)
    missing = [name for name, (_, needed) in positional.items() if needed][len(rest) :]
    if missing:
        # An option with any number of values takes all that follow it.
        greedy = next((option for option, values in groups.items() if values and _item(options[option])[1] is None), None)
        before = f" before {greedy}, which takes all that follows" if greedy else ""
        raise ValueError(f"{command} needs {' and '.join(map(str.upper, missing))}; write noisylab {command} {names}{before}")
    return [*(value for _, value in rest), *line]


def _expanded(held: Any) -> Any:
    """A dataclass with `~` expanded in its paths, and in those of the dataclasses in it."""
    changed = {}
    for name in (field.name for field in fields(held)):
        value = getattr(held, name)
        if isinstance(value, Path) and str(value).startswith("~"):
            changed[name] = expanded(value)
        elif is_dataclass(value) and (new := _expanded(value)) is not value:
            changed[name] = new
    return replace(held, **changed) if changed else held


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


def _positional(kind: type) -> dict[str, tuple[Any, bool]]:
    """The positional arguments of a dataclass: the annotation of each, and whether it is needed."""
    hints = typing.get_type_hints(kind, include_extras=True)
    marked = [field for field in fields(kind) if tyro.conf.Positional in typing.get_args(hints[field.name])[1:]]
    return {field.name: (hints[field.name], field.default is MISSING) for field in marked}


def _item(annotation: Any) -> tuple[Any, int | None]:
    """The annotation of one value of an option, and how many values it takes (None: any number)."""
    for part in (annotation, *typing.get_args(annotation)):
        if typing.get_origin(part) is tuple:
            item, *others = typing.get_args(part)
            return item, None if others == [...] else 1 + len(others)
    return annotation, 0 if annotation is bool else 1


def _check_option(token: str, known: Collection[str]) -> str:
    """Return `--option` or `--option=value` with dashes in its name. Raises ValueError if it is unknown, with a suggestion."""
    name, given, value = token.partition("=")
    name = name.replace("_", "-")
    if name in known:
        return name + given + value
    word = name.removeprefix("--")
    initials = [
        "--" + "-".join(w) for w in (k[2:].split("-") for k in known) if len(w) > 1 and "".join(x[0] for x in w) == word
    ]
    beginning = [k for k in known if len(word) > 2 and (k.startswith(name) or name.startswith(k))]
    renamed = [_RENAMED[name]] if _RENAMED.get(name) in known else []
    meant = [*renamed, *initials, *beginning, *difflib.get_close_matches(name, known, n=1, cutoff=0.7)]
    offered = ", ".join(option for option in known if not option.startswith("--no-"))
    advice = f" (did you mean {meant[0]}?)" if meant else f"; the options are {offered}" if offered else "; there are none"
    raise ValueError(f"there is no option {name}{advice}")


def _check_values(option: str, values: Sequence[str], item: Any, count: int | None, has_axes: bool) -> None:
    """Raise ValueError if values are missing, are separated by commas, or cannot be read."""
    if count and len(values) < count:
        needed = f"{count} values" if count > 1 else "a value"
        raise ValueError(f"{option} needs {needed}{_wanted(item)}{f', got {shlex.join(values)}' if values else ''}")
    for value in values:
        # A path in a single spec may have brackets and quotes of its own.
        parts = [value] if count and "," not in value else _parts(option, value, item)
        if len(parts) > 1 and count == 1:
            name = option.removeprefix("--").replace("-", "_")
            advice = f"; write --over {shlex.quote(f'{name}={value}')} to run each" if has_axes and option != "--jobs" else ""
            raise ValueError(f"{option} takes one value, got {shlex.quote(value)}{advice}")
        if len(parts) > 1:
            raise ValueError(f"{option} {shlex.quote(value)}: write the values apart: {option} {shlex.join(parts)}")
        _check_readable(option, value, item)


def _parts(option: str, text: str, annotation: Any) -> list[str]:
    """The values in a text that commas separate; the text itself if it may be one value."""
    if option not in _SPECS and _reads("", annotation):
        return [text]
    parts: list[str] = []
    for part in split_outside(text):
        # A comma also separates the overrides of a method.
        if parts and "@" in parts[-1] and option in _SPECS and _SPECS[option].overrides and re.match(r"\w+ *=", part):
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    # A comma can be part of a file's name.
    is_path = option in _SPECS and ":" in text and not all(_fits(option, part) for part in parts)
    return parts if all(parts) and not is_path else [text]


def _check_readable(name: str, text: str, annotation: Any) -> None:
    """Raise ValueError if a text is not a value of the annotation."""
    if _reads(text, annotation):
        return
    # A positional argument is left out, rather than None.
    wanted = expected(annotation) if name.startswith("--") else expected(annotation).removesuffix(" or None")
    meant = did_you_mean(text, re.findall(r"'(.+?)'", wanted))
    raise ValueError(f"{name} must be {wanted}, got {text!r}{meant}")


def _wanted(annotation: Any) -> str:
    return "" if _reads("", annotation) else f": {expected(annotation)}"


def _reads(text: str, annotation: Any) -> bool:
    """Whether a text is a value of the annotation, within its bounds or not."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _reads(text, parts[0])
    if origin in (typing.Union, UnionType):
        return any(_reads(text, part) for part in parts)
    if origin is typing.Literal:
        return text in parts
    if annotation is NoneType:
        return text == "None"
    if annotation in (int, float):
        with contextlib.suppress(ValueError):
            annotation(text)
            return True
        return False
    return True


def _fits(option: str, text: str) -> bool:
    try:
        _SPECS[option].parse(text)
    except ValueError:
        return False
    return True


def _one_line(panel: str) -> str:
    """Tyro's message without its title, box, advice on --help and help of the argument."""
    lines = [re.sub(r"^[│┃|]\s?|\s*[│┃|]$", "", line).strip() for line in panel.splitlines()]
    rules = [at for at, line in enumerate(lines) if line.startswith(("╭", "──", "━━", "---"))]
    start, end = [*rules, len(lines), len(lines)][:2]
    return re.sub(r"^Error parsing ((?!-)[^:]*: )?", "", " ".join(filter(None, lines[start + 1 : end])))
