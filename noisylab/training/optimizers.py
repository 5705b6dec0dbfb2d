"""The optimisers of a training."""

from collections.abc import Sequence

import torch
from torch import nn

from noisylab.methods.base import Method
from noisylab.training.config import TrainConfig


def make_optimizers(method: Method, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """The optimiser of the networks, and if a method has parameters with learning rates of their own, one for these."""
    own = {id(parameter) for parameters, _ in method.own_learning_rates() for parameter in parameters}
    common = [parameter for parameter in method.parameters() if parameter.requires_grad and id(parameter) not in own]
    return [make_optimizer(common, config), *own_optimizers(method)]


def make_optimizer(parameters: Sequence[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser of the configuration."""
    if config.optimizer == "sgd":
        rate, momentum, nesterov = config.learning_rate, config.momentum, config.momentum > 0
        return torch.optim.SGD(parameters, rate, momentum, 0, config.weight_decay, nesterov, fused=True)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    betas = config.momentum, 0.999
    return kind(parameters, config.learning_rate, betas=betas, weight_decay=config.weight_decay, fused=True)


def own_optimizers(method: Method) -> list[torch.optim.Optimizer]:
    """One for a method's parameters with learning rates of their own, if it has any."""
    groups = method.own_learning_rates()
    return [torch.optim.SGD([{"params": parameters, "lr": rate} for parameters, rate in groups])] if groups else []
