# Written by `make stubs`.
from .callback import Callback as Callback
from .callback import EpochSummary as EpochSummary
from .config import TrainConfig as TrainConfig
from .loop import train as train
