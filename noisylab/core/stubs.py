"""`python -m noisylab.core.stubs` (or `make stubs`) writes the stub of every package that loads its names lazily.

A stub names the module of each public name. `lazy_loader`, editors and mypy read it. Registered names come from the
registries, all others from `PUBLIC`.
"""

import argparse
import sys
from pathlib import Path

import noisylab
from noisylab.core.registries import METHODS, NOISES, SCORES

ROOT = Path(noisylab.__file__).parent

# package -> module in it -> names.
PUBLIC: dict[str, dict[str, list[str]]] = {
    "corruption": {
        "kinds.long_tailed": ["long_tail_indices"],
        "diagnostics": ["Diagnostics", "diagnose"],
        "estimators": ["anchor_points", "confident_joint", "confident_transition", "empirical_transition"],
        "kinds.open_set": ["replace_images"],
        "label_files": ["read_labels"],
        "realism": ["realism_controls"],
        "record": ["NoisyLabels", "from_pair"],
        "wrapping": ["CorruptedDataset"],
    },
    "models": {"base": ["Backbone", "create_model"]},
    "data": {
        "batches.batch": ["Batch"],
        "batches.loader": ["TrainingSet"],
        "batches.samplers": [
            "DelayedSampler",
            "LastBatchSampler",
            "PlainSampler",
            "SameClassSampler",
            "ShuffledIds",
            "TwinSampler",
        ],
        "map_style": ["from_datasets"],
        "image_data": ["ImageData", "load_data"],
    },
    "methods": {
        "base": ["Frozen", "Method", "RunInfo", "Step", "TeacherProvider", "create_method"],
        "dlb": ["DLBLoss", "dlb_loss"],
        "losses": ["distillation"],
    },
    "training": {
        "callback": ["Callback", "EpochSummary"],
        "config": ["TrainConfig"],
        "loop": ["train"],
    },
    "recording": {
        "recorder": ["DynamicsRecorder"],
        "records": ["load_dynamics", "make_records"],
        "step": ["binary_logits"],
    },
    "analysis": {
        "calibration": ["aurc", "brier", "ece", "ece_classwise", "nll"],
        "exchange": ["cleanlab_issues", "cleanlab_table", "read_aum", "read_cartography", "write_aum", "write_cartography"],
        "memorised_fractions": ["memorisation"],
        "mislabel_detection": ["Detection", "detection", "detection_table"],
        "over_epochs": ["flip_rates", "fractions_over_epochs", "training_dynamics"],
        "predicted_classes": [
            "churn",
            "class_accuracy",
            "classes_of",
            "confusion",
            "mean_churn",
            "selection",
            "top_k_accuracy",
        ],
        "prediction_flips": ["flips"],
        "scores.aum": ["aum_threshold", "fake_classes", "mislabelled_by_aum"],
        "scores.beta_mixture": ["beta_clean_probability"],
        "scores.el2n": ["error_norm"],
        "scores.loss_mixture": ["clean_probability"],
        "scoring": ["available", "score"],
    },
}
REGISTERED = {"corruption": NOISES, "methods": METHODS, "analysis": SCORES}

# The names of noisylab itself, besides all names of noisylab.corruption.
FACE: dict[str, list[str]] = {
    "analysis": ["detection_table", "score"],
    "api": ["Study", "open_study", "sweep"],
    "core.plugins": ["load_plugins"],
    "data": ["ImageData", "LastBatchSampler", "load_data"],
    "methods": ["DLBLoss", "Method", "create_method"],
    "models": ["create_model"],
    "recording": ["DynamicsRecorder", "load_dynamics"],
    "training": ["TrainConfig", "train"],
}


def room_names(room: str) -> dict[str, list[str]]:
    """The public names of a package, by the module that defines them."""
    names = {module: list(held) for module, held in PUBLIC[room].items()}
    for entry in REGISTERED[room].entries().values() if room in REGISTERED else ():
        names.setdefault(entry.module.removeprefix(f"noisylab.{room}."), []).append(entry.attribute)
    return names


def stub(names: dict[str, list[str]], *, version: bool = False) -> str:
    """The text of a stub."""
    lines = ["# Written by `make stubs`."]
    lines += [f"from .{module} import {name} as {name}" for module in sorted(names) for name in sorted(names[module])]
    return "\n".join([*lines, *(["", "__version__: str"] if version else [])]) + "\n"


def stubs() -> dict[Path, str]:
    """The text of every stub, by its path."""
    texts = {ROOT / room / "__init__.pyi": stub(room_names(room)) for room in PUBLIC}
    corruption = [name for held in room_names("corruption").values() for name in held]
    return texts | {ROOT / "__init__.pyi": stub(FACE | {"corruption": corruption}, version=True)}


def main() -> int:
    """Write the stubs, or with --check say which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a stub is out of date")
    check = parser.parse_args().check
    stale = [path for path, text in stubs().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path} is out of date; run make stubs" if check else f"wrote {path}")
        if not check:
            path.write_text(stubs()[path], encoding="utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
