# Written by `make stubs`.
from .recorder import DynamicsRecorder as DynamicsRecorder
from .records import load_dynamics as load_dynamics
from .records import make_records as make_records
from .step import binary_logits as binary_logits
