"""DML: its formula, and that both networks learn."""

from pathlib import Path

import pytest
import torch
from helpers_methods import (
    assert_formula,
    assert_gradients,
    assert_resumes,
    assert_small_cases,
    assert_temperature,
    build,
    cross_entropy,
    divergence,
    draw,
    draw_labels,
    logits_of,
    make_batch,
    probabilities,
)
from torch import Tensor
from torch.nn import functional

from noisylab.methods.dml import dml_loss


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize(("count", "classes"), [(5, 4), (1, 3), (3, 1)])
def test_loss_and_gradient_are_those_of_the_formula(count: int, classes: int, temperature: float) -> None:
    labels = draw_labels(count, classes)

    def formula(z: Tensor, peer: Tensor) -> Tensor:
        p, q = probabilities(z, temperature), probabilities(peer, temperature)
        one = cross_entropy(z, labels) + temperature**2 * divergence(q.detach(), p)
        return one + cross_entropy(peer, labels) + temperature**2 * divergence(p.detach(), q)

    def loss(z: Tensor, peer: Tensor) -> Tensor:
        return dml_loss(z, peer, labels, temperature=temperature)

    assert_formula(loss, formula, [draw(count, classes), draw(count, classes, seed=1)])


def test_networks_of_one_mind_have_only_the_labels_and_temperature_finds_their_differences() -> None:
    z, labels, label = draw(4, 3), draw_labels(4, 3), torch.tensor([0])
    torch.testing.assert_close(dml_loss(z, z, labels, temperature=2.0), 2 * cross_entropy(z, labels))

    def taught(s: Tensor, t: Tensor, temperature: float) -> Tensor:
        labelled = functional.cross_entropy(s, label) + functional.cross_entropy(t, label)
        return dml_loss(s, t, label, temperature=temperature) - labelled

    assert_temperature(taught)


def test_both_networks_learn_and_the_first_one_is_measured() -> None:
    method = build("dml(temperature=2.0)")
    batch = make_batch(method)
    assert not torch.equal(method.network.classifier.weight, method.peer.classifier.weight)
    step = assert_gradients(method, batch)
    torch.testing.assert_close(step.logits, logits_of(method.network, batch.images))
    peer = logits_of(method.peer, batch.images)
    torch.testing.assert_close(step.loss, dml_loss(step.logits, peer, batch.labels, temperature=2.0))
    method.eval()
    assert torch.equal(method(batch.images), method.network(batch.images))
    assert_gradients(build("dml"), make_batch(method, new=1))


def test_training_goes_on_to_the_bit(tmp_path: Path) -> None:
    assert_resumes("dml", tmp_path)
    assert_small_cases("dml")
