"""The user's own code: its digest for the identity of runs, and its import in other processes."""

import ast
import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from typing import Any

from noisylab.core import registries
from noisylab.core.plugins import load_plugins, loaded_plugins
from noisylab.core.specs import Registry
from noisylab.study.run_config import SPECS, Code


def code_of(**specs: str) -> tuple[Code, ...]:
    """The code outside noisylab that these specs name. Keywords are the spec fields of `RunConfig`."""
    found = {}
    for field, text in specs.items():
        registry = SPECS[field]
        for spec in registry.nested_specs(registry.parse(text)):
            module = registry.entries()[spec.name].module
            if not module.startswith("noisylab."):
                found[module, spec.name] = _code(module, registry, spec.name)
    return tuple(found.values())


def import_code(code: Iterable[Code]) -> None:
    """Import and register the code that a run needs, so that its specs can be read in this process too.

    Raises ValueError if the code is not what it was when the run was planned.
    """
    for each in code:
        missing = [entry for entry in each.names if entry[1] not in getattr(registries, entry[0]).entries()]
        if missing and each.source.endswith(".py"):
            load_plugins([each.source])
        elif missing:
            module = importlib.import_module(each.source)
            for kind, name, attribute in missing:
                registry = getattr(registries, kind)
                if name not in registry.entries():
                    registry.register(name)(attrgetter(attribute)(module))
        for kind, name, _ in each.names:
            registry = getattr(registries, kind)
            if _code(registry.entries()[name].module, registry, name).sha256 != each.sha256:
                raise ValueError(f"{registry.kind} {name!r} in {each.source} has changed since the run was planned")


def _code(module: str, registry: Registry[Any], name: str) -> Code:
    target = registry.load(name)
    names = ((registry.variable, name, target.__qualname__),)
    file = getattr(sys.modules[module], "__file__", None)
    if file in loaded_plugins():
        return Code(file, loaded_plugins()[file], names)
    try:
        # In a notebook there is only the source of the cell.
        source = inspect.getsource(target).encode() if file is None else Path(file).read_bytes()
    except (OSError, TypeError):
        reason = "so its runs could not be told from others; put it in a file"
        raise ValueError(f"the source of {registry.kind} {name!r} cannot be read, {reason}") from None
    if module == "__main__":
        source = _definitions(source)
    return Code(module, hashlib.sha256(source).hexdigest(), names)


def _definitions(script: bytes) -> bytes:
    """What a script defines: its functions, classes, imports and constants. What it does with them changes no run."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    kept = [
        node
        for node in ast.parse(script).body
        if isinstance(node, kinds) or (isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant))
    ]
    return "\n".join(map(ast.dump, kept)).encode()
