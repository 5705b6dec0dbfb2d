"""Size of the page of a CIFAR-sized study, time to write it, and time for a browser to open it.

    python benchmarks/report.py [DATA_ROOT]

The records are made up: 50,000 samples, three methods, 200 epochs. The images are CIFAR-10's if DATA_ROOT has them, else smooth
noise of the same size. Opening is timed five times in headless Chromium without a network: from navigation to the load event
and to the first samples on the screen, and the CPU time of the page's main thread until then. Also measures the default digits
study if runs/noise_sweep exists.
"""

import json
import resource
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import sync_playwright
from scipy.ndimage import gaussian_filter

from noisylab.core.registries import DATA_SETS
from noisylab.corruption import symmetric
from noisylab.data.image_data import load_data
from noisylab.plotting.study_runs import study_runs
from noisylab.recording import DynamicsRecorder
from noisylab.report.page import build_page, explore
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import METRICS, write_config, write_result
from noisylab.study.verify import kept_digests
from noisylab.training.config import TrainConfig

SAMPLES, CLASSES, EPOCHS, METHODS = 50_000, 10, 200, ("ce", "repeat", "dlb")


def make_study(folder: Path, root: Path | None) -> None:
    """Write the files of finished runs."""
    if root is None:
        rng = np.random.default_rng(0)
        images = gaussian_filter(rng.normal(size=(SAMPLES, 3, 32, 32)), (0, 0, 1.5, 1.5))
        images = ((images - images.min()) / np.ptp(images) * 255).astype(np.uint8)
        labels = np.arange(SAMPLES) % CLASSES
        arrays = {"train_images": images.transpose(0, 2, 3, 1), "train_labels": labels}
        np.savez(folder / "data.npz", **arrays, test_images=arrays["train_images"][:100], test_labels=labels[:100])
    spec = DATA_SETS.parse("cifar10" if root else f"npz:{folder / 'data.npz'}")
    data = load_data(spec, root)
    noisy = symmetric(data.train_labels, 0.4, CLASSES, seed=0)
    one_hot = [torch.eye(CLASSES)[torch.tensor(each)] for each in (noisy.true, noisy.given)]
    generator = torch.Generator().manual_seed(0)
    for method in METHODS:
        config = RunConfig(
            data=str(spec),
            data_digest=data.digest(),
            train_size=SAMPLES,
            test_size=len(data.test_labels),
            model="small_cnn(width=16)",
            method=method,
            noise="symmetric(rate=0.4)",
            noise_digest="",
            noise_seed=0,
            seed=0,
            augment="none()",
            record="online",
            training=TrainConfig(epochs=EPOCHS, device="cpu"),
            budget="epochs",
        )
        run = folder / "study" / config.id
        run.mkdir(parents=True)
        write_config(run, config, data)
        noisy.save(run / "noise.npz")
        recorder = DynamicsRecorder(run, noisy.given, epochs=EPOCHS, true_labels=noisy.true)
        for epoch in range(EPOCHS):
            certain = 4 * one_hot[0] * min(1, epoch / 40) + 5 * one_hot[1] * max(0, epoch / 100 - 0.7)
            recorder.observe(torch.arange(SAMPLES), certain + torch.randn(SAMPLES, CLASSES, generator=generator))
            recorder.end_epoch()
        rows = "\n".join(f"{epoch},{0.9},{0.9},{0.5},{0.3},{0.2},{0.1},{100}" for epoch in range(EPOCHS))
        head = (
            "epoch,test_accuracy,clean_correct,mislabelled_correct,mislabelled_memorised,mislabelled_other,learning_rate,images"
        )
        result = {"id": config.id, "data": "cifar10", "train_size": SAMPLES, "model": "small_cnn", "method": method}
        result |= {"noise": "symmetric:0.4", "noise_kind": "symmetric", "nominal_rate": 0.4, "realised_rate": noisy.rate}
        result |= {"seed": 0, "noise_seed": 0, "epochs": EPOCHS, "budget": "epochs", "batch_size": 64, "updates": 1}
        result |= {"images_processed": 1, "record": "online", "settings": "", "test_accuracy_last": 0.9}
        result |= {"test_accuracy_last10": 0.9, "test_accuracy_peak": 0.9, "memorised": 0.3}
        files = {METRICS: f"{head}\n{rows}\n".encode()}
        write_result(run, json.loads(json.dumps(result)), files, kept_digests(run))


@dataclass(frozen=True)
class Opening:
    """Seconds from navigation to the load event and to the first samples, and those of the page's main thread until then."""

    load: float
    rows: float
    cpu: float


def open_in_a_browser(page: Path, turns: int = 5) -> list[Opening]:
    """How a page opens, each time in a new browser context."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("needs Chromium from the system's packages")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found = []
        for _ in range(turns):
            opened = browser.new_context(offline=True).new_page()
            session = opened.context.new_cdp_session(opened)
            # Ticks of the thread do not pass while others have the processor.
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            opened.goto(page.as_uri())
            opened.wait_for_selector("body[data-ready]", timeout=120_000)
            metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
            load = opened.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
            rows = opened.evaluate("performance.getEntriesByName('samples')[0].startTime")
            found.append(Opening(load / 1000, rows / 1000, metrics["TaskDuration"]))
            opened.close()
        browser.close()
    return found


def measure(name: str, study: Path, page: Path, root: Path | None = None) -> None:
    """Write the page of a study and print its cost."""
    started = time.process_time()
    runs = study_runs(study, data_root=root)
    page.write_text(build_page(runs, explored=explore(runs)), encoding="utf-8")
    written = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    openings, size = open_in_a_browser(page), page.stat().st_size / 2**20
    said = "; ".join(
        f"{field.name} {statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"
        for field in fields(Opening)
        for values in [[getattr(each, field.name) for each in openings]]
    )
    print(f"{name}: {size:.1f} MiB, written in {written:.0f} s of CPU, at most {memory:.1f} GiB; opens: {said}", flush=True)


def main() -> None:
    """Measure both."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if Path("runs/noise_sweep").is_dir():
            measure("digits, 1,347 samples x 40 epochs x 3 methods", Path("runs/noise_sweep"), folder / "digits.html")
        make_study(folder, root)
        name = f"CIFAR-10-sized, {SAMPLES:,} samples x {EPOCHS} epochs x 3 methods"
        measure(name, folder / "study", folder / "cifar.html", root)


if __name__ == "__main__":
    main()
