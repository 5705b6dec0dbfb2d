"""The spec language of the command lines: `name`, `name:value` or `name(key=literal, ...)`.

Names and options are read from the source of the package that defines them, so that a command line can be checked
without importing torch. Values are literals; nothing is ever executed.
"""

import ast
import collections.abc
import difflib
import functools
import importlib
import importlib.util
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from noisylab.core import checks

T = TypeVar("T", bound=Callable[..., Any])
REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Option:
    """One option of a registered function or class: its annotation and its default (`REQUIRED` where it has none)."""

    annotation: Any
    default: Any


@dataclass(frozen=True)
class Entry:
    """A registered name: its options, the one that `name:value` sets, its docstring, and what else was said of it."""

    name: str
    module: str
    options: dict[str, Option]
    main: str | None
    documentation: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.documentation.split("\n")[0]

    def signature(self) -> str:
        """The entry as one would write it, with its defaults: `dlb(temperature=3.0, alpha=1.0)`."""
        parts = [key if o.default is REQUIRED else f"{key}={o.default!r}" for key, o in self.options.items()]
        return f"{self.name}({', '.join(parts)})" if parts else self.name


@dataclass(frozen=True)
class Spec:
    """A name with every option bound. `str(spec)` is canonical; the others are short enough for a table.

    label: name and what differs from the defaults: `symmetric:0.4`. family: the same without the main option: `symmetric`.
    """

    name: str
    options: Mapping[str, Any]
    label: str
    family: str

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.options.items())})"


class Registry(Generic[T]):
    """The functions or classes of one kind that specs can name; `supplied` are arguments the caller gives, not the spec.

    instead: what to write instead of names that are not there but looked for.
    """

    def __init__(
        self, variable: str, kind: str, package: str, supplied: set[str], instead: Mapping[str, str] | None = None
    ) -> None:
        self.instead = instead or {}
        self.variable, self.kind, self.package, self.supplied = variable, kind, package, supplied | {"self"}
        self._added: dict[str, tuple[Entry, T]] = {}

    def register(self, name: str, *, main: str | None = None, **facts: Any) -> Callable[[T], T]:
        """Decorator that makes a function or class known by `name`; `name:value` sets its parameter `main`.

        facts: literals that are kept as `Entry.facts`, such as the caption of a figure.
        """

        def add(target: T) -> T:
            options = {
                key: Option(parameter.annotation, parameter.default)
                for key, parameter in inspect.signature(target).parameters.items()
                if key not in self.supplied and parameter.kind is not inspect.Parameter.VAR_KEYWORD
            }
            entry = Entry(name, target.__module__, options, main, (inspect.getdoc(target) or "").strip(), facts)
            self._added[name] = (entry, target)
            return target

        return add

    def entries(self) -> dict[str, Entry]:
        """Every known name, in alphabetical order."""
        known = self._scanned() | {name: entry for name, (entry, _) in self._added.items()}
        return dict(sorted(known.items()))

    def load(self, name: str) -> T:
        """The registered function or class itself; imports its module."""
        if name not in self._added:
            importlib.import_module(self.entries()[name].module)
        return self._added[name][1]

    def create(self, spec: Spec, *args: Any, **supplied: Any) -> Any:
        """Call what `spec` names with its options and the caller's own arguments.

        Of the arguments given by name, it gets those that it takes. Raises ValueError where it needs one that is not given.
        """
        target = self.load(spec.name)
        parameters = inspect.signature(target).parameters
        unknown = supplied.keys() - self.supplied
        if unknown:
            raise TypeError(f"{self.kind}s are not supplied with {', '.join(sorted(unknown))}")
        # A target with **inputs hands on all that there is.
        all_of_it = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
        taken = {key: value for key, value in supplied.items() if all_of_it or key in parameters}
        named = [key for key in taken if key in parameters]
        lacking = [key for key in named if taken[key] is None and parameters[key].default is REQUIRED]
        if not args:
            lacking += [
                key
                for key, parameter in parameters.items()
                if key in self.supplied and key not in taken and parameter.default is REQUIRED
            ]
        if lacking:
            raise ValueError(f"{self.kind} {spec.label!r} needs {', '.join(lacking)}, which is not supplied here")
        return target(*args, **taken, **spec.options)

    def parse(self, text: str, defaults: Mapping[str, Any] | None = None) -> Spec:
        """The spec that `text` writes; `defaults` fill options it leaves open and the entry has.

        Raises ValueError for an unknown name or option, a missing or ill-typed value, or bad syntax.
        """
        name, given = self._read(text)
        entry = self.entries()[name]
        for key in given:
            if key not in entry.options:
                known = f"its options are {', '.join(entry.options)}" if entry.options else "it has no options"
                raise ValueError(f"{self.kind} {text!r}: {name} has no option {key!r}{_meant(key, entry.options)}; {known}")
        usual = {key: (defaults or {}).get(key, option.default) for key, option in entry.options.items()}
        bound, written = {}, {}
        for key, option in entry.options.items():
            value = given.get(key, usual[key])
            if value is REQUIRED:
                raise ValueError(f"{self.kind} {text!r}: {key} is missing; write {entry.signature()}")
            if typing.get_origin(option.annotation) is tuple:
                if not isinstance(value, list | tuple):
                    raise ValueError(f"{self.kind} {text!r}: {key} must be a list, e.g. [{value!r}], got {value!r}")
                value = tuple(value)
            try:
                checks.check_value(key, value, option.annotation)
            except ValueError as error:
                raise ValueError(f"{self.kind} {text!r}: {error}") from None
            if typing.get_origin(option.annotation) is typing.Annotated and typing.get_args(option.annotation)[0] is float:
                value = float(value)
            if _is_spec(option):
                # Canonical too, and with the same defaults, so that it is what it would be by itself.
                inner = self.parse(value, defaults)
                value, written[key] = str(inner), inner.label
            bound[key] = value
        shown = {key: written.get(key, value) for key, value in bound.items() if value != usual[key]}
        others = {key: value for key, value in shown.items() if key != entry.main}
        return Spec(name, bound, _label(entry, shown), _label(entry, others))

    def parts(self, spec: Spec) -> list[Spec]:
        """The spec itself, and those that its options hold, at any depth."""
        held = [spec.options[key] for key, option in self.entries()[spec.name].options.items() if _is_spec(option)]
        return [spec, *(part for text in held for part in self.parts(self.parse(text)))]

    def identity(self, text: str) -> str:
        """The canonical text of a spec without the options that are no part of a run's identity (`checks.NotIdentity`)."""
        spec, options = self.parse(text), {}
        for key, option in self.entries()[spec.name].options.items():
            if _is_spec(option):
                options[key] = self.identity(spec.options[key])
            elif not checks.has_metadata(option.annotation, checks.NotIdentity()):
                options[key] = spec.options[key]
        return str(Spec(spec.name, options, "", ""))

    def _read(self, text: str) -> tuple[str, dict[str, Any]]:
        """The name and the options written in `text`, as literals."""
        head = text.split("(")[0].split(":")[0].strip()
        if head not in self.entries():
            known = ", ".join(self.entries())
            meant = f" (write {self.instead[head]})" if head in self.instead else ""
            meant = meant or self._as_value(head, text.strip()[len(head) :]) or _meant(head, self.entries())
            raise ValueError(f"unknown {self.kind} {head!r}{meant}; choose from {known}")
        rest = text.strip()[len(head) :]
        entry = self.entries()[head]
        if rest.startswith(":"):
            if entry.main is None:
                raise ValueError(f"{self.kind} {text!r}: {head} takes no value after ':'; write {entry.signature()}")
            return head, {entry.main: _literal(rest[1:], entry.options[entry.main].annotation)}
        if not rest:
            return head, {}
        try:
            call = ast.parse(text.strip(), mode="eval").body
            if not isinstance(call, ast.Call) or call.args:
                raise ValueError(_named(call, entry))
            pairs = [(str(keyword.arg), ast.literal_eval(keyword.value)) for keyword in call.keywords]
            if len(dict(pairs)) < len(pairs):
                raise ValueError("an option is given twice")
        except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
            named = f"; {error}" if str(error).startswith("write ") else ""
            form = "name, name:value or name(key=literal, ...)"
            raise ValueError(f"{self.kind} {text!r} is not of the form {form}{named}") from error
        return head, dict(pairs)

    def _as_value(self, head: str, rest: str) -> str:
        """What to write where `head` is no name but a value that an option of some name can have."""
        for entry in self.entries().values():
            for key, option in entry.options.items():
                if typing.get_origin(option.annotation) is Literal and head in typing.get_args(option.annotation):
                    if key == entry.main:
                        return f' (did you mean "{entry.name}:{head}"?)'
                    inner = (
                        f"{entry.main}={rest[1:]}"
                        if rest.startswith(":") and entry.main
                        else rest.removeprefix("(").removesuffix(")")
                    )
                    return f' (did you mean "{entry.name}({", ".join(filter(None, [inner, f"{key}={head!r}"]))})"?)'
        return ""

    @functools.cache  # noqa: B019 - registries live as long as the process
    def _scanned(self) -> dict[str, Entry]:
        """The entries that the package's source files register, found without importing them."""
        origin = importlib.util.find_spec(self.package)
        assert origin is not None
        assert origin.submodule_search_locations
        entries = {}
        for path in sorted(Path(origin.submodule_search_locations[0]).glob("*.py")):
            source = path.read_text(encoding="utf-8")
            if f"@{self.variable}.register" not in source:
                continue
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    for decorator in node.decorator_list:
                        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"{self.variable}.register":
                            entry = self._entry(node, decorator, f"{self.package}.{path.stem}")
                            entries[entry.name] = entry
        return entries

    def _entry(self, node: ast.FunctionDef | ast.ClassDef, decorator: ast.Call, module: str) -> Entry:
        name = ast.literal_eval(decorator.args[0])
        facts = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in decorator.keywords}
        main = facts.pop("main", None)
        function: ast.FunctionDef | None = node if isinstance(node, ast.FunctionDef) else None
        if isinstance(node, ast.ClassDef):
            inits = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
            function = inits[0] if inits else None
        options = {} if function is None else _options(function.args, self.supplied)
        return Entry(name, module, options, main, (ast.get_docstring(node) or "").strip(), facts)


def _is_spec(option: Option) -> bool:
    return checks.IsSpec() in typing.get_args(option.annotation)


def _options(arguments: ast.arguments, supplied: set[str]) -> dict[str, Option]:
    """The options of a function read from its source, without what the caller supplies."""
    positional = [*arguments.posonlyargs, *arguments.args]
    padding: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = [*zip(positional, padding + list(arguments.defaults), strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {
        argument.arg: Option(_annotation(argument.annotation), REQUIRED if default is None else ast.literal_eval(default))
        for argument, default in pairs
        if argument.arg not in supplied
    }


def _annotation(node: ast.expr | None) -> Any:
    """The annotation as an object, where it is made of builtins, `typing` and `noisylab.core.checks`; else Any."""
    if node is None:
        return Any
    try:
        return eval(ast.unparse(node), vars(typing) | vars(collections.abc) | vars(checks))  # noqa: S307 - our own source, not the user's text
    except NameError:
        return Any


def _literal(text: str, annotation: Any) -> Any:
    if annotation is str:
        return text
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _label(entry: Entry, shown: Mapping[str, Any]) -> str:
    if not shown:
        return entry.name
    if entry.main is not None and list(shown) == [entry.main]:
        value = shown[entry.main]
        return f"{entry.name}:{value:g}" if isinstance(value, float) else f"{entry.name}:{value}"
    return f"{entry.name}({', '.join(f'{key}={value!r}' for key, value in shown.items())})"


def _named(call: ast.expr, entry: Entry) -> str:
    """What to write instead of a call with a positional value, where that is the main option."""
    if not isinstance(call, ast.Call) or len(call.args) != 1 or entry.main is None:
        return "positional values are not allowed"
    value = ast.unparse(call.args[0])
    if not call.keywords:
        return f"write {entry.name}:{value.strip(chr(39))}"
    rest = [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in call.keywords]
    return f"write {entry.name}({', '.join([f'{entry.main}={value}', *rest])})"


def _meant(word: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
