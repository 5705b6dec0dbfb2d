"""Per-sample records of training, and pure functions from records to numbers."""

from typing import TYPE_CHECKING, Any

from noisylab.analysis.exchange import (
    cleanlab_issues,
    cleanlab_table,
    read_aum,
    read_cartography,
    write_aum,
    write_cartography,
)
from noisylab.analysis.memorised_fractions import memorisation
from noisylab.analysis.mislabel_detection import Detection, detection, detection_table
from noisylab.analysis.over_epochs import flip_rates, fractions_over_epochs, training_dynamics
from noisylab.analysis.prediction_flips import flips
from noisylab.analysis.scores.aum import aum, aum_threshold, fake_classes, mislabelled_by_aum
from noisylab.analysis.scores.consistency import (
    prediction_consistency,
    prediction_divergence,
    prediction_entropy,
    step_consistency,
    step_divergence,
)
from noisylab.analysis.scores.data_map import confidence, correctness, variability
from noisylab.analysis.scores.el2n import el2n, error_norm
from noisylab.analysis.scores.forgetting import forgetting_events, learning_time, wrong_events
from noisylab.analysis.scores.loss_mixture import clean_probability, loss_mixture
from noisylab.analysis.scoring import available, score
from noisylab.recording.records import load_dynamics, make_records

if TYPE_CHECKING:
    from noisylab.recording.recorder import DynamicsRecorder

__all__ = [
    "Detection",
    "DynamicsRecorder",
    "aum",
    "aum_threshold",
    "available",
    "clean_probability",
    "cleanlab_issues",
    "cleanlab_table",
    "confidence",
    "correctness",
    "detection",
    "detection_table",
    "el2n",
    "error_norm",
    "fake_classes",
    "flip_rates",
    "flips",
    "forgetting_events",
    "fractions_over_epochs",
    "learning_time",
    "load_dynamics",
    "loss_mixture",
    "make_records",
    "memorisation",
    "mislabelled_by_aum",
    "prediction_consistency",
    "prediction_divergence",
    "prediction_entropy",
    "read_aum",
    "read_cartography",
    "score",
    "step_consistency",
    "step_divergence",
    "training_dynamics",
    "variability",
    "write_aum",
    "write_cartography",
    "wrong_events",
]


def __getattr__(name: str) -> Any:
    # The recorder needs torch; reading records does not.
    if name == "DynamicsRecorder":
        from noisylab.recording.recorder import DynamicsRecorder

        return DynamicsRecorder
    raise AttributeError(name)
