"""How a new distribution is made to fit the site that it is put on: kind, event shape and batch shape."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.enum_messenger import EnumMessenger
from pyro.poutine.indep_messenger import IndepMessenger
from pyro.poutine.runtime import _PYRO_STACK

from crlspec.errors import CrlspecError
from crlspec.handlers.changes import Distribution


@dataclass(frozen=True)
class TrainingContext:
    """Where a site stands: the plates around it (dimension → size), and the first dimension of enumeration.

    Dimensions count from the right of the batch shape: −1, −2, …
    """

    plates: Mapping[int, int]
    first_enumerated: int | None

    @classmethod
    def here(cls) -> TrainingContext:
        """Where the running program is now, by all handlers around it."""
        plates = {
            handler.dim: getattr(handler, "subsample_size", handler.size)
            for handler in _PYRO_STACK
            if isinstance(handler, IndepMessenger) and handler.dim is not None
        }
        first = [handler.first_available_dim for handler in _PYRO_STACK if isinstance(handler, EnumMessenger)]
        known = [dim for dim in first if dim is not None]
        return cls(plates, max(known) if known else None)

    def enumerated(self, dim: int) -> bool:
        """Whether a dimension belongs to enumerated values of other sites."""
        return self.first_enumerated is not None and dim <= self.first_enumerated

    def held(self, value: torch.Tensor, event_dim: int) -> dist.Delta:
        """The distribution of a value that the program computes: dimensions of plates belong to the batch.

        ``pyro.deterministic`` counts all dimensions as those of one event, unless it is told.
        """
        batch = min(value.dim(), -min(self.plates, default=0))
        along = all(
            value.shape[:batch][dim] in (1, size) for dim, size in self.plates.items() if -dim <= batch
        )
        if event_dim == value.dim() and along:
            event_dim = value.dim() - batch
        return dist.Delta(value, event_dim=event_dim)


def fitted(name: str, new: Any, current: Distribution, place: TrainingContext) -> Distribution:
    """``new`` as a distribution with the shape of the site ``name``, which has the distribution ``current``.

    A constant becomes a Delta. Size 1 is spread over the plates and over the site's own dimensions; dimensions of
    enumerated parents are left away where ``new`` does not read them.

    Raises:
        CrlspecError: no distribution, or one of another event shape, or of a batch shape that does not go with it.
    """
    new = replacement(name, new)
    if not isinstance(new, TorchDistributionMixin):
        new = _delta(name, new, current)
    if new.event_shape != current.event_shape:
        raise CrlspecError(
            f"the distribution for {name!r} has event shape {tuple(new.event_shape)}; that of the site is "
            f"{tuple(current.event_shape)}.",
            _remedy(current),
        )
    target = _batch(tuple(new.batch_shape), tuple(current.batch_shape), place)
    if target is None:
        there = tuple(current.batch_shape)
        given = tuple(new.batch_shape)
        message = f"the distribution for {name!r} has batch shape {given}; that of the site is {there}."
        spread = f"give one that broadcasts to it, e.g. with batch shape () or {there}."
        raise CrlspecError(message, spread if there else "give one without a batch shape.")
    return new if target == tuple(new.batch_shape) else new.expand(target)


def replacement(name: str, given: Any) -> Any:
    """``given`` where it is a Pyro distribution or a constant. Raises CrlspecError where it is neither."""
    if isinstance(given, TorchDistributionMixin | numbers.Number | torch.Tensor):
        return given
    raise CrlspecError(
        f"the site {name!r} was given {_shown(given)}.",
        "give a distribution of pyro.distributions, a number or tensor to fix the site, or a function from the "
        "current distribution to the new one.",
    )


def _batch(new: tuple[int, ...], current: tuple[int, ...], place: TrainingContext) -> tuple[int, ...] | None:
    """The batch shape to expand to, None where there is none."""
    target: list[int] = []
    for dim in range(-1, -max(len(new), len(current)) - 1, -1):
        given = new[dim] if -dim <= len(new) else 1
        there = current[dim] if -dim <= len(current) else 1
        if place.enumerated(dim):
            target.append(given)
        elif given in (1, there):
            target.append(there)
        elif there == 1 and place.plates.get(dim) == given:
            target.append(given)
        else:
            return None
    while len(target) > len(new) and target[-1] == 1:
        target.pop()
    return tuple(reversed(target))


def _delta(name: str, value: Any, current: Distribution) -> dist.Delta:
    like = _like(current)
    if not isinstance(value, torch.Tensor):
        value = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    event = tuple(current.event_shape)
    try:
        shape = torch.broadcast_shapes(value.shape, event)
    except RuntimeError:
        shape = torch.Size()
    if len(shape) < len(event) or tuple(shape[len(shape) - len(event) :]) != event:
        raise CrlspecError(
            f"the constant for {name!r} has shape {tuple(value.shape)}; a value has {tuple(current.shape())}.",
            f"give a number, or a tensor that broadcasts to {tuple(current.shape())}.",
        )
    return dist.Delta(value.expand(shape), event_dim=len(event))


def _like(distribution: Distribution) -> torch.Tensor:
    """A tensor with the dtype and the device of the values of a distribution."""
    if isinstance(distribution, dist.Delta):
        return distribution.v
    if distribution.has_enumerate_support:
        return distribution.enumerate_support(expand=False)
    for parameter in distribution.arg_constraints:
        value = getattr(distribution, parameter, None)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value
    base = getattr(distribution, "base_dist", None)
    return torch.empty(0) if base is None else _like(base)


def _remedy(current: Distribution) -> str:
    if not current.event_shape:
        return "give a distribution of single numbers."
    shape = list(current.event_shape)
    return f"end it with .expand({shape}).to_event({len(shape)}), or give one of vectors of this shape."


def _shown(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}, which is not yet a distribution"
    text = repr(value)
    text = text if len(text) <= 60 else f"{text[:57]}…"
    return f"{text}, a {type(value).__module__}.{type(value).__name__}"
