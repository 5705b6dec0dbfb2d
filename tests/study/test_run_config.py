"""A run's identity: all that can change a number, and nothing else."""

import dataclasses
import json
import re
from typing import Any

import numpy as np
import pytest

from noisylab.core.registries import METHODS
from noisylab.study.run_config import FORMAT, Code, RunConfig
from noisylab.training.config import TrainConfig

CONFIG = RunConfig(
    data="digits()",
    data_digest="0" * 64,
    noise_digest="0" * 64,
    train_size=100,
    test_size=50,
    model="small_cnn(width=16)",
    method="dlb(temperature=3.0, alpha=1.0)",
    noise="symmetric(rate=0.4, include_true=False, sampling='exact_per_class')",
    noise_seed=0,
    seed=0,
    augment="crop(padding=1, flip=False)",
    record="online",
    training=TrainConfig(device="cpu"),
    budget="epochs",
    # So that `select` can be another one.
    validation=0.1,
)

OTHER: dict[str, Any] = {
    "data": "cifar10()",
    "data_digest": "1" * 64,
    "noise_digest": "1" * 64,
    "train_size": 101,
    "test_size": 51,
    "model": "small_cnn(width=17)",
    "method": "dlb(temperature=3.0, alpha=1.5)",
    "noise": "symmetric(rate=0.4, include_true=True, sampling='exact_per_class')",
    "noise_seed": 1,
    "seed": 1,
    "augment": "crop(padding=1, flip=True)",
    "record": "eval",
    "budget": "images",
    "validation": 0.2,
    "select": "validation",
    "evaluate_every": 2,
    "code": (Code("module", "0" * 64),),
}

OTHER_TRAINING: dict[str, Any] = {
    "epochs": 41,
    "batch_size": 66,
    "optimizer": "adam",
    "learning_rate": 0.05000001,
    "momentum": 0.8,
    "weight_decay": 0.0,
    "schedule": "cosine",
    "milestones": (0.5,),
    "decay": 0.2,
    "warmup": 1.0,
    "device": "cuda",
    "precision": "bf16",
    "gradient_clip": 1.0,
    "ema": 0.9,
    "compile": True,
    "threads": 2,
    "stack": 2,
    "processes": 2,
    "sync_batch_norm": True,
}


def test_the_tables_of_this_test_name_every_field() -> None:
    assert set(OTHER) == {field.name for field in dataclasses.fields(RunConfig)} - {"training"}
    assert set(OTHER_TRAINING) == {field.name for field in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize("field", OTHER)
def test_every_field_of_a_run_is_part_of_its_identity(field: str) -> None:
    assert dataclasses.replace(CONFIG, **{field: OTHER[field]}).id != CONFIG.id


@pytest.mark.parametrize("field", OTHER_TRAINING)
def test_every_training_option_is_part_of_a_runs_identity(field: str) -> None:
    # What needs several processes is compared among runs of these.
    several = {"processes": 2} if field == "sync_batch_norm" else {}
    config = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, **several))
    training = dataclasses.replace(config.training, **{field: OTHER_TRAINING[field]})
    assert dataclasses.replace(config, training=training).id != config.id


def test_the_format_is_part_of_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    # A configuration keeps its id once it is asked for, so that of this format comes first.
    before = CONFIG.id
    monkeypatch.setattr("noisylab.study.run_config.FORMAT", FORMAT + 1)
    assert dataclasses.replace(CONFIG).id != before


def test_equal_configurations_have_equal_ids_that_begin_readably() -> None:
    assert dataclasses.replace(CONFIG).id == CONFIG.id
    assert re.fullmatch(r"dlb-symmetric-0.4-seed0-[0-9a-f]{12}", CONFIG.id)
    faster = dataclasses.replace(CONFIG, method="dlb()@learning_rate=0.02")
    assert re.fullmatch(r"dlb-symmetric-0.4-seed0-[0-9a-f]{12}", faster.id)


def test_an_id_is_a_plain_file_name() -> None:
    config = dataclasses.replace(CONFIG, noise="file(path='../../x y.npy')")
    assert re.fullmatch(r"[A-Za-z0-9.-]+", config.id)


@pytest.mark.parametrize(("field", "value"), [("seed", -1), ("seed", 0.5), ("noise_seed", -1), ("record", "both")])
def test_a_value_that_no_run_can_have_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(CONFIG, **{field: value})


def test_the_identity_of_a_run_stays_what_it_is() -> None:
    # Another id here repeats every run that anybody has: raise FORMAT if numbers change, and mend the identity if they do not.
    assert CONFIG.id == "dlb-symmetric-0.4-seed0-e8a07d42d0ce"
    plain = dataclasses.replace(CONFIG, method="ce()", noise="asymmetric(rate=0.2, mapping='digits', sampling='iid')", seed=3)
    assert plain.id == "ce-asymmetric-0.2-seed3-2f47a3e73621"


@pytest.mark.parametrize(
    ("field", "one", "two"),
    [
        ("data", "npz(path='a.npz')", "npz(path='/elsewhere/b.npz')"),
        ("noise", "file(path='a.npy', rate=0.2)", "file(path='b.npy', rate=0.2)"),
        (
            "noise",
            "on_classes(noise=\"file(path='a.npy')\", classes=(1,))",
            "on_classes(noise=\"file(path='b.npy')\", classes=(1,))",
        ),
        ("code", (Code("one.py", "0" * 64),), (Code("two.py", "0" * 64, (("METHODS", "a", "A"),)),)),
    ],
)
def test_a_path_is_no_part_of_the_identity_since_a_digest_stands_for_its_content(field: str, one: Any, two: Any) -> None:
    assert dataclasses.replace(CONFIG, **{field: one}).id == dataclasses.replace(CONFIG, **{field: two}).id


def under(budget: str, method: str, epochs: int = 12, **training: Any) -> RunConfig:
    return dataclasses.replace(
        CONFIG, method=method, budget=budget, training=TrainConfig(epochs, batch_size=32, device="cpu", **training)
    )


# Epochs and entries of a batch for E = 12 epochs and a nominal batch of 32.
@pytest.mark.parametrize(
    ("budget", "method", "epochs", "entries"),
    [
        ("images", "ce()", 12, 32),
        ("images", "dlb()", 6, 32),
        ("images", "tf_kd_self()", 12, 32),
        ("updates", "ce()", 12, 32),
        ("updates", "dlb()", 12, 64),
        ("epochs", "dlb()", 12, 32),
        ("compute", "ce()", 12, 32),
        ("compute", "dlb()", 6, 32),
    ],
)
def test_a_budget_turns_the_nominal_settings_into_those_of_the_method(
    budget: str, method: str, epochs: int, entries: int
) -> None:
    config = under(budget, method)
    assert (config.epochs_trained, config.batch_entries) == (epochs, entries)
    assert (config.training_run.epochs, config.training_run.batch_size) == (epochs, entries)
    assert (config.training.epochs, config.training.batch_size) == (12, 32)
    assert config.comparison_key == under(budget, "ce()").comparison_key


def test_equal_images_are_equal_images_and_equal_updates_equal_updates() -> None:
    samples = 320
    for budget in ("images", "updates"):
        ce, dlb = under(budget, "ce()"), under(budget, "dlb()")
        updates = [c.epochs_trained * factor * samples / c.batch_entries for c, factor in ((ce, 1), (dlb, 2))]
        images = [c.epochs_trained * factor * samples for c, factor in ((ce, 1), (dlb, 2))]
        assert updates[0] == updates[1]
        assert images[1] == images[0] * {"images": 1, "updates": 2}[budget]


def test_a_compute_budget_is_not_exceeded_even_if_an_epoch_costs_more_later(monkeypatch: pytest.MonkeyPatch) -> None:
    # One image a sample in the first four epochs, and three in the later ones.
    def factor(*, epochs: int, **_: Any) -> float:
        return (epochs + 2 * max(epochs - 4, 0)) / epochs

    monkeypatch.setattr(METHODS.load("ce"), "compute_factor", factor)
    assert under("compute", "ce()").epochs_trained == 6
    assert under("compute", "ce()", 15).epochs_trained == 7
    monkeypatch.setattr(METHODS.load("ce"), "compute_factor", lambda **_: 100.0)
    assert under("compute", "ce()").epochs_trained == 1


@pytest.mark.parametrize(("epochs", "advice"), [(5, "take 4 or 6,"), (1, "take 2,")])
def test_epochs_that_cannot_be_shared_out_are_refused_with_those_that_can(epochs: int, advice: str) -> None:
    with pytest.raises(
        ValueError,
        match=rf"epochs must be a multiple of 2 for dlb under budget images, got {epochs}; {advice} or --budget epochs",
    ):
        _ = under("images", "dlb()", epochs).epochs_trained


def test_overrides_of_a_method_hold_for_its_training_alone() -> None:
    config = under("images", "dlb()@optimizer=adam,learning_rate=0.001,gradient_clip=None", gradient_clip=5.0)
    assert config.training_run == dataclasses.replace(
        config.training, epochs=6, optimizer="adam", learning_rate=0.001, gradient_clip=None
    )
    plain = under("images", "dlb()", gradient_clip=5.0)
    assert config.training == plain.training
    assert config.id != plain.id
    assert config.comparison_key == plain.comparison_key, "they can be compared"


def test_what_the_budget_makes_impossible_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="dlb under budget images: warmup must be shorter than the 6 epochs, got 8"):
        _ = under("images", "dlb()", warmup=8.0).training_run


def test_an_epoch_can_be_selected_only_on_validation_samples() -> None:
    with pytest.raises(ValueError, match="select 'validation' needs validation samples, got validation 0; write --validation"):
        dataclasses.replace(CONFIG, select="validation", validation=0)


def test_equal_numbers_are_one_run_whatever_their_type() -> None:
    def trained(**options: Any) -> RunConfig:
        return dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, **options))

    assert trained(learning_rate=1).id == trained(learning_rate=1.0).id == trained(learning_rate=np.float64(1)).id
    assert trained(milestones=(0, 1)).id == trained(milestones=(0.0, 1.0)).id
    assert trained(gradient_clip=2).id == trained(gradient_clip=2.0).id
    assert dataclasses.replace(CONFIG, seed=np.int64(3)).id == dataclasses.replace(CONFIG, seed=3).id


def test_options_without_effect_are_no_part_of_the_identity() -> None:
    def cosine(**options: Any) -> str:
        training = dataclasses.replace(CONFIG.training, schedule="cosine", **options)
        return dataclasses.replace(CONFIG, training=training).id

    assert cosine() == cosine(milestones=(0.1,), decay=0.5)


def test_a_configuration_comes_back_from_json() -> None:
    config = dataclasses.replace(CONFIG, code=(Code("module", "0" * 64, (("METHODS", "a", "A"),)),))
    assert RunConfig.from_json(json.loads(json.dumps(config.as_json()))) == config


def test_runs_can_be_compared_that_differ_in_method_noise_and_seeds_alone() -> None:
    changed = {name: OTHER[name] for name in ("method", "noise", "noise_digest", "noise_seed", "seed", "code")}
    assert dataclasses.replace(CONFIG, **changed).comparison_key == CONFIG.comparison_key
    assert all(
        dataclasses.replace(CONFIG, **{name: OTHER[name]}).comparison_key != CONFIG.comparison_key
        for name in OTHER.keys() - changed.keys()
    )
