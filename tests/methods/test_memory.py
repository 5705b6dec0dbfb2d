"""What a module remembers: saved, loaded, moved, and its own in every process."""

import copy
import io
from pathlib import Path

import pytest
import torch
from method_kit import build
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from noisylab.methods import DLBLoss
from noisylab.methods.memory import Memory


class Kept(Memory):
    rows: Tensor
    ids: Tensor

    def __init__(self, rows: int = 2) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.remember(rows=torch.zeros(rows, 3), ids=torch.zeros(rows, dtype=torch.int64))
        self.remember(count=0, share=0.5, seen=False)


def filled() -> Kept:
    kept = Kept()
    kept.rows, kept.ids = torch.arange(12.0).view(4, 3), torch.tensor([4, 5, 6, 7])
    kept.count, kept.share, kept.seen = 3, 0.1, True
    return kept


def test_it_is_in_the_state_but_no_buffer_and_no_parameter() -> None:
    outer = nn.ModuleDict({"inner": filled()})
    state = outer.state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    assert state["inner.rows"].tolist() == filled().rows.tolist()
    assert not list(outer.buffers())
    assert {name for name, _ in outer.named_parameters()} == {"inner.layer.weight", "inner.layer.bias"}


@pytest.mark.parametrize("saved", [False, True])
def test_what_is_loaded_has_the_size_it_had(saved: bool) -> None:
    one, other, file = filled(), Kept(rows=7), io.BytesIO()
    state = one.state_dict()
    if saved:
        torch.save(state, file)
        file.seek(0)
        state = torch.load(file, weights_only=True)
    assert str(other.load_state_dict(state)) == "<All keys matched successfully>"
    assert torch.equal(other.rows, one.rows)
    assert torch.equal(other.ids, one.ids)
    assert (other.count, other.share, other.seen) == (3, pytest.approx(0.1), True)
    assert [type(value) for value in (other.count, other.share, other.seen)] == [int, float, bool]
    one.rows.zero_()
    assert other.rows.any(), "no memory is shared"


def test_missing_and_unexpected_names_are_refused() -> None:
    state = filled().state_dict()
    del state["ids"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"ids"'):
        Kept().load_state_dict(state)
    assert Kept().load_state_dict(state, strict=False).missing_keys == ["ids"]
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"another"'):
        Kept().load_state_dict(filled().state_dict() | {"another": torch.zeros(1)})


def test_it_moves_with_its_module_and_integers_stay_integers() -> None:
    kept = filled().half()
    assert (kept.rows.dtype, kept.ids.dtype, kept.layer.weight.dtype) == (torch.float16, torch.int64, torch.float16)
    kept = nn.Sequential(filled()).to("cpu", torch.float64)[0]
    assert (kept.rows.dtype, kept.ids.dtype) == (torch.float64, torch.int64)
    kept = filled().to("meta")
    assert (kept.rows.device.type, kept.ids.device.type, kept.count) == ("meta", "meta", 3)
    twin = copy.deepcopy(one := filled())
    twin.rows.zero_()
    assert one.rows.any()


def test_safetensors_can_save_it() -> None:
    criterion = DLBLoss()
    criterion(torch.randn(4, 3)[:, :], torch.tensor([0, 1, 2, 0]), torch.arange(4))
    criterion(torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2]), torch.arange(6))
    tensors = list(criterion.state_dict().values())
    assert all(tensor.is_contiguous() for tensor in tensors)
    # None is a view of another or of the batch.
    assert [tensor.untyped_storage().nbytes() for tensor in tensors] == [tensor.nbytes for tensor in tensors]


def test_no_method_keeps_what_it_remembers_in_a_buffer() -> None:
    for spec in ("dlb", "elr", "lwr", "ps_kd", "temporal_ensembling", "soft_target_memory", "coteaching", "mr_kd"):
        assert all(name.startswith(("network", "second", "backups")) for name, _ in build(spec).named_buffers()), spec


class Loss(nn.Module):
    """A loss inside the module that is wrapped, as of a model that gives its own loss."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.criterion = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), DLBLoss()

    def forward(self, images: Tensor, labels: Tensor, index: Tensor) -> Tensor:
        loss: Tensor = self.criterion(self.network(images), labels, index)
        return loss


def trained_apart(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    wrapped, remembered = DistributedDataParallel(Loss()), []
    ids = [[0, 1], [0, 1, 2, 3], [2, 3, 4, 5]]
    for step, own in enumerate(ids):
        images = torch.randn(len(own), 3, generator=torch.Generator().manual_seed(10 * rank + step))
        index = torch.tensor(own) + 10 * rank
        # Were the memory that of rank 0, the ids of rank 1 would be refused here.
        wrapped(images, index % 4, index).backward()
        remembered.append(wrapped.module.criterion.remembered_key.tolist())
    torch.save((remembered, wrapped.module.criterion.remembered), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_under_ddp_the_memory_stays_each_process_s_own(tmp_path: Path) -> None:
    multiprocessing.spawn(trained_apart, (str(tmp_path),), nprocs=2)
    (first, one), (second, other) = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert first == [[0, 1], [2, 3], [4, 5]]
    assert second == [[10, 11], [12, 13], [14, 15]]
    assert not torch.allclose(one, other)
