"""Whether two checkouts of noisylab give the same bits: `python tests/same_bits.py OTHER [THIS] [--renamed OLD=NEW ...]`.

Both run a small sweep of the methods named, on digits, in this environment. Runs are matched by method, noise and seed. Their
ids, their rows of `results.csv`, their metrics, the given labels and every array of their per-sample records have to be equal.
Columns of time are left out; what only this checkout has is named; `--new-ids` allows other ids.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas
import zarr

HERE = Path(__file__).resolve().parents[1]
TIMES = {"seconds", "images_per_second"}
SWEEP = [
    *("--noise", "symmetric:0.4", "instance:0.3", "chain(first='asymmetric:0.2', second='symmetric:0.1')"),
    *("--train-size", "400", "--epochs", "4"),
]


def run(checkout: Path, out: Path, methods: list[str], seeds: list[str]) -> None:
    """Run the small sweep of a checkout into `out`."""
    command = [sys.executable, "studies/noise_sweep.py", "--methods", *methods, *SWEEP, "--seeds", *seeds, "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{checkout}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a run's records and of its noise, by name."""
    held = {}
    group = zarr.open_group(folder / "dynamics.zarr", mode="r")
    held |= {f"records/{name}": np.asarray(array[:]) for name, array in group.arrays()}
    with np.load(folder / "noise.npz", allow_pickle=False) as noise:
        held |= {f"noise/{name}": noise[name] for name in noise.files}
    return held


def differences(other: Path, this: Path, renamed: dict[str, str], *, new_ids: bool) -> tuple[list[str], list[str]]:
    """What differs between two study folders, and what only this one has."""
    wrong, added = [], []
    key = ["method", "noise", "seed"]
    a, b = (pandas.read_csv(folder / "results.csv").rename(columns=names).sort_values(key, ignore_index=True)
            for folder, names in ((other, renamed), (this, {})))  # fmt: skip
    if not a[key].equals(b[key]):
        return [f"other runs: {len(a)} and {len(b)}"], []
    ids = list(zip(a["id"], b["id"], strict=True))
    left_out = TIMES | ({"id", "settings", "comparison_key"} if new_ids else set())
    added += [f"results.csv: {column}" for column in b.columns if column not in a.columns]
    for column in [column for column in a.columns if column not in left_out]:
        if column not in b.columns:
            wrong.append(f"results.csv lacks {column}")
        elif not a[column].equals(b[column]):
            wrong.append(f"results.csv: {column} differs")
    for old, new in ids:
        one, two = (pandas.read_csv(folder / run / "metrics.csv") for folder, run in ((other, old), (this, new)))
        shared = [renamed.get(column, column) for column in one.columns if column not in TIMES]
        if not one.rename(columns=renamed)[shared].equals(two[shared]):
            wrong.append(f"{new}: metrics.csv differs")
        first = {"/".join(renamed.get(part, part) for part in name.split("/")): v for name, v in arrays(other / old).items()}
        second = arrays(this / new)
        for name in sorted(first.keys() | second.keys()):
            if name not in first:
                added.append(f"{name} of each run")
            elif name not in second:
                wrong.append(f"{new}: no {name}")
            elif name == "noise/header":
                continue  # a text that holds the format's number
            elif first[name].dtype != second[name].dtype or first[name].tobytes() != second[name].tobytes():
                wrong.append(f"{new}: {name} differs")
    return wrong, list(dict.fromkeys(added))


def main() -> int:
    """Run both, compare, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("this", type=Path, nargs="?", default=HERE)
    parser.add_argument("--methods", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", default=["0", "1"])
    parser.add_argument("--renamed", nargs="*", default=[], metavar="OLD=NEW")
    parser.add_argument("--new-ids", action="store_true", help="ids differ, since the format of configurations is another one")
    parser.add_argument("--keep", type=Path, help="folder for the runs, which are reused (default: a temporary one)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        base = arguments.keep or Path(temporary)
        folders = []
        for name, checkout in (("other", arguments.other), ("this", arguments.this)):
            folders.append(base / name)
            run(checkout.resolve(), base.resolve() / name, arguments.methods, arguments.seeds)
        renamed = dict(pair.split("=", 1) for pair in arguments.renamed)
        wrong, added = differences(*folders, renamed, new_ids=arguments.new_ids)
    for text in added:
        print(f"only here: {text}")
    for text in wrong:
        print(f"differs: {text}")
    print("the same bits" if not wrong else f"{len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
