"""Python objects instead of specs: they are saved or registered, and get a spec."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from noisylab.core.foreign_text import printable
from noisylab.core.registries import DATA_SETS, METHODS, MODELS, NOISES
from noisylab.core.specs import Registry
from noisylab.corruption import NoisyLabels
from noisylab.data.image_data import ImageData
from noisylab.data.map_style import from_datasets
from noisylab.study.inputs import keep_data, keep_labels


def data_spec(data: Any, study: Path) -> str:
    """The spec of a data set, given as a spec, an `ImageData`, or a pair (training set, test set) of map-style data sets.

    Raises ValueError for anything else, and for images that differ in shape.
    """
    if isinstance(data, str):
        return _known(DATA_SETS, data)
    if isinstance(data, tuple | list) and len(data) == 2:
        data = from_datasets(*data)
    if not isinstance(data, ImageData):
        raise ValueError(
            f"data must be a spec such as 'cifar10', an ImageData, or a pair (training set, test set), got {_shown(data)}"
        )
    digest = data.digest()[:6]
    return f"saved(path={str(keep_data(study, data).absolute())!r}, name='data #{digest}')"


def noise_spec(noise: Any, study: Path) -> str:
    """The spec of a noise, given as a spec or as a `NoisyLabels`."""
    if isinstance(noise, str):
        return _known(NOISES, noise, {"mapping": "digits"})
    if not isinstance(noise, NoisyLabels):
        raise ValueError(f"noise must be specs such as 'symmetric:0.4', or NoisyLabels, got {_shown(noise)}")
    return f"record(path={str(keep_labels(study, noisy=noise).absolute())!r}, name={record_label(noise)!r})"


def record_label(noise: NoisyLabels) -> str:
    """How tables name a record that stands for a spec: its kind, its rate, and the beginning of its digest."""
    return f"{printable(noise.kind)}:{noise.nominal_rate:g} #{noise.digest[:6]}"


def method_spec(method: Any) -> str:
    """The spec of a method, given as a spec or as a class. The class is registered under its name."""
    if isinstance(method, str):
        return _known(METHODS, method)
    from noisylab.methods.base import Method

    if not (inspect.isclass(method) and issubclass(method, Method)):
        raise ValueError(f"methods must be specs such as 'dlb(alpha=3)', or classes derived from Method, got {_shown(method)}")
    return _registered(METHODS, method)


def model_spec(model: Any) -> str:
    """The spec of a network, given as a spec or as a function (num_classes, in_channels) -> network, which is registered."""
    if isinstance(model, str):
        return _known(MODELS, model)
    if not callable(model):
        raise ValueError(f"model must be a spec such as 'resnet32', or a function that makes a network, got {_shown(model)}")
    return _registered(MODELS, model)


def _known(registry: Registry[Any], text: str, defaults: dict[str, Any] | None = None) -> str:
    registry.parse(text, defaults)
    return text


def _registered(registry: Registry[Any], target: Callable[..., Any]) -> str:
    """The name of a class or function in a registry; registers it if it is not there."""
    for name, entry in registry.entries().items():
        if entry.module == target.__module__ and inspect.unwrap(registry.load(name)) is target:
            return name
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", getattr(target, "__name__", "")).lower()
    if not name.isidentifier():
        raise ValueError(f"{registry.kind} {_shown(target)} has no name to call its runs by; define it with class or def")
    registry.register(name)(target)
    return name


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:60]!r}"
