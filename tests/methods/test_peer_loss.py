"""The peer loss against its formula, its random pairs and its weight."""

import method_kit as kit
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.methods.peer_loss import peer_loss, published_weight


def by_hand(z: Tensor, labels: Tensor, alpha: float, images: list[int], given: list[int]) -> Tensor:
    p, total = kit.probabilities(z), torch.zeros((), dtype=torch.float64)
    for i in range(len(z)):
        total = total - torch.log(p[i, labels[i]]) + alpha * torch.log(p[images[i], labels[given[i]]] + 1e-5)
    return total / len(z)


def pairs(count: int) -> tuple[list[int], list[int]]:
    """Another permutation each."""
    return [(i + 1) % count for i in range(count)], [(3 * i + 1) % count if count % 3 else i for i in range(count)]


@pytest.mark.parametrize("alpha", [0.0, 0.1, 2.0])
def test_loss_and_gradient_are_those_of_the_formula(alpha: float) -> None:
    def loss(y: Tensor, z: Tensor) -> Tensor:
        images, given = map(torch.tensor, pairs(len(z)))
        return peer_loss(z, y, alpha=alpha, images=images, given=given)

    kit.check_formula(loss, lambda y, z: by_hand(z, y, alpha, *pairs(len(z))), halves=True)


def test_it_is_bounded_however_sure_the_network_is() -> None:
    kit.check_far_off(lambda y, z: peer_loss(z, y, alpha=5.0, images=torch.tensor([1, 0]), given=torch.tensor([0, 1])))
    # Labels that the network finds impossible: their logarithm stops at that of 1e-5.
    logits, labels = torch.tensor([[900.0, 0.0], [0.0, 900.0]]), torch.tensor([0, 1])
    loss = peer_loss(logits, labels, alpha=1.0, images=torch.tensor([1, 0]), given=torch.tensor([0, 1]))
    assert float(loss) == pytest.approx(float(torch.tensor(1e-5).log()), rel=1e-5)


def test_images_and_labels_are_drawn_apart() -> None:
    method, batch = kit.build("peer_loss(alpha=1)"), kit.make_batch(kit.build("ce"), 5)
    values = set()
    logits = kit.draw(5, 4)
    for seed in range(20):
        torch.manual_seed(seed)
        values.add(round(float(method.loss_from_logits(logits, batch)), 9))
    # The same permutation for both would leave (1 - alpha) CE = 0 each time.
    assert len(values) > 5
    assert sum(abs(value) > 0.01 for value in values) > 5


def test_the_published_weight_rises_from_0_to_5() -> None:
    wanted = {0: 0, 19: 0, 20: 0, 39: 0.1, 40: 1, 89: 2, 90: 2, 139: 2.5, 239: 3.3, 339: 5}
    assert {epoch: pytest.approx(published_weight(epoch / 340), abs=1e-9) for epoch in wanted} == wanted
    method = kit.build("peer_loss(alpha=None)", epochs=34)
    logits, batch = kit.draw(5, 4), kit.make_batch(kit.build("ce"), 5)
    method.start_epoch(1)
    assert torch.equal(method.loss_from_logits(logits, batch), functional.cross_entropy(logits, batch.labels))
    method.start_epoch(4)
    assert float(method.loss_from_logits(logits, batch)) != float(functional.cross_entropy(logits, batch.labels))
    assert [method.learning_rate_factor(progress) for progress in (0.5, 4.2)] == pytest.approx([1, 0.5])
    assert kit.build("peer_loss").learning_rate_factor(1.5) == pytest.approx(1 / 1.1)
