"""The network that a finished run trained, ready to be used."""

from pathlib import Path

import torch
from torch import Tensor, nn

from noisylab.core.registries import MODELS
from noisylab.study.code import import_code
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import CHECKPOINT, digests_of, read_config, read_file
from noisylab.training.checkpoint import read_checkpoint


class TrainedNetwork(nn.Module):
    """A trained network in evaluation mode, with the normalisation of its training. It needs no gradient.

    It takes images uint8[B, C, H, W], or float[B, C, H, W] with pixels in [0, 1], and returns logits float32[B, K].

    Attributes:
        network: The network itself, for images that are already normalised.
        class_names: The names of the K classes.
    """

    def __init__(
        self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...], class_names: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.network, self.class_names = network.requires_grad_(False), class_names
        self._statistics = mean, std
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Logits float32[B, K]."""
        if images.dtype == torch.uint8:
            images = images.float() / 255
        mean, std = (torch.tensor(values, device=images.device)[:, None, None] for values in self._statistics)
        logits: Tensor = self.network((images - mean) / std)
        return logits.float()


def load_network(folder: Path, *, selected: bool = False) -> TrainedNetwork:
    """The network of the run in `folder`, on the CPU: the one whose test accuracy was measured after the last epoch.

    selected: the one of the epoch that was selected on validation data. Raises ValueError if the folder has no complete
    checkpoint, or no epoch was selected.
    """
    held = read_config(folder)
    config, images = RunConfig.from_json(held), held["images"]
    import_code(config.code)
    with torch.random.fork_rng(devices=[]):
        network = MODELS.create(MODELS.parse(config.model), len(images["class_names"]), images["shape"][0])
    # The checkpoint of an unfinished run has a digest of its own.
    if digests_of(folder):
        read_file(folder, CHECKPOINT)
    state = read_checkpoint(folder / CHECKPOINT)
    if selected:
        # The first callback is the run's `RunLog`.
        if (held_weights := state["callbacks"][0]["network"]) is None:
            raise ValueError(f"{str(folder)!r} has no selected network; train it with validation=0.1 and select='validation'")
        network.load_state_dict(held_weights)
    elif "ema" in state["others"]:
        network.load_state_dict(state["others"]["ema"]["network"])
    else:
        prefix = "network."
        own = {key.removeprefix(prefix): value for key, value in state["method"].items() if key.startswith(prefix)}
        network.load_state_dict(own)
    return TrainedNetwork(network, tuple(images["mean"]), tuple(images["std"]), tuple(images["class_names"]))
