"""MrKD: its formula, knowledge adjustment, and its copies of the network."""

import method_kit as kit
import pytest
import torch
from helpers_training import same_state
from torch import Tensor, nn
from torch.nn import functional

from noisylab.methods.mr_kd import adjusted, mr_kd_loss


def adjusted_by_hand(logits: Tensor, labels: Tensor) -> Tensor:
    rows = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        top = row.index(max(row))
        row[top], row[label] = row[label], row[top]
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(("temperature", "alpha"), [(3.0, 1.0), (1.0, 0.5)])
@pytest.mark.parametrize("adjust", [True, False])
@pytest.mark.parametrize(("count", "classes", "copies"), [(5, 4, 3), (1, 3, 1), (3, 1, 2)])
def test_loss_and_gradient_are_those_of_the_formula(
    count: int, classes: int, copies: int, adjust: bool, temperature: float, alpha: float
) -> None:
    labels = kit.draw_labels(count, classes)

    def formula(z: Tensor, *teachers: Tensor) -> Tensor:
        mixed = sum(teacher.detach().double() for teacher in teachers) / copies
        if adjust:
            mixed = adjusted_by_hand(mixed, labels)
        taught = kit.divergence(kit.probabilities(mixed, temperature), z, temperature)
        return kit.cross_entropy(z, labels) + alpha * temperature**2 * taught

    def loss(z: Tensor, *teachers: Tensor) -> Tensor:
        return mr_kd_loss(z, labels, torch.stack(teachers), temperature=temperature, alpha=alpha, adjust=adjust)

    kit.assert_formula(loss, formula, [kit.draw(count, classes)], [kit.draw(count, classes, seed=1 + i) for i in range(copies)])


def test_adjustment_makes_the_label_the_teacher_s_answer_and_changes_nothing_where_it_is() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    labels = torch.tensor([0, 1, 1, 2])
    expected = torch.tensor([[3.0, 1.0, 2.0], [1.0, 3.0, 2.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    assert torch.equal(adjusted(logits, labels), expected)
    many, labels = kit.draw(50, 7), kit.draw_labels(50, 7)
    assert torch.equal(adjusted(many, labels).argmax(1), labels)
    assert torch.equal(adjusted(many, labels), adjusted_by_hand(many, labels))
    assert torch.equal(many, kit.draw(50, 7)), "the logits themselves stay"


def test_alpha_and_temperature_weigh_the_copies() -> None:
    z, copies, labels = kit.draw(4, 3), kit.draw(2, 4, 3, seed=1), kit.draw_labels(4, 3)
    loss = {a: mr_kd_loss(z, labels, copies, temperature=3.0, alpha=a) for a in (0.0, 1.0, 3.0)}
    torch.testing.assert_close(loss[0.0], kit.cross_entropy(z, labels))
    torch.testing.assert_close(loss[3.0] - loss[0.0], 3 * (loss[1.0] - loss[0.0]))
    label = torch.tensor([0])

    def taught(s: Tensor, t: Tensor, temperature: float) -> Tensor:
        return mr_kd_loss(s, label, t[None], temperature=temperature, alpha=1.0) - functional.cross_entropy(s, label)

    kit.check_temperature(taught)


def test_the_newest_copies_teach_and_before_the_first_there_is_cross_entropy() -> None:
    method = kit.build("mr_kd(copies=2, interval=1)")
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    assert torch.equal(step.loss, functional.cross_entropy(step.logits, batch.labels))
    method, watch = kit.watched(kit.build("mr_kd(copies=2, interval=1)"), 4)
    for place, epoch in ((0, 2), (1, 3)):
        held = method.backups[place].network.state_dict()
        assert all(torch.equal(value, watch.states[epoch][name]) for name, value in held.items())
    step = kit.check_gradients(method, batch)
    copies = torch.stack([backup(batch.images) for backup in method.backups])
    torch.testing.assert_close(step.loss, mr_kd_loss(step.logits, batch.labels, copies, temperature=3.0, alpha=1.0))


def test_as_long_as_there_are_fewer_copies_than_places_only_those_taken_teach() -> None:
    method = kit.build("mr_kd(copies=3, interval=2, adjust=False)")
    batch = kit.make_batch(method)
    method.end_epoch(0)
    assert method.taken == 0
    with torch.no_grad():
        method.network.classifier.weight.mul_(-2)
    method.end_epoch(1)
    step = method.loss(batch)
    copies = method.backups[0](batch.images)[None]
    expected = mr_kd_loss(step.logits, batch.labels, copies, temperature=3.0, alpha=1.0, adjust=False)
    torch.testing.assert_close(step.loss, expected)
    assert not same_state(method.backups[0], method.backups[1])


def test_copies_share_no_memory_with_the_network() -> None:
    method = kit.build("mr_kd(interval=1)")
    method.end_epoch(0)
    kept = method.backups[0].network.classifier.weight.clone()
    with torch.no_grad():
        method.network.classifier.weight.zero_()
    assert torch.equal(method.backups[0].network.classifier.weight, kept)
    assert isinstance(method.backups[0], nn.Module)
