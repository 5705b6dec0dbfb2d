"""Mean teacher against its formula: whose prediction teaches whom, and how the teacher follows."""

import copy
import math

import method_kit as kit
import pytest
import torch
from helpers_training import CONFIG, make_method, training_set
from torch import Tensor, nn
from torch.nn import functional

from noisylab.data.batches.batch import Batch
from noisylab.methods import Method, Step
from noisylab.methods.averaged import Averaged
from noisylab.methods.losses import distillation
from noisylab.methods.mean_teacher import MeanTeacher, mean_teacher_loss
from noisylab.training import train


@pytest.mark.parametrize("weight", [0.0, 1.0, 100.0])
def test_loss_and_gradient_are_those_of_the_formula(weight: float) -> None:
    def by_hand(labels: Tensor, z: Tensor, teacher: Tensor) -> Tensor:
        p, q, total = kit.probabilities(z), kit.probabilities(teacher), torch.zeros((), dtype=torch.float64)
        for i in range(len(z)):
            total = total + sum((p[i, k] - q[i, k].detach()) ** 2 for k in range(z.shape[1])) / z.shape[1]
        return kit.cross_entropy(z, labels) + weight * total / len(z)

    kit.check_formula(lambda y, z, t: mean_teacher_loss(z, t, y, weight=weight), by_hand, taught=1, halves=True)


def entries(method: Method, new: int = 5) -> Batch:
    """A batch whose two views differ."""
    batch = kit.make_batch(method, new)
    assert not torch.equal(batch.images[:new], batch.images[new:])
    return batch


@pytest.mark.parametrize("form", ["mse", "kl"])
def test_every_entry_learns_from_the_teacher_s_prediction_of_the_other_view(form: str) -> None:
    method = kit.build(f"mean_teacher(form={form!r}, weight=2, temperature=1.5, ramp=0)")
    method.start_epoch(0)
    batch = entries(method)
    with torch.no_grad():
        for parameter in method.teacher.parameters():
            parameter.mul_(1.3)
    step = kit.check_gradients(method, batch)
    said = kit.logits_of(method.teacher.network, batch.images)
    other = torch.cat([said[5:], said[:5]])
    wanted = functional.cross_entropy(step.logits, batch.labels)
    if form == "mse":
        wanted = wanted + 2 * (step.logits.softmax(1) - other.softmax(1)).square().mean()
    else:
        wanted = wanted + 2 * distillation(step.logits, other, temperature=1.5)
    torch.testing.assert_close(step.loss, wanted)


def vector(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()]).double()


class Averages(kit.Watch):
    """The parameters of student and teacher after every step."""

    def on_step(self, batch: Batch, step: Step) -> None:
        super().on_step(batch, step)
        self.after.append((vector(self.method.network), vector(self.method.teacher)))

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method, self.after = method, list[tuple[Tensor, Tensor]]()


def test_the_teacher_starts_as_the_student_and_averages_its_parameters_after_every_step() -> None:
    method = make_method("mean_teacher(decay=0.8)")
    average, watch = vector(method.network), Averages(method)
    assert torch.equal(vector(method.teacher), average)
    train(method, training_set(), CONFIG, [watch])
    for number, (student, teacher) in enumerate(watch.after, start=1):
        decay = min(1 - 1 / (number + 1), 0.8)
        average = decay * average + (1 - decay) * student
        torch.testing.assert_close(teacher, average, rtol=1e-4, atol=1e-6)
    assert method.updates == len(watch.after) > 4


def test_its_batch_norms_see_its_own_passes_alone() -> None:
    method = kit.build("mean_teacher")
    batch = entries(method)
    student, teacher = ([b.clone() for b in n.buffers()] for n in (method.network, method.teacher.network))
    assert all(torch.equal(*pair) for pair in zip(student, teacher, strict=True))
    with torch.no_grad():
        method.teacher.network.stages[0][0].weight.mul_(2)
    alone = copy.deepcopy(method.teacher.network)
    kit.take_step(method, batch)
    alone(batch.images)
    method.after_step()
    assert all(torch.equal(*pair) for pair in zip(alone.buffers(), method.teacher.network.buffers(), strict=True))
    assert not torch.equal(method.network.stages[0][1].running_mean, method.teacher.network.stages[0][1].running_mean)


@pytest.mark.parametrize(("epochs", "ramp", "rising"), [(180, 5 / 180, 5), (20, 0.25, 5), (3, 0.0, 0)])
def test_the_weight_rises_over_a_share_of_the_run(epochs: int, ramp: float, rising: int) -> None:
    method = kit.build(f"mean_teacher(ramp={ramp})", epochs=epochs)
    weights = []
    for epoch in range(epochs):
        method.start_epoch(epoch)
        weights.append(float(method.weight))
    assert weights == pytest.approx(
        [100 * math.exp(-5 * (1 - min(1, e / rising if rising else 1)) ** 2) for e in range(epochs)]
    )


def test_the_published_weight_leaves_room_for_the_labels_with_squares_and_is_not_that_of_the_divergence() -> None:
    assert kit.build("mean_teacher").final_weight == 100
    assert kit.build("mean_teacher(form='kl')").final_weight == 1
    z, label = torch.zeros(1, 10, requires_grad=True), torch.tensor([0])
    teacher = torch.full((1, 10), -3.0).index_fill(1, torch.tensor([1]), 3.0)
    labelled = torch.autograd.grad(functional.cross_entropy(z, label), z)[0].norm()
    squared = mean_teacher_loss(z, teacher, label, weight=100.0) - functional.cross_entropy(z, label)
    divergence = 100 * distillation(z, teacher, temperature=3.0)
    pulls = [float(torch.autograd.grad(loss, z)[0].norm() / labelled) for loss in (squared, divergence)]
    assert 0.5 < pulls[0] < 5
    assert pulls[1] > 50


def test_student_and_teacher_see_both_views() -> None:
    assert MeanTeacher.images_factor() == 2
    method, seen = make_method("mean_teacher"), list[int]()
    for network in (method.network, method.teacher.network):
        network.classifier.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    watch = kit.watched(method, 2)[1]
    new = sum(len(each.batch.index[each.batch.new]) for each in watch.presentations)
    assert sum(seen) == MeanTeacher.total_images_factor(epochs=2) * new
    assert isinstance(method.teacher, Averaged)
