"""The optimisers of a training."""

import inspect
from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import nn

from noisylab.methods.base import Method
from noisylab.training.config import TrainConfig

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


def _without_compiler(kind: type[Kind]) -> type[Kind]:
    """The optimiser without torch's wrappers, for compiled updates (the first imports the compiler, a second) and for hooks."""
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    # So that the first optimiser made does not wrap it.
    step.hooked = True
    return type(kind.__name__, (kind,), {**methods, "step": step})


SGD = _without_compiler(torch.optim.SGD)
Adam = _without_compiler(torch.optim.Adam)
AdamW = _without_compiler(torch.optim.AdamW)


def scheduled_parameters(method: Method) -> list[nn.Parameter]:
    """The trained parameters of a method whose learning rate follows the schedule."""
    own = {id(parameter) for parameters, _ in method.own_learning_rates() for parameter in parameters}
    return [parameter for parameter in method.parameters() if parameter.requires_grad and id(parameter) not in own]


def make_optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """The optimiser that a configuration asks for."""
    if config.optimizer == "sgd":
        rate, momentum, nesterov = config.learning_rate, config.momentum, config.momentum > 0
        return SGD(parameters, rate, momentum, 0, config.weight_decay, nesterov, fused=True)
    kind = Adam if config.optimizer == "adam" else AdamW
    betas = config.momentum, 0.999
    return kind(parameters, config.learning_rate, betas=betas, weight_decay=config.weight_decay, fused=True)


def own_optimizers(method: Method) -> list[torch.optim.Optimizer]:
    """An optimiser for the parameters with learning rates of their own; none if a method has no such parameters."""
    groups = method.own_learning_rates()
    return [SGD([{"params": parameters, "lr": rate} for parameters, rate in groups])] if groups else []
