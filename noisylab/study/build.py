"""The method of a run with its networks. A plan builds it too, to check it, so this module imports no more than that needs."""

import torch
from torch import Tensor

from noisylab.core.registries import METHODS, MODELS
from noisylab.core.seeds import derive_seed
from noisylab.data.image_data import ImageData
from noisylab.methods.base import Method, RunInfo
from noisylab.models.base import Backbone
from noisylab.study.run_config import RunConfig


def build_method(
    config: RunConfig, data: ImageData, *, num_samples: int, noise_rate: float | None = None, transition: Tensor | None = None
) -> Method:
    """The method of a run with its networks, initialised from the run's seed; teachers are not prepared yet.

    Raises ValueError if options do not fit each other, the data or the network.
    """
    model, made = MODELS.parse(config.model), 0

    def make_network() -> Backbone:
        nonlocal made
        made += 1
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derive_seed(config.seed, "network", made))
            network: Backbone = MODELS.create(model, data.num_classes, data.shape[0])
        return network

    info = RunInfo(make_network, data.num_classes, num_samples, config.epochs_trained, noise_rate, transition)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(config.seed, "method"))
        method: Method = METHODS.create(METHODS.parse(config.method), info)
    return method
