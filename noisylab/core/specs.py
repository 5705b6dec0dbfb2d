"""The spec language: `name`, `name:value` or `name(key=literal, ...)`.

Names and options are read from the source of the package that defines them, so that a command line can be checked
without importing torch. Values are literals and are never executed.
"""

import ast
import contextlib
import importlib
import inspect
import itertools
import os
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import UnionType
from typing import Any, Generic, Literal, TypeVar

from noisylab.core import checks
from noisylab.core.files import expanded, name_of, tails
from noisylab.core.path_hints import path_in_quotes, readers_of
from noisylab.core.signatures import REQUIRED, CallerArgs, Entry, Option, inspect_entry, read_entries
from noisylab.core.suggestions import did_you_mean

T = TypeVar("T", bound=Callable[..., Any])
Target = TypeVar("Target", bound=Callable[..., Any])

_OPENING, _CLOSING = "([{", ")]}"

# What a spec that names a file is called instead of the file's name; every entry with the path of a file takes it.
NAME = "name"


@dataclass(frozen=True)
class Spec:
    """A name with a value for every option. `str(spec)` is the canonical text; `label` and `family` are short, for tables.

    label: the name and the options that differ from the defaults: `symmetric:0.4`; for a path the name of its file without
    ending, or of its folder, unless the option `name` says another. family: the label without the main option: `symmetric`.
    overrides: settings of the training that replace those of the study, as in `elr@learning_rate=0.02`.
    """

    name: str
    options: Mapping[str, Any]
    label: str
    family: str
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}({_assignments(self.options, ', ')}){_overriding(self.overrides)}"


class Registry(Generic[T]):
    """The functions or classes of one kind that specs can name.

    variable: the name of this registry, as in `@NAME.register("name")`. kind: the word for an entry in messages. package: the
    package whose files register. context_args: parameters that the caller supplies and a spec cannot set. first_is_context:
    whether the first parameter is one of them, whatever its name. suggestions: replacement text for names people often try,
    such as {'none': 'symmetric:0'}. makes: the name of the class that an entry returns, which may be in a package that
    must not be imported here. needs: facts that every registration must state. overrides: annotations of the settings that a
    spec can override after an @.
    """

    def __init__(
        self,
        variable: str,
        kind: str,
        package: str,
        context_args: Iterable[str] = (),
        *,
        first_is_context: bool = False,
        suggestions: Mapping[str, str] | None = None,
        makes: str = "",
        needs: tuple[str, ...] = (),
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.variable, self.kind, self.package = variable, kind, package
        self.context_args, self.suggestions = frozenset(context_args), suggestions or {}
        self.makes, self.needs, self.overrides = makes, needs, overrides or {}
        self._caller = CallerArgs(self.context_args, first_is_context)
        self._added: dict[str, tuple[Entry, T]] = {}
        self._read_entries: dict[str, Entry] | None = None
        self._sorted: dict[str, Entry] | None = None
        # Identities that depend on the text alone; a study asks for few texts, thousands of times.
        self._identities: dict[str, str] = {}

    def register(self, name: str, *, main: str | None = None, **facts: Any) -> Callable[[Target], Target]:
        """Decorator that registers a function or class as `name`; `name:value` sets its parameter `main`.

        From then on, arguments are checked against their annotations at every call. facts: kept as `Entry.facts`, such as the
        caption of a figure. Raises ValueError if another file has registered the name, or if an option cannot be read from the
        signature.
        """

        if not isinstance(name, str):
            raise ValueError(f"write @{self.variable}.register({getattr(name, '__name__', 'name')!r})")

        def add(target: Target) -> Target:
            if inspect.isclass(target):
                if constructor := vars(target).get("__init__"):
                    setattr(target, "__init__", checks.checked(constructor))  # noqa: B010 - mypy knows it as final
                made: Any = target
            else:
                made = checks.checked(target)
            entry = self._complete(inspect_entry(name, made, main, facts, self._caller))
            known = self.entries().get(name) if self._is_foreign(entry) else self._added.get(name, (None,))[0]
            if known is not None and known.module != entry.module:
                raise ValueError(f"{self.kind} {name!r} of {entry.place} is registered already, at {known.place}")
            self._added[name], self._sorted, self._identities = (entry, made), None, {}
            return typing.cast(Target, made)

        return add

    def _complete(self, entry: Entry) -> Entry:
        for fact in self.needs:
            if fact not in entry.facts:
                raise ValueError(f"{entry.place}: write @{self.variable}.register({entry.name!r}, {fact}=...)")
        if any(checks.path_in(option.annotation) for option in entry.options.values()) and NAME not in entry.options:
            return replace(entry, options={**entry.options, NAME: Option(checks.LabelText | None, None)})
        return entry

    def _is_foreign(self, entry: Entry) -> bool:
        return not entry.module.startswith(f"{self.package}.")

    def forget(self, module: str) -> None:
        """Drop the entries of a module, so that it can be imported again."""
        self._added = {name: held for name, held in self._added.items() if held[0].module != module}
        self._sorted, self._identities = None, {}

    def entries(self) -> Mapping[str, Entry]:
        """All entries by name, in alphabetical order."""
        if self._read_entries is None:
            read = read_entries(self.package, self.variable, self._caller)
            self._read_entries = {name: self._complete(entry) for name, entry in read.items()}
        if self._sorted is None:
            added = {name: entry for name, (entry, _) in self._added.items()}
            self._sorted = dict(sorted((self._read_entries | added).items()))
        return self._sorted

    def load(self, name: str) -> T:
        """The registered function or class. Imports its module."""
        if name not in self._added:
            importlib.import_module(self.entries()[name].module)
        return self._added[name][1]

    def create(self, spec: Spec | str, *args: Any, **context: Any) -> Any:
        """Call the function or class that `spec` names, with its options and the caller's arguments.

        Passes on only the keyword arguments that the target accepts. Raises ValueError if the text is not a valid spec, if
        the target needs an argument that is not given, if a file is not there, or if it returns something else than this
        registry's entries make.
        """
        spec = self.located(spec, context.get("root"))
        target = self.load(spec.name)
        parameters = inspect.signature(target).parameters
        unknown = context.keys() - self.context_args
        if unknown:
            raise TypeError(f"{self.kind}s take {', '.join(sorted(self.context_args))}, got {', '.join(sorted(unknown))}")
        # A target with **inputs gets all of them.
        takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
        taken = {key: value for key, value in context.items() if takes_all or key in parameters}
        needed = [key for key, parameter in parameters.items() if parameter.default is REQUIRED and key in self.context_args]
        lacking = [key for key in needed if (taken[key] is None if key in taken else not args)]
        if lacking:
            raise ValueError(f"{self.kind} {spec.label!r} needs {', '.join(lacking)}, which is not supplied here")
        options = {key: value for key, value in spec.options.items() if takes_all or key in parameters}
        made = target(*args, **taken, **options)
        if self.makes and self.makes not in [part.__name__ for part in type(made).__mro__]:
            raise ValueError(f"{self.kind} {spec.label!r} must return {self.makes}, got {checks.shown(made)}")
        return made

    def parse(self, text: str | Spec, defaults: Mapping[str, Any] | None = None) -> Spec:
        """Parse a spec; `defaults` fill options that it leaves open, and `~` is expanded in paths. A `Spec` is returned as it
        is.

        Raises ValueError for an unknown name or option, a missing or ill-typed value, or bad syntax.
        """
        if isinstance(text, Spec):
            return text
        if not isinstance(text, str):
            raise ValueError(f"a {self.kind} must be a string such as {next(iter(self.entries()))!r}, got {checks.shown(text)}")
        written_spec, overrides = self._without_overrides(text)
        name, given = self._read(written_spec)
        entry = self.entries()[name]
        for key in given:
            if key not in entry.options:
                known = f"its options are {', '.join(entry.options)}" if entry.options else "it has no options"
                raise ValueError(
                    f"{self.kind} {text!r}: {name} has no option {key!r}{did_you_mean(key, entry.options)}; {known}"
                )
        usual = {key: (defaults or {}).get(key, option.default) for key, option in entry.options.items()}
        bound, written = {}, {}
        for key, option in entry.options.items():
            value = checks.listed(given.get(key, usual[key]), option.annotation)
            if value is REQUIRED:
                raise ValueError(f"{self.kind} {text!r}: {key} is missing; write {_example(entry)}")
            if typing.get_origin(option.annotation) is tuple and not isinstance(value, tuple):
                raise ValueError(f"{self.kind} {text!r}: {key} must be a list, e.g. [{value!r}], got {value!r}")
            try:
                checks.check_value(key, value, option.annotation)
            except ValueError as error:
                raise ValueError(f"{self.kind} {text!r}: {error}") from None
            if typing.get_origin(option.annotation) is typing.Annotated and typing.get_args(option.annotation)[0] is float:
                value = float(value)
            if _is_spec(option) and value is not None:
                # An inner spec gets the same defaults and canonical form as it would have on its own.
                inner = self.parse(value, defaults)
                if usual[key] not in (REQUIRED, None):
                    usual[key] = str(self.parse(usual[key], defaults))
                if inner.overrides:
                    raise ValueError(
                        f"{self.kind} {text!r}: {key} cannot override settings; write them after the whole {self.kind}: "
                        f"{name}({key}={str(value).partition('@')[0]!r}){_overriding(inner.overrides)}"
                    )
                value, written[key] = str(inner), inner.label
            if isinstance(value, str) and (path := checks.path_in(option.annotation)):
                value = _expanded(value, path, f"{self.kind} {text!r}: {key}")
                written[key] = name_of(value, folder=path.folder) if _is_a_path(value, path) else value
            bound[key] = value
        if _may_be_named(entry) and bound.get(NAME) is None:
            bound.pop(NAME, None)
        elif _may_be_named(entry) and (not bound[NAME].isprintable() or not bound[NAME].strip()):
            raise ValueError(f"{self.kind} {text!r}: name must be characters that can be seen, got {bound[NAME]!r}")
        shown = {key: written.get(key, value) for key, value in bound.items() if value != usual[key]}
        others = {key: value for key, value in shown.items() if key != entry.main}
        after = _overriding(overrides)
        if _may_be_named(entry) and NAME in bound:
            return Spec(name, bound, bound[NAME] + after, bound[NAME] + after, overrides)
        return Spec(name, bound, _label(entry, shown) + after, _label(entry, others) + after, overrides)

    def located(
        self, text: str | Spec, root: str | os.PathLike[str] | None = None, defaults: Mapping[str, Any] | None = None
    ) -> Spec:
        """The spec with every path absolute; what is not at its path is looked for below the folder `root`.

        There it may have any end of its path: `sets/x` or `x` for `/old/sets/x`. Raises ValueError if it is in no place.
        """
        spec, options = self.parse(text, defaults), {}
        for key, option in self.entries()[spec.name].options.items():
            value = spec.options.get(key)
            if _is_spec(option) and value is not None:
                options[key] = str(self.located(typing.cast(str, value), root))
            elif isinstance(value, str) and (path := checks.path_in(option.annotation)) and _is_a_path(value, path):
                options[key] = _place(value, path, root, f"{self.kind} {spec.label!r}")
        return replace(spec, options={**spec.options, **options})

    def nested_specs(self, spec: Spec) -> list[Spec]:
        """The spec itself, and the specs in its options, at any depth."""
        held = [spec.options[key] for key, option in self.entries()[spec.name].options.items() if _is_spec(option)]
        return [spec, *(part for text in held if text is not None for part in self.nested_specs(self.parse(text)))]

    def has_path(self, text: str | Spec, but: Iterable[str] = ()) -> bool:
        """Whether the spec, or one in it, names a file; entries in `but` do not count."""
        return any(
            isinstance(value, str)
            and (path := checks.path_in(self.entries()[part.name].options[key].annotation)) is not None
            and _is_a_path(value, path)
            for part in self.nested_specs(self.parse(text))
            if part.name not in set(but)
            for key, value in part.options.items()
        )

    def identity(self, text: str) -> str:
        """The canonical text of a spec, without options that are not part of a run's identity (`checks.NotIdentity`)."""
        if text in self._identities:
            return self._identities[text]
        spec, options, of_text = self.parse(text), {}, True
        for key, option in self.entries()[spec.name].options.items():
            if key not in spec.options:
                continue
            value, path = spec.options[key], checks.path_in(option.annotation)
            of_text = of_text and path is None
            if _is_spec(option):
                options[key] = None if value is None else self.identity(value)
                of_text = of_text and (value is None or value in self._identities)
            elif path is not None:
                # A number or a matrix in the place of a path counts, and so does the name of a set on a hub.
                if not isinstance(value, str) or not _is_a_path(value, path):
                    options[key] = value
            elif not checks.has_metadata(option.annotation, checks.NotIdentity()):
                options[key] = value
        found = str(Spec(spec.name, options, "", "", spec.overrides))
        if of_text:
            self._identities[text] = found
        return found

    def _without_overrides(self, text: str) -> tuple[str, dict[str, Any]]:
        """The spec before an @, and the settings after it in the order of `overrides`. Without overrides, @ is no sign."""
        parts = split_outside(text, "@") if self.overrides and "@" in text else [text]
        if len(parts) == 1:
            return text, {}
        form = f"{self.kind} {text!r} is not of the form {self.kind}@KEY=VALUE,KEY=VALUE"
        if len(parts) > 2:
            raise ValueError(f"{form}: it has more than one @")
        given: dict[str, Any] = {}
        for part in split_outside(parts[1]):
            try:
                key, value = split_assignment(part)
            except ValueError as error:
                raise ValueError(f"{form}: {error}") from None
            if key not in self.overrides:
                known = ", ".join(self.overrides)
                raise ValueError(
                    f"{self.kind} {text!r} cannot override {key!r}{did_you_mean(key, self.overrides)}; it can override {known}"
                )
            if key in given:
                raise ValueError(f"{self.kind} {text!r} overrides {key} twice")
            given[key] = _literal(value, self.overrides[key])
            try:
                checks.check_value(key, given[key], self.overrides[key])
            except ValueError as error:
                raise ValueError(f"{self.kind} {text!r}: {error}") from None
            given[key] = checks.plain_number(given[key], self.overrides[key])
        return parts[0], {key: given[key] for key in self.overrides if key in given}

    def _read(self, text: str) -> tuple[str, dict[str, Any]]:
        """The name and the options written in `text`, as literals."""
        head = _head(text)
        parts: list[str] = []
        # A file's name may have a quote or a bracket alone.
        with contextlib.suppress(ValueError) if text.strip().startswith(f"{head}:") else contextlib.nullcontext():
            parts = split_outside(text) if "," in text and text.count("(") == text.count(")") else []
        is_value = head in self.entries() and self.entries()[head].main is None and text.strip().startswith(f"{head}:")
        if len(parts) > 1 and not is_value and all(_head(part) in self.entries() for part in parts):
            raise ValueError(f"{self.kind} {text!r} is a list; write the {self.kind}s apart, without commas: {' '.join(parts)}")
        if head not in self.entries():
            known = ", ".join(self.entries())
            meant = f" (write {self.suggestions[head]})" if head in self.suggestions else ""
            # Of a name and an option's value with this beginning, the name is the simpler one.
            meant = meant or did_you_mean(head, [name for name in self.entries() if name.startswith(f"{head}_")])
            meant = meant or self._as_value(head, text.strip()[len(head) :]) or did_you_mean(head, self.entries())
            if readers := readers_of(text, self.entries()):
                head, meant = text.strip(), f"{meant}; a path is written {readers}"
            raise ValueError(f"unknown {self.kind} {head!r}{meant}; choose from {known}")
        rest = text.strip()[len(head) :]
        entry = self.entries()[head]
        if rest.startswith(":"):
            if entry.main is None:
                raise ValueError(f"{self.kind} {text!r}: {head} takes no value after ':'; write {_example(entry)}")
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
            named = f"; {error}" if str(error).startswith("write ") else path_in_quotes(entry)
            form = "name, name:value or name(key=literal, ...)"
            raise ValueError(f"{self.kind} {text!r} is not of the form {form}{named}") from error
        return head, dict(pairs)

    def _as_value(self, head: str, rest: str) -> str:
        """A suggestion if `head` is an option's value rather than a name: 'elr' -> "preset(source='elr')"."""
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


def _assignments(values: Mapping[str, Any], separator: str) -> str:
    return separator.join(f"{key}={value!r}" for key, value in values.items())


def _overriding(overrides: Mapping[str, Any]) -> str:
    """The text of overrides after a spec: `@learning_rate=0.02,weight_decay=0.001`."""
    if not overrides:
        return ""
    return "@" + ",".join(f"{key}={value if isinstance(value, str) else repr(value)}" for key, value in overrides.items())


def _head(text: str) -> str:
    """The name that a spec begins with."""
    return text.split("(")[0].split(":")[0].strip()


def _is_spec(option: Option) -> bool:
    return checks.has_metadata(option.annotation, checks.IsSpec())


def _may_be_named(entry: Entry) -> bool:
    return NAME in entry.options and checks.has_metadata(entry.options[NAME].annotation, checks.NotIdentity())


def _is_a_path(text: str, path: checks.IsPath) -> bool:
    """Whether a text is a path, if it may also be a name."""
    return not path.holds or Path(text).is_absolute() or text.startswith(".") or Path(text, path.holds).is_file()


def _expanded(text: str, path: checks.IsPath, where: str) -> str:
    if not text.strip() or "\0" in text:
        raise ValueError(f"{where} must be the path of a {'folder' if path.folder else 'file'}, got {text!r}")
    # Any other path stays as it is written.
    return str(expanded(text)) if text.startswith("~") else text


def _place(text: str, path: checks.IsPath, root: str | os.PathLike[str] | None, where: str) -> str:
    """The absolute path of what is at `text`, or at an end of it below `root`."""
    is_there, kind = (Path.is_dir, "folder") if path.folder else (Path.is_file, "file")
    at = Path(os.path.abspath(text))  # noqa: PTH100 - a link keeps its own name
    # What is there, but of the wrong kind, gets the message of its reader.
    if at.exists():
        return str(at)
    if text.strip()[:1] in "'\"" and os.path.exists(text.strip(" '\"")):  # noqa: PTH110 - any text
        raise ValueError(f"{where}: there is no {kind} {text!r}; a path after a colon is written without quotes")
    if root is None:
        raise ValueError(
            f"{where}: there is no {kind} {text!r}; if it was moved, name a folder above its new place with --data-root "
            "(in Python: data_root=)"
        )
    for tail in tails(text):
        if is_there(Path(root, tail)):
            return os.path.abspath(Path(root, tail))  # noqa: PTH100
    last = Path(root, tails(text)[-1] if tails(text) else "")
    if last.name == Path(root).name and is_there(Path(root)):
        raise ValueError(
            f"{where}: there is no {kind} {text!r}; the data root {str(root)!r} may be it: name its parent "
            f"{str(Path(root).absolute().parent)!r} as --data-root (in Python: data_root=)"
        )
    raise ValueError(
        f"{where}: there is no {kind} {text!r}, and none {str(last)!r} below the data root; name another --data-root"
    )


def _example(entry: Entry) -> str:
    """A valid spec with every value that has to be given, in quotes if a shell needs them."""
    needed = [key for key, option in entry.options.items() if option.default is REQUIRED or key == entry.main]
    text = str(entry.facts.get("example", entry.signature()))
    if needed and "example" not in entry.facts:
        values = {key: _example_value(key, entry.options[key]) for key in needed}
        text = _label(entry, values)
    return f'"{text}"' if "(" in text else text


def _example_value(key: str, option: Option) -> Any:
    if option.default is not REQUIRED:
        return option.default
    choices = typing.get_args(option.annotation) if typing.get_origin(option.annotation) is Literal else ()
    for value in (*choices, key.upper(), 0.4, 2, (1, 2), {0: 1}):
        with contextlib.suppress(ValueError):
            checks.check_value(key, value, option.annotation)
            return value
    return key


def _takes_text(annotation: Any) -> bool:
    """Whether an option accepts any text, even one that looks like a number, such as a file name."""
    is_made_of_parts = typing.get_origin(annotation) in (typing.Union, UnionType, typing.Annotated)
    return annotation is str or (is_made_of_parts and any(map(_takes_text, typing.get_args(annotation))))


def _literal(text: str, annotation: Any) -> Any:
    if _takes_text(annotation):
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
        if not str(value).isprintable():
            return f"{entry.name}({entry.main}={value!r})"
        return f"{entry.name}:{value:g}" if isinstance(value, float) else f"{entry.name}:{value}"
    return f"{entry.name}({', '.join(f'{key}={value!r}' for key, value in shown.items())})"


def _named(call: ast.expr, entry: Entry) -> str:
    """The correction of a call with a positional value, if the value is that of the main option."""
    if not isinstance(call, ast.Call) or len(call.args) != 1 or entry.main is None:
        return "positional values are not allowed"
    value = ast.unparse(call.args[0])
    if not call.keywords:
        return f"write {entry.name}:{value.strip(chr(39))}"
    rest = [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in call.keywords]
    return f"write {entry.name}({', '.join([f'{entry.main}={value}', *rest])})"


def _outside(text: str) -> Iterator[tuple[int, str]]:
    """Index and character of everything outside brackets and quotes. Raises ValueError at the end if one is left open."""
    closing, quote = "", ""
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in _OPENING:
            closing = _CLOSING[_OPENING.index(sign)] + closing
        elif closing:
            closing = closing.removeprefix(sign)
        else:
            yield place, sign
    if quote or closing:
        raise ValueError(f"{text!r} lacks a closing {quote or closing[0]}")


def split_outside(text: str, separator: str = ",") -> list[str]:
    """Split `text` at separators outside brackets and quotes, and strip the parts.

    Raises ValueError if a bracket or quote is left open.
    """
    cuts = [-1, *(place for place, sign in _outside(text) if sign == separator), len(text)]
    return [text[start + 1 : end].strip() for start, end in itertools.pairwise(cuts)]


def split_assignment(text: str, form: str = "KEY=VALUE") -> tuple[str, str]:
    """Split `text` at the first `=` outside brackets and quotes. Raises ValueError, with `form`, if one side is empty."""
    cut = next((place for place, sign in _outside(text) if sign == "="), len(text))
    key, value = text[:cut].strip(), text[cut + 1 :].strip()
    if not key or not value:
        raise ValueError(f"must be of the form {form}, got {text!r}")
    return key, value


def split_contrast(text: str) -> tuple[str, str]:
    """The method and the baseline of `dlb - repeat`. Raises ValueError for another form."""
    method, _, baseline = (part.strip() for part in text.partition(" - "))
    if not (method and baseline):
        raise ValueError(f'a contrast must be "METHOD - BASELINE", such as "dlb - repeat", got {text!r}')
    return method, baseline


def parse_assignments(texts: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """The values of each key in texts such as `batch_size=32,64` and `method="dlb(alpha=1)",ce`: literals, else strings.

    Raises ValueError if a text has another form, or if a key is given twice.
    """
    assigned: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        key, values = split_assignment(text, "KEY=VALUE,VALUE,...")
        if key in assigned:
            raise ValueError(f"{key} is given twice; write {key}={','.join(map(str, assigned[key]))},{values}")
        parts = split_outside(values)
        if not all(parts):
            raise ValueError(f"must be of the form KEY=VALUE,VALUE,..., got {text!r}")
        assigned[key] = tuple(_literal(part, Any) for part in parts)
    return assigned
