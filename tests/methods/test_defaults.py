"""The defaults are those of the papers and their public code, as the reference of the project has them."""

import pytest

from noisylab.core.registries import METHODS

PUBLISHED = {
    "lsr": {"epsilon": 0.1},
    "tf_kd_self": {"temperature": 6.0, "alpha": 0.95, "beta": 0.475},
    "tf_kd_reg": {"temperature": 20.0, "alpha": 0.1, "correct": 0.99, "form": "code"},
    "cs_kd": {"temperature": 4.0, "alpha": 1.0},
    "ps_kd": {"alpha": 0.8, "snapshot": False},
    "ddgsd": {"temperature": 4.0, "alpha": 1.0, "beta": 5e-4},
    "byot": {"temperature": 3.0, "alpha": 0.3, "beta": 0.03, "hints": "code", "squared": False, "scaled": False},
    "dlb": {"temperature": 3.0, "alpha": 1.0, "two_forward": False},
    "ban": {"generations": 2, "temperature": 1.0},
    "snapshot_kd": {"temperature": 2.0},
    "lwr": {"k": 5, "temperature": 5.0, "weight": 0.75},
    "hinton_kd": {"teacher": None, "temperature": 4.0, "alpha": 0.9},
    "dml": {"temperature": 1.0},
    "bootstrap_soft": {"beta": 0.95},
    "bootstrap_hard": {"beta": 0.8},
    "gce": {"q": 0.7},
    "sce": {"alpha": 0.1, "beta": 1.0},
    "nce_rce": {"alpha": 1.0, "beta": 1.0},
    "coteaching": {"forget_rate": None, "gradual_epochs": 10, "schedule": "paper"},
    "temporal_ensembling": {"momentum": 0.6, "weight": 300.0, "ramp_learning_rate": True},
    "elr": {"momentum": 0.7, "weight": 3.0},
    "jocor": {"weight": 0.9, "gradual": 10 / 200},
    "mean_teacher": {"form": "mse", "weight": None, "decay": 0.99},
    "bake": {"weight": 0.5, "temperature": 4.0, "batches": "same_class"},
    "logit_clip": {"tau": 1.0},
    "gjs": {"pi": 0.3},
    "sop": {"u_rate": 10.0, "v_rate": 10.0},
    "sat": {"momentum": 0.9, "start": 60 / 200},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_defaults_are_the_published_ones(name: str) -> None:
    options = METHODS.parse(name).options
    assert {key: options[key] for key in PUBLISHED[name]} == PUBLISHED[name]
