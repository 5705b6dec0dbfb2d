"""`Memory`: values that a module remembers between steps."""

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn


class Memory(nn.Module):
    """Base class of modules that remember tensors, or numbers (which stay on the host, so that reading them never waits).

    A remembered value is a plain attribute. `state_dict` saves it as a tensor, `load_state_dict` accepts any size, and `to`
    moves it. It is not a buffer, so DistributedDataParallel never overwrites it with the value of rank 0.

    Example:
        >>> class Last(Memory):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.remember(logits=torch.empty(0, 10), steps=0)
    """

    def __init__(self) -> None:
        super().__init__()
        self._remembered: tuple[str, ...] = ()

    def remember(self, **values: Tensor | int | float) -> None:
        """Declare remembered attributes with their first values.

        Args:
            values: Tensors of any shape and dtype, or numbers. Assign to the attribute to change one.
        """
        for name, value in values.items():
            setattr(self, name, value)
        self._remembered += tuple(values)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name in self._remembered:
            value = getattr(self, name)
            if isinstance(value, Tensor):
                setattr(self, name, fn(value))
        return self

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name in self._remembered:
            destination[prefix + name] = torch.as_tensor(getattr(self, name))

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        for name in self._remembered:
            key, own = prefix + name, getattr(self, name)
            if key not in state_dict:
                missing_keys += [key] * strict
                continue
            loaded = state_dict[key]
            setattr(self, name, loaded.to(own.device, copy=True) if isinstance(own, Tensor) else type(own)(loaded.item()))
            if key in unexpected_keys:
                unexpected_keys.remove(key)
