"""Every training's step can be captured as a graph: it never waits for its device, and a replayed one is the same.

The device is ``meta``, whose tensors hold no numbers, and what replays a step is the step itself, on batches that are
copied to where the first one lay.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crlspec.inference.edges.classifier_model import ContrastModel, Rows
from crlspec.inference.edges.leave_one_out import _Fits
from crlspec.inference.encoders.gaussian_environments import GaussianEnvironments, Start
from crlspec.inference.encoders.score_sparsity import ScoreSparsity
from crlspec.inference.encoders.structured_ratio import Settings, StructuredRatio
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.numerics.gradients import captured, gradients_of, tensors_of
from crlspec.numerics.image_replicas import ImageReplicas
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.residual import ResidualNetwork
from crlspec.numerics.sample import Sample
from crlspec.scores.ratio import _log_loss
from crlspec.scores.sliced import _loss, _VectorFields
from crlspec.testing.places import never_waits

SIGNATURE = inspect.signature(torch.cuda.graph)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Case:
    """A module, its loss, and a batch of a seed."""

    module: nn.Module
    loss: Callable[[Any, Any], Tensor]
    batch: Callable[[int], Any]


def normal(*shape: int) -> Callable[[int], Tensor]:
    return lambda seed: torch.randn(*shape, generator=generator(seed))


def pooled(seed: int) -> Sample:
    return Sample(normal(40, 3)(seed), torch.randint(4, (40,), generator=generator(seed)))


def rows(seed: int) -> Rows:
    return Rows(normal(40, 3)(seed), torch.randint(7, (40,), generator=generator(seed)))


EYE, TARGETS = torch.eye(3)[None], torch.tensor([[1, 2, 3]])
PAIRS = [(1, 2), (3, 4), (5, 6)]
MULTI = torch.ones(1, 3, 4).tril().bool()
NESTED = FlexibleLikelihood(EYE, TARGETS, generator(), width=4)
GRAPH = torch.ones(1, 3, 3).tril(-1).bool()
TURNING = torch.tensor([[True, False, True]])
START = Start(np.eye(3), np.zeros(3), np.eye(3), np.zeros(3))
IMAGES = ImageReplicas(2, (2, 9, 11), 3, torch.full((2,), 0.4), torch.full((2,), 0.2), generator())

CASES = {
    "structured ratio": Case(
        StructuredRatio(EYE, PAIRS, Settings(True, width=4, depth=1), generator()),
        lambda model, y: sum(model.losses(y)),
        normal(7, 5, 3),
    ),
    "monotone heads": Case(
        StructuredRatio(EYE, PAIRS, Settings(True, width=4, depth=1), generator(), TURNING),
        lambda model, y: sum(model.losses(y)),
        normal(7, 5, 3),
    ),
    "score sparsity": Case(
        ScoreSparsity(EYE.double(), torch.randn(3, 50, 3, generator=generator()).double(), 4, generator()),
        lambda model, batch: model.losses(*batch),
        lambda seed: tuple(part(seed).double() for part in (normal(20, 3), normal(3, 20, 3), normal(20, 3))),
    ),
    "order": Case(NESTED, lambda model, batch: model.loss(batch).mean(1), pooled),
    "graph": Case(NESTED.given(GRAPH, generator()), lambda model, batch: model.loss(batch).mean(1), pooled),
    "soft": Case(
        FlexibleLikelihood(EYE, TARGETS, generator(), width=4, soft=True),
        lambda model, batch: model.loss(batch).mean(1),
        pooled,
    ),
    "soft, several targets": Case(
        FlexibleLikelihood(EYE, MULTI, generator(), width=4, soft=True),
        lambda model, batch: model.loss(batch).mean(1),
        pooled,
    ),
    "classifier of edges": Case(
        ContrastModel(np.tri(3, k=-1, dtype=bool), generator(), width=4),
        lambda model, batch: model.losses(batch).mean()[None] + model.losses_without(batch).mean(1),
        rows,
    ),
    "leave one out": Case(
        _Fits(normal(40, 3)(0), torch.zeros(3, 40).bool(), [(1, -1), (1, 0)], 4, generator()),
        lambda model, index: model.losses(index).mean(-1),
        lambda seed: torch.randint(40, (2, 9), generator=generator(seed)),
    ),
    "ratio scores": Case(
        BatchedNetwork(2, 3, 4, generator(), quadratic=True),
        lambda network, batch: _log_loss(network.once(batch)),
        normal(2, 10, 3),
    ),
    "sliced scores": Case(
        _VectorFields(2, 3, 4, generator()),
        lambda fields, batch: _loss(fields, batch[0], [batch[1]]),
        lambda seed: (normal(2, 10, 3)(seed), normal(2, 10, 3)(seed).sign()),
    ),
    "environments": Case(
        ResidualNetwork(torch.zeros(1, 3, 4), 4, generator(), 2),
        lambda network, batch: torch.log_softmax(network(batch[None])[0], -1).mean()[None],
        normal(20, 3),
    ),
    "gaussianise": Case(
        GaussianEnvironments([START], 4, generator()),
        lambda model, batch: model.contrast(batch) + model.likelihood(batch),
        pooled,
    ),
    "images": Case(IMAGES, lambda model, images: model(images).square().mean((1, 2)), normal(5, 2, 9, 11)),
}  # fmt: skip


def placed(batch: Any, device: str) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, tuple):
        return tuple(placed(part, device) for part in batch)
    return type(batch)(*(part.to(device) for part in tensors_of(batch)))


def gradients(module: nn.Module) -> list[Tensor | None]:
    return [None if p.grad is None else p.grad.clone() for p in module.parameters()]


@pytest.mark.parametrize("name", CASES)
def test_a_step_never_waits_for_its_device(name: str) -> None:
    case = CASES[name]
    module, batch = copy.deepcopy(case.module).to("meta"), placed(case.batch(0), "meta")
    with never_waits("meta"):
        case.loss(module, batch).sum().backward()
    assert any(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize("name", CASES)
def test_a_replayed_step_is_the_same_to_the_last_bit(name: str) -> None:
    case, captures = CASES[name], []
    module, told = copy.deepcopy(case.module), []

    def loss(batch: Any) -> Tensor:
        return case.loss(module, batch)

    def capture(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
        captures.append(device)
        return work

    one_by_one, replayed = (
        gradients_of(module, loss, told.append),
        gradients_of(module, loss, told.append, capture),
    )
    for seed in range(3):
        one_by_one(case.batch(seed))
        expected = gradients(module)
        replayed(case.batch(seed))
        for mine, own in zip(gradients(module), expected, strict=True):
            assert (mine is None and own is None) or torch.equal(mine, own)
    assert (len(captures), told) == (1, [])


def test_a_batch_that_lies_elsewhere_is_never_captured() -> None:
    layer = layer_of_two()
    step = gradients_of(layer, lambda rows: layer(torch.ones(len(rows), 2)), print, _refused)
    step(np.arange(3))
    assert layer.weight.grad is not None


def test_where_a_step_cannot_be_captured_it_is_called_and_that_is_said() -> None:
    layer, told = layer_of_two(), []
    step = gradients_of(layer, layer, told.append, _refused)
    for _ in range(2):
        step(torch.ones(4, 2))
    assert torch.equal(layer.weight.grad, torch.full((1, 2), 4.0))
    assert told == ["kernels are called one by one: operation not permitted when stream is capturing"]


def test_a_batch_of_another_shape_is_refused() -> None:
    layer = layer_of_two()
    step = gradients_of(layer, layer, print, lambda work, device: work)
    step(torch.ones(4, 2))
    with pytest.raises(ValueError, match=r"a batch of shape \(1, 2\) after one of \(4, 2\)"):
        step(torch.ones(1, 2))


def test_data_are_not_written_to() -> None:
    layer, data = layer_of_two(), torch.arange(8.0).reshape(4, 2)
    step = gradients_of(layer, layer, print, lambda work, device: work)
    for batch in (data, -data):
        step(batch)
    assert torch.equal(data, torch.arange(8.0).reshape(4, 2))


def test_a_graph_is_captured_once_the_kernels_are_chosen_on_the_same_stream(monkeypatch) -> None:
    events: list[Any] = []

    class Stream:
        def __init__(self, device: Any = "present") -> None:
            self.device = device

        def wait_stream(self, other: Stream) -> None:
            events.append(f"{self.device} waits for {other.device}")

    class Graph:
        def replay(self) -> None:
            events.append("replay")

    @contextmanager
    def inside(*given: Any, **named: Any) -> Iterator[None]:
        if named:
            SIGNATURE.bind(*given, **named)
        place = [named["stream"].device] if named else [one.device for one in given]
        events.append(("capture" if named else "on", *place))
        yield

    for name, one in {"stream": inside, "graph": inside, "Stream": Stream, "CUDAGraph": Graph}.items():
        monkeypatch.setattr(torch.cuda, name, one)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    captured(lambda: events.append("work"), torch.device("cuda:1"))()
    own = torch.device("cuda:1")
    assert events == [
        ("on", "present"), f"{own} waits for present", ("on", own), *["work"] * 3, f"present waits for {own}",
        ("capture", own), "work", "replay",
    ]  # fmt: skip


def test_what_waits_is_found() -> None:
    values = torch.empty(4, 2, device="meta")
    waiting = {
        "comes from cpu": lambda: values + torch.ones(4, 2).to("meta"),
        "comes from the program": lambda: values[:, [0, 1]],
        "waits for meta": lambda: values[values[:, 0] > 0],
    }
    for words, call in waiting.items():
        with never_waits("meta"), pytest.raises(AssertionError, match=words):
            call()
    with never_waits("meta"):
        values * 2 + torch.tensor(3.0)


def layer_of_two() -> nn.Module:
    layer = nn.utils.skip_init(nn.Linear, 2, 1)
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
    return layer


def _refused(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    raise RuntimeError("operation not permitted\n when stream is capturing")
