"""The one training loop, and what it is configured with."""

from typing import TYPE_CHECKING, Any

from noisylab.training.config import TrainConfig

if TYPE_CHECKING:
    from noisylab.data.batches.loader import TrainingSet
    from noisylab.training.callback import Callback
    from noisylab.training.loop import train

__all__ = ["Callback", "TrainConfig", "TrainingSet", "train"]


def __getattr__(name: str) -> Any:
    # A configuration can be checked without torch; the loop needs it.
    if name in __all__:
        from noisylab.training import loop

        return getattr(loop, name)
    raise AttributeError(name)
