"""Options of registered functions and classes, read from the object, or from its source without importing it.

A name in an annotation or a default must come from `typing`, `collections.abc`, `os`, `numpy.typing`, the builtins,
`noisylab.core.checks`, or a constant or alias at the top of a noisylab file. Anything else is an error with file and line.
"""

import ast
import builtins
import functools
import importlib
import importlib.util
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

REQUIRED = inspect.Parameter.empty
ROOT = __name__.partition(".")[0]

_LIGHT = ("typing", "collections.abc", "os", "numpy.typing", f"{ROOT}.core.checks")
_TYPES = {name: value for name, value in vars(builtins).items() if isinstance(value, type)}


@dataclass(frozen=True)
class Option:
    """One option of a registered function or class: its annotation and its default (`REQUIRED` if it has none)."""

    annotation: Any
    default: Any


@dataclass(frozen=True)
class Entry:
    """A registered name.

    options: by name. main: the option that `name:value` sets. facts: the other arguments of `register`. place: file and line.
    """

    name: str
    module: str
    options: dict[str, Option]
    main: str | None
    documentation: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    place: str = field(default="", compare=False)
    attribute: str = ""

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise ValueError(
                f"{self.place}: a name must be made of letters, digits and _, such as 'my_name', got {self.name!r}"
            )
        if self.main is not None and self.main not in self.options:
            options = f"its options are {', '.join(self.options)}" if self.options else "it has no options"
            raise ValueError(f"{self.place}: main={self.main!r} is no option of {self.name}; {options}")

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.documentation.split("\n")[0]

    def signature(self) -> str:
        """The entry as one would write it, with its defaults: `dlb(temperature=3.0, alpha=1.0)`."""
        parts = [key if o.default is REQUIRED else f"{key}={o.default!r}" for key, o in self.options.items()]
        return f"{self.name}({', '.join(parts)})" if parts else self.name


@dataclass(frozen=True)
class CallerArgs:
    """Parameters that the caller supplies and a spec cannot set: by name, and with `first` the first parameter."""

    names: frozenset[str]
    first: bool = False

    def options(self, parameters: list[str]) -> list[str]:
        """The names of the parameters that are options."""
        named = [name for name in parameters if name != "self"]
        return [name for name in named[int(self.first) :] if name not in self.names]


def inspect_entry(
    name: str, target: Callable[..., Any], main: str | None, facts: Mapping[str, Any], caller: CallerArgs
) -> Entry:
    """The entry of a function or class that has been imported."""
    parameters = {
        key: parameter
        for key, parameter in inspect.signature(target).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    place = _place(target)
    options = {}
    for key in caller.options(list(parameters)):
        if key not in hints:
            raise ValueError(f"{place}: option {key!r} of {name} needs an annotation")
        options[key] = Option(hints[key], parameters[key].default)
    documentation = (inspect.getdoc(target) or "").strip()
    return Entry(name, target.__module__, options, main, documentation, facts, place, target.__name__)


def _place(target: Callable[..., Any]) -> str:
    """File and line of a function or class, or its module if there is no source."""
    own = vars(target).get("__init__") if inspect.isclass(target) else target
    code = getattr(inspect.unwrap(own), "__code__", None) if callable(own) else None
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    try:
        return f"{inspect.getsourcefile(target)}:{inspect.getsourcelines(target)[1]}"
    except (OSError, TypeError):
        return target.__module__


def read_entries(package: str, variable: str, caller: CallerArgs) -> dict[str, Entry]:
    """The entries that the files of `package` and of its sub-folders register with `@variable.register`, by name.

    A missing package has none. Raises ValueError, naming file and line, if a registration cannot be read.
    """
    entries: dict[str, Entry] = {}
    for path in sorted(_folder(package).rglob("*.py")):
        if f"{variable}.register" not in path.read_text(encoding="utf-8"):
            continue
        inside = path.relative_to(_folder(package)).with_suffix("").parts
        for entry in _source(".".join([package, *inside])).entries(variable, caller):
            if entry.name in entries:
                raise ValueError(f"{entry.place}: {entry.name!r} is registered already, at {entries[entry.name].place}")
            entries[entry.name] = entry
    return entries


def _folder(package: str) -> Path:
    """The folder of a package, found without importing its parents."""
    top, *rest = package.split(".")
    spec = importlib.util.find_spec(top)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]).joinpath(*rest)


@functools.cache
def _source(module: str) -> "_Source":
    """The parsed source of a module of this package."""
    path = _folder(module).with_suffix(".py")
    return _Source(module, path if path.is_file() else _folder(module) / "__init__.py")


class _Names(dict[str, Any]):
    """The names of a file, looked up when an expression asks for them."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        super().__init__()
        self.find = find

    def __missing__(self, name: str) -> Any:
        self[name] = self.find(name)
        return self[name]


class _Source:
    """A source file: the names that its top level defines, evaluated when they are needed."""

    def __init__(self, module: str, path: Path) -> None:
        self.module, self.path = module, path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.names = _Names(self.find)
        self.defined: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            for name in _defines(node):
                self.defined[name] = node

    def find(self, name: str) -> Any:
        """The value of a name. Raises NameError if it cannot be known without importing the file."""
        node = self.defined.get(name)
        if node is None and name in _TYPES:
            return _TYPES[name]
        if isinstance(node, ast.Import):
            whole = next(alias.name for alias in node.names if (alias.asname or alias.name) == name)
            if whole in _LIGHT:
                return importlib.import_module(whole)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            original = next(alias.name for alias in node.names if (alias.asname or alias.name) == name)
            if node.module in _LIGHT:
                return getattr(importlib.import_module(node.module), original)
            if self._is_ours(node.module):
                return _source(node.module).names[original]
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            return self.evaluate(node.value)
        # A class from a package that needs only NumPy can be imported.
        if isinstance(node, ast.ClassDef) and self.module.startswith((f"{ROOT}.core.", f"{ROOT}.corruption.")):
            return getattr(importlib.import_module(self.module), name)
        raise NameError(name)

    def _is_ours(self, module: str) -> bool:
        return module.partition(".")[0] in (ROOT, self.module.partition(".")[0])

    def evaluate(self, node: ast.expr) -> Any:
        """The value of an expression made of literals and known names."""
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        code: CodeType = compile(ast.Expression(node), str(self.path), "eval")
        return eval(code, {"__builtins__": {}}, self.names)  # noqa: S307 - our own source, not the user's text

    def read(self, node: ast.expr, what: str, *, annotation: bool = False) -> Any:
        """`evaluate`, with an error for `what`. Raises ValueError, naming file and line, if the value cannot be known."""
        try:
            if annotation and isinstance(node, ast.Constant) and isinstance(node.value, str):
                node = ast.parse(node.value, mode="eval").body
            return self.evaluate(node)
        except Exception as error:
            raise ValueError(
                f"{self.path}:{node.lineno}: {what} is {ast.unparse(node)!r}, which cannot be read without importing the file "
                f"({error}); use literals, constants at the top of a file, typing, or {ROOT}.core.checks"
            ) from None

    def entries(self, variable: str, caller: CallerArgs) -> Iterator[Entry]:
        """The entries that the file registers."""
        for node in _statements(self.tree):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            for decorator in node.decorator_list:
                function = decorator.func if isinstance(decorator, ast.Call) else decorator
                if ast.unparse(function).endswith(f"{variable}.register"):
                    if not isinstance(decorator, ast.Call) or not decorator.args:
                        raise ValueError(f"{self.path}:{decorator.lineno}: write @{variable}.register({node.name!r})")
                    if node not in self.tree.body:
                        raise ValueError(f"{self.path}:{node.lineno}: {node.name} must be registered at the top level")
                    yield self._entry(node, decorator, caller)

    def _entry(self, node: ast.FunctionDef | ast.ClassDef, decorator: ast.Call, caller: CallerArgs) -> Entry:
        name = self.read(decorator.args[0], f"the name of {node.name}")
        facts = {str(k.arg): self.read(k.value, f"{k.arg} of {name}") for k in decorator.keywords}
        main = facts.pop("main", None)
        function, home = (node, self) if isinstance(node, ast.FunctionDef) else self._constructor(node)
        options = {} if function is None else home.options(function.args, name, caller)
        documentation = (ast.get_docstring(node) or "").strip()
        place = f"{self.path}:{node.lineno}"
        return Entry(name, self.module, options, main, documentation, facts, place, node.name)

    def _constructor(self, node: ast.ClassDef) -> tuple[ast.FunctionDef | None, "_Source"]:
        """The `__init__` of a class or of its nearest base in this package, and the file that defines it."""
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                return item, self
        if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            raise ValueError(f"{self.path}:{node.lineno}: {node.name} must have an __init__, so that its options can be read")
        for base in node.bases:
            home, found = self._class(ast.unparse(base))
            if found is not None and (constructor := home._constructor(found))[0] is not None:
                return constructor
        return None, self

    def _class(self, name: str) -> tuple["_Source", ast.ClassDef | None]:
        """The definition of a class that this file defines or imports from this package."""
        node = self.defined.get(name)
        if isinstance(node, ast.ImportFrom) and self._is_ours(node.module or ""):
            original = next(alias.name for alias in node.names if (alias.asname or alias.name) == name)
            return _source(str(node.module))._class(original)
        return self, node if isinstance(node, ast.ClassDef) else None

    def options(self, arguments: ast.arguments, name: str, caller: CallerArgs) -> dict[str, Option]:
        """The options among the parameters of a function."""
        positional = [*arguments.posonlyargs, *arguments.args]
        padding: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        pairs = [*zip(positional, padding + list(arguments.defaults), strict=True)]
        pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        by_name = {argument.arg: (argument, default) for argument, default in pairs}
        options = {}
        for key in caller.options(list(by_name)):
            argument, default = by_name[key]
            if argument.annotation is None:
                raise ValueError(f"{self.path}:{argument.lineno}: option {key!r} of {name} needs an annotation")
            annotation = self.read(argument.annotation, f"the annotation of {key} of {name}", annotation=True)
            value = REQUIRED if default is None else self.read(default, f"the default of {key} of {name}")
            options[key] = Option(annotation, value)
        return options


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements in a node, at any depth; expressions, which hold none and are most of a file, are passed over."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from _statements(child)


def _defines(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a file defines."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []
