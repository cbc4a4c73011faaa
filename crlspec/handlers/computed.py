"""Deterministic sites that data are put on: what they are computed from does not see the data."""

from __future__ import annotations

import warnings
from typing import Any

import pyro
import torch
from pyro.ops.provenance import detach_provenance
from pyro.poutine.condition_messenger import ConditionMessenger
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import _PYRO_STACK
from torch._C._functorch import peek_interpreter_stack

from crlspec.errors import DensityWarning

__all__ = ["computed", "held_instead"]

Message = Any  # Pyro's message of one site


def computed(name: str, value: torch.Tensor, event_dim: int, why: str, remedy: str) -> torch.Tensor:
    """``pyro.deterministic``, with a DensityWarning where the program is conditioned on other values at the site.

    why     says that data there have no density: ``it is computed from …``
    remedy  what to condition on in its place
    """
    text = (
        f"data on the site {name!r} have no density: {why}. Nothing is inferred from them. Remedy: {remedy}"
    )
    with _Watch(value, text):
        seen: torch.Tensor = pyro.deterministic(name, value, event_dim=event_dim)
    return seen


def held_instead(msg: Message, value: torch.Tensor) -> bool:
    """Whether data stand at a deterministic site that the program computed another ``value`` for; once it is visited.

    Sites that an intervention or ``pyro.do`` fixes hold no data.
    """
    if not msg["is_observed"] or not (msg["infer"] or {}).get("_deterministic"):
        return False
    if msg.get("_intervener_id") or msg.get("_intervened_by") or msg["value"] is value:
        return False
    return _is_conditioned(msg["name"]) and not _alike(
        detach_provenance(msg["value"]), detach_provenance(value)
    )


class _Watch(Messenger):
    """The innermost handler of one site: it sees last what stands there."""

    def __init__(self, value: torch.Tensor, text: str) -> None:
        super().__init__()
        self.value, self.text = value, text

    def _pyro_post_sample(self, msg: Message) -> None:
        if held_instead(msg, self.value):
            warnings.warn(self.text, DensityWarning, stacklevel=2)


def _is_conditioned(name: str) -> bool:
    """Whether ``pyro.condition`` has data for a site, under this name or the one that it has within scopes."""
    parts = name.split("/")
    names = ["/".join(parts[k:]) for k in range(len(parts))]
    return any(
        isinstance(handler, ConditionMessenger) and any(one in handler.data for one in names)
        for handler in _PYRO_STACK
    )


def _alike(held: torch.Tensor, value: torch.Tensor) -> bool:
    """Whether two tensors are the same up to rounding; False where their numbers cannot be looked at."""
    if held.is_meta or value.is_meta:
        return True
    if torch.jit.is_tracing() or peek_interpreter_stack() is not None:
        return False
    try:
        held, value = torch.broadcast_tensors(held.detach(), value.detach())
    except RuntimeError:
        return False
    if not value.numel():
        return True
    size = value.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
    precision = torch.finfo(value.dtype).eps ** 0.5 if value.is_floating_point() else 0.0
    return bool(((held - value).abs() <= precision * size).all())
