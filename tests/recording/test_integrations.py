"""The recorder in Lightning's and HuggingFace's loops writes what it writes in a plain one."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from noisylab.recording import DynamicsRecorder, load_dynamics

needs_lightning = pytest.mark.skipif(importlib.util.find_spec("lightning") is None, reason="lightning is not installed")
needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None or importlib.util.find_spec("accelerate") is None,
    reason="transformers or accelerate is not installed",
)

EPOCHS = 3
INPUTS = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
GIVEN = torch.arange(10) % 3
TRUE = (GIVEN + (torch.arange(10) < 4).long()) % 3
OPTIONS: dict[str, Any] = {"true_labels": TRUE.numpy(), "num_classes": 3, "divergence": True, "probabilities": True}


def network() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(4, 3)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of a plain loop: batches of 4 in order, the last one of 2, plain SGD."""
    folder = tmp_path_factory.mktemp("plain")
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    recorder = DynamicsRecorder(folder, GIVEN.numpy(), epochs=EPOCHS, **OPTIONS)
    for _ in range(EPOCHS):
        for index in torch.arange(10).split(4):
            logits = model(INPUTS[index])
            optimizer.zero_grad()
            functional.cross_entropy(logits, GIVEN[index]).backward()
            optimizer.step()
            recorder.observe(index, logits)
        recorder.end_epoch()
    return folder


def assert_same(one: Path, two: Path) -> None:
    first, second = load_dynamics(one), load_dynamics(two)
    assert dict(first.sizes) == dict(second.sizes)
    for name in first.variables:
        np.testing.assert_allclose(first[name].values, second[name].values, atol=2e-3)


@needs_lightning
class TestLightning:
    def fit(
        self,
        folder: Path,
        epochs: int = EPOCHS,
        batch: str = "tuple",
        output: str = "logits",
        recorder: dict[str, Any] | None = None,
        trainer: dict[str, Any] | None = None,
        **fitting: Any,
    ) -> Any:
        import lightning.pytorch as lightning

        from noisylab.recording.integrations.lightning import DynamicsCallback

        class Module(lightning.LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.network = network()

            def training_step(self, batch: Any, batch_idx: int) -> Any:
                images, labels = (batch["x"], batch["y"]) if isinstance(batch, dict) else batch[:2]
                logits = self.network(images)
                loss = functional.cross_entropy(logits, labels)
                return {"loss": loss, "logits": logits} if output == "logits" else loss

            def validation_step(self, batch: Any, batch_idx: int) -> None:
                self.network(batch["x"] if isinstance(batch, dict) else batch[0])

            def configure_optimizers(self) -> Any:
                return torch.optim.SGD(self.parameters(), lr=0.5)

        rows = [(INPUTS[i], GIVEN[i], i) for i in range(10)]
        data = rows if batch == "tuple" else [{"x": x, "y": y, "index": i} for x, y, i in rows]
        if batch == "no ids":
            data = [{"x": x, "y": y} for x, y, _ in rows]
        if batch == "other labels":
            data = [(x, (y + 1) % 3, i) for x, y, i in rows]
        callback = DynamicsCallback(folder / "records", GIVEN.numpy(), **(OPTIONS | (recorder or {})))
        made = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
            callbacks=[callback],
            **(trainer or {}),
        )
        loader = DataLoader(data, batch_size=4)  # type: ignore[arg-type, var-annotated]
        made.fit(Module(), loader, loader, **fitting)
        return made

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("batch", ["tuple", "mapping"])
    def test_it_records_what_a_plain_loop_records(self, batch: str, plain: Path, tmp_path: Path) -> None:
        self.fit(tmp_path, batch=batch)
        assert_same(plain, tmp_path / "records")

    @pytest.mark.filterwarnings("ignore")
    def test_a_resumed_training_goes_on(self, plain: Path, tmp_path: Path) -> None:
        trainer = self.fit(tmp_path, epochs=2)
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        self.fit(tmp_path, ckpt_path=tmp_path / "last.ckpt")
        whole, resumed = load_dynamics(plain), load_dynamics(tmp_path / "records")
        assert resumed.sizes["epoch"] == 3
        for name in ("prediction", "margin", "el2n", "probabilities"):
            np.testing.assert_allclose(whole[name].values, resumed[name].values, atol=2e-3)
        assert np.isnan(resumed["divergence"].values[2]).all(), "what it would be compared with is not on disk"

    @pytest.mark.filterwarnings("ignore")
    def test_a_new_training_is_not_mixed_into_old_records(self, plain: Path, tmp_path: Path) -> None:
        first = self.fit(tmp_path, epochs=2)
        first.save_checkpoint(tmp_path / "last.ckpt")
        with pytest.raises(ValueError, match=r"holds 2 of 2 epochs .* overwrite=True"):
            self.fit(tmp_path)
        # A resumed training never overwrites, and has more epochs than the records.
        self.fit(tmp_path, recorder={"overwrite": True}, ckpt_path=tmp_path / "last.ckpt")
        np.testing.assert_allclose(
            load_dynamics(plain)["margin"].values, load_dynamics(tmp_path / "records")["margin"].values, atol=2e-3
        )
        self.fit(tmp_path, epochs=1, recorder={"overwrite": True})
        assert load_dynamics(tmp_path / "records").sizes["epoch"] == 1

    @pytest.mark.filterwarnings("ignore")
    def test_a_trial_run_leaves_no_records(self, tmp_path: Path) -> None:
        self.fit(tmp_path, trainer={"fast_dev_run": True})
        assert not (tmp_path / "records").exists()

    @pytest.mark.filterwarnings("ignore")
    def test_labels_that_contradict_the_given_ones_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"labels must be the given ones, and 10 of 10 are not"):
            self.fit(tmp_path / "wrong", batch="other labels")
        self.fit(tmp_path / "said", batch="other labels", recorder={"check_labels": False})

    @pytest.mark.filterwarnings("ignore")
    def test_what_it_cannot_record_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"training_step must return .*logits"):
            self.fit(tmp_path, output="loss")
        with pytest.raises(ValueError, match="must hold the 4 sample ids"):
            self.fit(tmp_path / "no ids", batch="no ids")


class Classifier(nn.Module):
    """A model as HuggingFace's are: it takes no sample ids, and says loss and logits."""

    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    def forward(self, x: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.network(x)
        return {"logits": logits} if labels is None else {"loss": functional.cross_entropy(logits, labels), "logits": logits}


@needs_transformers
class TestHuggingFace:
    def train(
        self,
        folder: Path,
        epochs: int = EPOCHS,
        ids: bool = True,
        resume: bool = False,
        recorder: dict[str, Any] | None = None,
        shift: int = 0,
        **options: Any,
    ) -> Any:
        from transformers import Trainer, TrainingArguments

        from noisylab.recording.integrations.huggingface import DynamicsCallback

        class InOrder(Trainer):  # type: ignore[misc]
            def _get_train_sampler(self, *_: Any) -> Any:
                return torch.utils.data.SequentialSampler(rows)  # type: ignore[arg-type]

        rows = [{"x": INPUTS[i], "labels": (int(GIVEN[i]) + shift) % 3} | ({"index": i} if ids else {}) for i in range(10)]
        arguments = TrainingArguments(
            output_dir=str(folder / "trainer"),
            num_train_epochs=epochs,
            per_device_train_batch_size=4,
            per_device_eval_batch_size=4,
            learning_rate=0.5,
            lr_scheduler_type="constant",
            optim="sgd",
            max_grad_norm=0.0,
            remove_unused_columns=False,
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            eval_strategy="epoch",
            save_strategy="epoch",
            **options,
        )
        callback = DynamicsCallback(folder / "records", GIVEN.numpy(), **(OPTIONS | (recorder or {})))
        model = Classifier()
        trainer = InOrder(model=model, args=arguments, train_dataset=rows, eval_dataset=rows, callbacks=[callback])
        trainer.train(resume_from_checkpoint=resume)
        assert not model._forward_hooks
        assert not model._forward_pre_hooks
        return trainer

    @pytest.mark.filterwarnings("ignore")
    def test_it_records_what_a_plain_loop_records(self, plain: Path, tmp_path: Path) -> None:
        self.train(tmp_path)
        assert_same(plain, tmp_path / "records")

    @pytest.mark.filterwarnings("ignore")
    def test_a_resumed_training_goes_on(self, plain: Path, tmp_path: Path) -> None:
        self.train(tmp_path, epochs=2)
        self.train(tmp_path, resume=True)
        whole, resumed = load_dynamics(plain), load_dynamics(tmp_path / "records")
        assert resumed.sizes["epoch"] == 3
        for name in ("prediction", "margin", "el2n", "probabilities"):
            np.testing.assert_allclose(whole[name].values, resumed[name].values, atol=2e-3)

    @pytest.mark.filterwarnings("ignore")
    def test_without_ids_it_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="remove_unused_columns=False"):
            self.train(tmp_path, ids=False)

    @pytest.mark.filterwarnings("ignore")
    def test_a_new_training_is_not_mixed_into_old_records(self, plain: Path, tmp_path: Path) -> None:
        self.train(tmp_path, epochs=2)
        with pytest.raises(ValueError, match=r"holds 2 of 2 epochs .* overwrite=True"):
            self.train(tmp_path)
        self.train(tmp_path, resume=True, recorder={"overwrite": True})
        np.testing.assert_allclose(
            load_dynamics(plain)["margin"].values, load_dynamics(tmp_path / "records")["margin"].values, atol=2e-3
        )
        self.train(tmp_path, epochs=1, recorder={"overwrite": True})
        assert load_dynamics(tmp_path / "records").sizes["epoch"] == 1

    @pytest.mark.filterwarnings("ignore")
    def test_labels_that_contradict_the_given_ones_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"labels must be the given ones, and 10 of 10 are not"):
            self.train(tmp_path / "wrong", shift=1)
        self.train(tmp_path / "said", shift=1, recorder={"check_labels": False})

    def test_a_process_with_several_gpus_is_refused(self, tmp_path: Path) -> None:
        from transformers import TrainerControl, TrainerState

        from noisylab.recording.integrations.huggingface import DynamicsCallback

        callback, arguments = DynamicsCallback(tmp_path, GIVEN.numpy()), SimpleNamespace(n_gpu=2)
        with pytest.raises(ValueError, match=r"each batch over 2 GPUs in one process.* run it by torchrun, or on one GPU"):
            callback.on_train_begin(arguments, TrainerState(), TrainerControl(), Classifier())
