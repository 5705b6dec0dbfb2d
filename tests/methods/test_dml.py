"""DML: its formula, and that both networks learn."""

import method_kit as kit
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.methods.dml import dml_loss


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_loss_and_gradient_are_those_of_the_formula(temperature: float) -> None:
    def formula(labels: Tensor, z: Tensor, peer: Tensor) -> Tensor:
        p, q = (kit.probabilities(each.detach(), temperature) for each in (z, peer))
        one = kit.cross_entropy(z, labels) + temperature**2 * kit.divergence(q, z, temperature)
        return one + kit.cross_entropy(peer, labels) + temperature**2 * kit.divergence(p, peer, temperature)

    kit.check_formula(lambda y, z, peer: dml_loss(z, peer, y, temperature=temperature), formula, trained=2)


def test_networks_of_one_mind_have_only_the_labels_and_temperature_finds_their_differences() -> None:
    z, labels, label = kit.draw(4, 3), kit.draw_labels(4, 3), torch.tensor([0])
    torch.testing.assert_close(dml_loss(z, z, labels, temperature=2.0), 2 * kit.cross_entropy(z, labels))

    def taught(s: Tensor, t: Tensor, temperature: float) -> Tensor:
        labelled = functional.cross_entropy(s, label) + functional.cross_entropy(t, label)
        return dml_loss(s, t, label, temperature=temperature) - labelled

    kit.check_temperature(taught)


def test_both_networks_learn_and_the_first_one_is_measured() -> None:
    method = kit.build("dml(temperature=2.0)")
    batch = kit.make_batch(method)
    assert not torch.equal(method.network.classifier.weight, method.peer.classifier.weight)
    step = kit.check_gradients(method, batch)
    torch.testing.assert_close(step.logits, kit.logits_of(method.network, batch.images))
    peer = kit.logits_of(method.peer, batch.images)
    torch.testing.assert_close(step.loss, dml_loss(step.logits, peer, batch.labels, temperature=2.0))
