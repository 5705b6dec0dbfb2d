"""Training methods: what a batch is made of, and its loss. `noisylab.core.registries.METHODS` knows them by name."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisylab.methods.base import Frozen, Method, RunInfo, Step, TeacherProvider
    from noisylab.methods.dlb import DLBLoss, dlb_loss
    from noisylab.methods.losses import distillation

__all__ = ["DLBLoss", "Frozen", "Method", "RunInfo", "Step", "TeacherProvider", "distillation", "dlb_loss"]


def __getattr__(name: str) -> Any:
    # Methods can be listed and checked without torch; what they are made of needs it.
    if name in __all__:
        home = {"DLBLoss": "dlb", "dlb_loss": "dlb", "distillation": "losses"}.get(name, "base")
        return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
