"""Classes by name: labels as text, and names wherever a kind takes classes."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from noisylab.corruption.record import NoisyLabels
from noisylab.corruption.sample_ids import in_one_order
from noisylab.corruption.validation import number_class, number_labels, numbered_by

Kind = TypeVar("Kind", bound=Callable[..., NoisyLabels])


def named_classes(kind: Kind) -> Kind:
    """Let a kind take labels, `mapping` and `classes` by name as well as by number; the record keeps `class_names`."""
    signature = inspect.signature(kind)

    @functools.wraps(kind)
    def wrapper(*args: Any, class_names: tuple[str, ...] | None = None, **kwargs: Any) -> NoisyLabels:
        given = signature.bind(*args, **kwargs).arguments
        given = in_one_order(given | given.pop("inputs", {}))
        found = None if given.get("labels") is None else number_labels(given["labels"])[1]
        names = found if class_names is None else tuple(class_names)
        if found is not None:
            given["labels"] = numbered_by(given["labels"], names)
        if names is None:
            # Records that are combined may have names.
            names = next((v.class_names for v in given.values() if isinstance(v, NoisyLabels) and v.class_names), None)
        if names is not None and ("num_classes" in signature.parameters or "inputs" in signature.parameters):
            if given.setdefault("num_classes", len(names)) not in (None, len(names)):
                raise ValueError(f"num_classes must be {len(names)}, the number of class names, got {given['num_classes']!r}")
            given["num_classes"] = len(names)
        if isinstance(mapping := given.get("mapping"), Mapping):
            given["mapping"] = {number_class(true, names): number_class(to, names) for true, to in mapping.items()}
        if isinstance(classes := given.get("classes"), tuple | list):
            given["classes"] = [number_class(each, names) for each in classes]
        if signature.parameters.keys() & {"inputs", "class_names"} and names is not None:
            given["class_names"] = names
        made = kind(**given)
        return made if names is None or made.class_names == names else replace(made, class_names=names)

    by_name = inspect.Parameter("class_names", inspect.Parameter.KEYWORD_ONLY, default=None)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "class_names"]
    end = len(parameters) - int(parameters[-1].kind is inspect.Parameter.VAR_KEYWORD)
    wrapper.__signature__ = signature.replace(parameters=[*parameters[:end], by_name, *parameters[end:]])  # type: ignore[attr-defined]
    return wrapper  # type: ignore[return-value]
