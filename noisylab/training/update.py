"""One update of the weights: precision, scaling, clipping, and the moving average of the weights."""

import dataclasses
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from noisylab.core.distributed import gathered, processes
from noisylab.core.interrupts import is_stop
from noisylab.data.batches.batch import Batch
from noisylab.methods.base import Method, Step
from noisylab.training.callback import Stateful
from noisylab.training.config import TrainConfig
from noisylab.training.optimizers import make_optimizer, own_optimizers, scheduled_parameters
from noisylab.training.stack import Stack
from noisylab.training.weight_average import WeightAverage

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class _Loss(nn.Module):
    """A method's loss as the forward pass of a module, so that DistributedDataParallel averages its gradients."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: Batch) -> Step:
        """Loss and logits of one batch."""
        return self.method.loss(batch)


class Update:
    """Call it with a batch of every method to make one training step of all.

    If `config.stack` is above 1 and the methods can be stacked, their networks share forward pass, backward pass and optimiser.

    Args:
        methods: Methods of one kind with the same options: up to `config.stack` that can be stacked, or a single one.
        config: The settings of the loop.
        device: Where the methods are.
    """

    def __init__(self, methods: Sequence[Method], config: TrainConfig, device: torch.device) -> None:
        self.methods, self.config, self.device = tuple(methods), config, device
        self._stack = Stack(methods, config) if width(methods[0], config) > 1 else None
        scheduled = [] if self._stack is None else [self._stack.optimizer]
        # By place: what clipping measures, and the optimisers besides that of the stack.
        self._parameters = [scheduled_parameters(method) for method in methods]
        self._optimizers: list[list[torch.optim.Optimizer]] = []
        for method, parameters in zip(methods, self._parameters, strict=True):
            stacked = set() if self._stack is None else {id(each) for each in method.network.parameters()}
            rest = [each for each in parameters if id(each) not in stacked]
            optimizers = [make_optimizer(rest, config)] if rest else []
            scheduled += optimizers
            self._optimizers.append([*optimizers, *own_optimizers(method)])
        self._scheduled = scheduled
        self._separate = list(itertools.chain.from_iterable(self._optimizers))
        self._trained = [each for optimizer in self._separate for group in optimizer.param_groups for each in group["params"]]
        self._all = [*scheduled[: self._stack is not None], *self._separate]
        self._changes_gradients = methods[0].adjusts_gradients or config.gradient_clip is not None
        # Small gradients vanish in float16, so the loss is scaled up and gradients are scaled down again.
        self._scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self._averaged = [WeightAverage(method.network, config.ema) if config.ema else None for method in methods]
        # Each process has its own running statistics.
        self._loss = methods[0].loss
        if processes() > 1:
            with warnings.catch_warnings():
                # Deprecated since torch 2.12, but its replacement cannot do this yet.
                warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
                self._loss = DistributedDataParallel(_Loss(methods[0]), broadcast_buffers=False, init_sync=False)

    def stateful(self, place: int = 0) -> dict[str, Stateful]:
        """The objects with a state, by name, besides the method at this place."""
        optimizers: list[Stateful] = [*self._optimizers[place]]
        if self._stack is not None:
            optimizers.insert(0, self._stack.optimizer_of(place))
        found = {f"optimizer {number}": each for number, each in enumerate(optimizers)}
        if self.config.precision == "fp16":
            found["scaler"] = self._scaler
        if (averaged := self._averaged[place]) is not None:
            found["ema"] = averaged
        return found

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        for optimizer in self._scheduled:
            for group in optimizer.param_groups:
                group["lr"] = rate

    def __call__(
        self,
        batches: Mapping[int, Batch],
        before_loss: Callable[[int], object] = lambda _: None,
        errors: dict[int, BaseException] | None = None,
    ) -> dict[int, tuple[Batch, Step]]:
        """Compute loss and gradients, and update weights, average and the method's memory.

        Args:
            batches: By place, of the methods that learn.
            before_loss: Called with each place before its loss is computed.
            errors: Gets what a method raised, by place; None: it is raised. What the shared passes raise is always raised.

        Returns:
            The batch and the step of every method that raised nothing. With several processes, index, labels, new part and
            logits cover all of them; images, mix and loss are those of this process.
        """
        for parameter in self._trained:
            parameter.grad = None
        if self._stack is not None:
            self._stack.zero_gradients()
        steps: dict[int, Step] = {}
        mixed = self.config.precision != "fp32"
        with torch.autocast(self.device.type, DTYPES[self.config.precision] if mixed else None, enabled=mixed):
            logits = None if self._stack is None else self._stack.logits(batches)
            for place, batch in batches.items():
                with noted(errors, place):
                    before_loss(place)
                    steps[place] = self._loss(batch) if logits is None else _step(self.methods[place], logits[place], batch)
        if not steps:
            return {}
        torch.autograd.backward([self._scaler.scale(step.loss) for step in steps.values()])
        if self._changes_gradients:
            self._change_gradients(steps, errors)
        for optimizer in self._all:
            self._scaler.step(optimizer)
        self._scaler.update()
        done: dict[int, tuple[Batch, Step]] = {}
        for place, step in steps.items():
            method, averaged = self.methods[place], self._averaged[place]
            with noted(errors, place):
                method.after_step()
                if averaged is not None:
                    averaged.update(method.network)
                batch, whole = _of_all(batches[place], step)
                if whole.logits is not None:
                    method.observe(whole.logits, batch)
                done[place] = batch, whole
        return done

    def _change_gradients(self, places: Iterable[int], errors: dict[int, BaseException] | None) -> None:
        """Let the methods adjust their gradients, and clip those of each method."""
        for optimizer in self._all:
            self._scaler.unscale_(optimizer)
        for place in places:
            with noted(errors, place):
                self.methods[place].adjust_gradients()
                if self.config.gradient_clip is not None:
                    nn.utils.clip_grad_norm_(self._parameters[place], self.config.gradient_clip)

    @contextmanager
    def apart(self, place: int = 0) -> Iterator[None]:
        """Inside, the method's network can be evaluated."""
        with nullcontext() if self._stack is None else self._stack.apart(place):
            yield

    @contextmanager
    def evaluated(self, place: int = 0) -> Iterator[None]:
        """Inside, the method's network is the one to evaluate: the averaged network if there is one."""
        averaged, method = self._averaged[place], self.methods[place]
        if averaged is None:
            with self.apart(place):
                yield
            return
        trained = method.network
        method.network = averaged.network
        try:
            yield
        finally:
            method.network = trained

    def release(self) -> None:
        """Make the methods' networks independent of one another. No step can follow."""
        if self._stack is not None:
            self._stack.release()


def width(method: Method, config: TrainConfig) -> int:
    """How many methods like this one are trained as one network."""
    return config.stack if method.stackable else 1


@contextmanager
def noted(errors: dict[int, BaseException] | None, place: int) -> Iterator[None]:
    """Keep an exception, the first one of its place, instead of raising it; if `errors` is None, raise it.

    SystemExit and the like are kept too, since a method may raise anything; what asks this process to stop is raised.
    """
    try:
        yield
    except BaseException as error:
        if errors is None or is_stop(error):
            raise
        errors.setdefault(place, error)


def _step(method: Method, logits: Tensor, batch: Batch) -> Step:
    """`Method.loss` with the logits that the network has already computed."""
    return Step(method.loss_from_logits(logits, batch), logits, method.selected)


def _of_all(batch: Batch, step: Step) -> tuple[Batch, Step]:
    """The batch and the step, with the index, labels, new part and logits of all processes."""
    if (count := processes()) == 1:
        return batch, Step(step.loss.detach(), *(None if part is None else part.detach() for part in step[1:]))
    new = slice(batch.new.start * count, batch.new.stop * count)
    whole = dataclasses.replace(batch, index=gathered(batch.index), labels=gathered(batch.labels), new=new)
    logits, selected = (None if part is None else gathered(part.detach()) for part in (step.logits, step.selected))
    return whole, Step(step.loss.detach(), logits, selected)
