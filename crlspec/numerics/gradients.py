"""How the gradients of one step are made: call by call, or, on a GPU, by one graph of all its kernels.

A step of small networks is some hundred kernels of a few microseconds each. Called one by one they leave a GPU idle
most of the time. A CUDA graph holds them all and is launched at once. It reads the same memory each time, so that a
batch is copied to where the first one lay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Capture", "CapturedGradients", "captured", "gradients_of", "tensors_of"]

Capture = Callable[[Callable[[], None], torch.device], Callable[[], None]]
"""From what fills the gradients, and where, to what does so again without being called line by line."""

WARM_UP = 3
"""Calls before a graph is captured, in which libraries choose their kernels."""


def gradients_of(
    module: nn.Module,
    loss: Callable[[Any], Tensor],
    told: Callable[[str], None],
    capture: Capture | None = None,
) -> Callable[[Any], None]:
    """What leaves the gradients of ``loss(batch).sum()`` in the parameters of a module, in place of those before.

    A graph is captured where the module and the tensors of a batch lie on one GPU; whoever asks gives gradients the
    same shapes of batches then. Where it cannot be captured each kernel is called by itself, and ``told`` says so.

    capture  in place of a CUDA graph, wherever the module lies
    """
    parameters = list(module.parameters())
    one_by_one = _OneByOne(parameters, loss)
    device = parameters[0].device
    if capture is None and device.type != "cuda":
        return one_by_one
    return CapturedGradients(one_by_one, device, told, capture or captured)


class _OneByOne:
    """Gradients by calling the loss and its derivative."""

    def __init__(self, parameters: Sequence[nn.Parameter], loss: Callable[[Any], Tensor]) -> None:
        self.parameters, self.loss = parameters, loss

    def __call__(self, batch: Any) -> None:
        for parameter in self.parameters:
            parameter.grad = None
        self.loss(batch).sum().backward()


class CapturedGradients:
    """Gradients by a graph, captured with the first batch. A batch of other shapes is refused by a ValueError."""

    def __init__(
        self, one_by_one: _OneByOne, device: torch.device, told: Callable[[str], None], capture: Capture
    ) -> None:
        self.one_by_one, self.device, self.told, self.capture = one_by_one, device, told, capture
        self.replay: Callable[[], None] | None = None
        self.place: list[Tensor] = []
        self.possible = True

    def __call__(self, batch: Any) -> None:
        if self.replay is None and self.possible:
            self.possible = self._capture(batch)
        if self.replay is None:
            self.one_by_one(batch)
            return
        for mine, new in zip(self.place, tensors_of(batch), strict=True):
            if mine.shape != new.shape:
                raise ValueError(f"a batch of shape {tuple(new.shape)} after one of {tuple(mine.shape)}")
            mine.copy_(new)
        self.replay()

    def _capture(self, batch: Any) -> bool:
        """Whether there is a graph now."""
        own = _copied(batch)
        place = tensors_of(own)
        if not place or any(tensor.device != self.device for tensor in place):
            return False
        try:
            self.replay = self.capture(lambda: self.one_by_one(own), self.device)
        except RuntimeError as error:
            self.told(f"kernels are called one by one: {' '.join(str(error).split())[:120]}")
            return False
        self.place = place
        return True


def captured(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """The CUDA graph of ``work``, which is called some times before on the same stream.

    Raises RuntimeError where the work waits for the device or makes tensors elsewhere.
    """
    present, stream = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    with torch.cuda.stream(present):  # which a failed capture does not put back
        stream.wait_stream(present)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                work()
        present.wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            work()
    replay: Callable[[], None] = graph.replay
    return replay


def tensors_of(batch: Any) -> list[Tensor]:
    """The tensors of a batch: it is one, a tuple of such, or a dataclass of such. None of anything else."""
    if isinstance(batch, Tensor):
        return [batch]
    if isinstance(batch, tuple):
        return [tensor for part in batch for tensor in tensors_of(part)]
    if dataclasses.is_dataclass(batch):
        return [
            tensor for one in dataclasses.fields(batch) for tensor in tensors_of(getattr(batch, one.name))
        ]
    return []


def _copied(batch: Any) -> Any:
    """The batch in memory of its own."""
    if isinstance(batch, Tensor):
        return batch.detach().clone()
    if isinstance(batch, tuple):
        return tuple(_copied(part) for part in batch)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        own = {one.name: _copied(getattr(batch, one.name)) for one in dataclasses.fields(batch)}
        return dataclasses.replace(batch, **own)
    return batch
