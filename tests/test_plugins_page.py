"""The plug-ins of docs/plugins.md: each is known by name, and they make a study together."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STUDY = """
import sys
from pathlib import Path
import numpy as np
import noisylab as nl
from noisylab.core.registries import REGISTRIES

plugins = sorted(Path().glob("my_*.py"))
study = nl.sweep(
    "runs", methods=["label_margin:2"], noise="two_ahead:0.4", data="stripes", model="one_layer", augment="negative",
    seeds=2, epochs=2, jobs=2, engine="standard", plugins=plugins, progress=False,
) if __name__ == "__main__" else None
if study is not None:
    print(study.results[["method", "noise", "data", "model", "augment"]].iloc[0].tolist())
    records = study.records(method="label_margin:2", noise="two_ahead:0.4", seed=0)
    peak, last = nl.score(records, "peak_loss"), nl.score(records, "loss")
    assert (peak >= last).all() and nl.score(records, "peak_loss", running=True).shape == (2, 200)
    assert "peak_loss" in set(nl.detection_table(records)["score"])
    print(*(name for registry in REGISTRIES for name, entry in registry.entries().items() if "my_" in entry.module))
    if Path("my_figure.py").exists():
        study.figure("accuracies").save("figure")
"""


@pytest.mark.slow
def test_every_plug_in_of_the_page_works(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, flags=re.DOTALL))
    assert list(files) == [
        f"my_{kind}.py" for kind in ("method", "noise", "data", "augmentation", "model", "score", "figure", "engine")
    ]
    if importlib.util.find_spec("noisylab.plotting.drawn_figure") is None:
        del files["my_figure.py"]
    for name, code in (files | {"study.py": STUDY}).items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "study.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run, names = done.stdout.splitlines()
    assert "label_margin" in run
    assert "two_ahead" in run
    known = ["two_ahead", "stripes", "negative", "one_layer", "label_margin", "peak_loss", "accuracies", "standard"]
    assert names.split() == known[: len(files)]


def test_the_page_has_an_example_that_the_shell_takes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n# my_method\.py\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "my_method.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "noisylab", "list", "methods", "label_margin", "--plugin", "my_method.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "The hinge of the given label's margin (mine, 2026)" in done.stdout
