"""Per-sample records of training, and pure functions from records to numbers."""

from typing import TYPE_CHECKING, Any

from noisylab.analysis.dynamics import load_dynamics
from noisylab.analysis.fractions import memorisation

if TYPE_CHECKING:
    from noisylab.analysis.recorder import DynamicsRecorder

__all__ = ["DynamicsRecorder", "load_dynamics", "memorisation"]


def __getattr__(name: str) -> Any:
    # The recorder needs torch; reading records does not.
    if name == "DynamicsRecorder":
        from noisylab.analysis.recorder import DynamicsRecorder

        return DynamicsRecorder
    raise AttributeError(name)
