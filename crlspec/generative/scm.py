"""Structural causal models: mechanisms p(z_i | parents) put together in causal order."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import torch
from torch.distributions.constraints import is_dependent

from crlspec.errors import CrlspecError
from crlspec.generative.density import Plan, gather
from crlspec.generative.drawing import drawing_from, named_generator
from crlspec.generative.mechanism import (
    AdditiveMechanism,
    Distribution,
    Function,
    Mechanism,
    Noise,
    as_tensor,
)
from crlspec.typing import Latents, LogDensity, Node, Parents, Tensor

__all__ = [
    "SCM",
    "AdditiveMechanism",
    "Distribution",
    "DrawError",
    "Function",
    "Mechanism",
    "Noise",
    "as_tensor",
    "gather",
]

BLOCK = 2**17
"""Numbers of z whose score is computed at a time on a CPU: about what its caches hold."""


@dataclass(frozen=True, eq=False)
class SCM:
    """A structural causal model: one mechanism for each latent, together acyclic.

    Attributes:
        latents: names, in the order of the last axis of every z.
        mechanisms: latent name → its mechanism.
        order: the names in causal order (parents first), derived.

    Raises:
        CrlspecError: a latent without mechanism, an unknown parent, or a cycle.
    """

    latents: tuple[str, ...]
    mechanisms: Mapping[str, Mechanism]
    order: tuple[str, ...] = field(init=False)
    _kept: Plan | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if set(self.mechanisms) != set(self.latents):
            raise CrlspecError(
                f"the mechanisms are for {sorted(self.mechanisms)}, the latents are {list(self.latents)}",
                remedy="give exactly one mechanism for each latent",
            )
        for name, mechanism in self.mechanisms.items():
            unknown = [parent for parent in mechanism.parents if parent not in self.mechanisms]
            if unknown:
                raise CrlspecError(
                    f"the mechanism of {name} has the unknown parents {unknown}",
                    remedy=f"choose parents among {list(self.latents)}",
                )
        try:
            order = tuple(
                TopologicalSorter({n: self.mechanisms[n].parents for n in self.latents}).static_order()
            )
        except CycleError as error:
            raise CrlspecError(
                f"the graph has the cycle {' -> '.join(error.args[1])}", remedy="remove one of these edges"
            ) from None
        object.__setattr__(self, "order", order)

    def replace(self, mechanisms: Mapping[str, Mechanism]) -> "SCM":
        """The SCM in which the given mechanisms stand in place of the old ones: an intervention."""
        return SCM(self.latents, {**self.mechanisms, **mechanisms})

    def to(self, dtype: torch.dtype, device: torch.device | str) -> "SCM":
        """A copy with all its numbers in the given dtype and on the given device."""
        moved = {n: copy.deepcopy(m).to(device=device, dtype=dtype) for n, m in self.mechanisms.items()}
        return SCM(self.latents, moved)

    def log_density(self, z: Latents) -> LogDensity:
        """log p(z), shape (*sample). Clamped nodes have no density: the result is that of the others.

        Works under ``torch.func`` transforms (grad, vmap, jacrev).
        """
        self._require(z)
        total = self._plan().total(z.reshape(-1, z.shape[-1]).mT.contiguous())
        return z.new_zeros(z.shape[:-1]) if total is None else total.reshape(z.shape[:-1])

    def score(self, z: Latents) -> Latents:
        """∇ log p(z), shape (*sample, latent), by reverse-mode differentiation of :meth:`log_density`.

        The coordinate of a clamped node is 0: the score is that of the others' density.
        """
        self._require(z)
        plan, rows = self._plan(), z.detach().reshape(-1, z.shape[-1])
        found = torch.empty_like(rows, memory_format=torch.contiguous_format)
        step = max(1, BLOCK // len(self.latents)) if z.device.type == "cpu" else max(1, len(rows))
        for part, score in zip(rows.split(step), found.split(step), strict=True):
            score.copy_(plan.gradient(part.mT.contiguous()).mT)
        return found.reshape(z.shape)

    def sample(self, n: int, seed: int = 0) -> Latents:
        """``n`` independent draws, shape (n, latent), on the device and in the dtype of the mechanisms.

        Every node has its own stream of random numbers, derived from ``seed`` and its name and drawn on the
        CPU in float64: the draws are the same on every device and in every thread, and the global generators are
        left alone.
        """
        buffer = next((b for m in self.mechanisms.values() for b in m.buffers()), None)
        dtype, device = (
            (torch.float64, torch.device("cpu")) if buffer is None else (buffer.dtype, buffer.device)
        )
        source = self if (dtype, device.type) == (torch.float64, "cpu") else self.to(torch.float64, "cpu")
        columns: dict[str, Tensor] = {}
        with torch.no_grad():
            for name in source.order:
                mechanism = source.mechanisms[name]
                parents = gather(columns, mechanism.parents, like=torch.empty(n, dtype=torch.float64))
                with drawing_from(named_generator(seed, name)):
                    columns[name] = _drawn(name, mechanism, parents)
        return torch.stack([columns[name] for name in self.latents], dim=-1).to(device=device, dtype=dtype)

    def _require(self, z: Latents) -> None:
        if z.dim() == 0 or z.shape[-1] != len(self.latents):
            raise CrlspecError(
                f"z has shape {tuple(z.shape)}, but there are {len(self.latents)} latents",
                remedy=f"the last axis of z holds {', '.join(self.latents)}, in this order",
            )

    def _plan(self) -> Plan:
        """How the density is evaluated: made once, and again when a number of a mechanism was changed."""
        if self._kept is None or not self._kept.is_current():
            made = Plan.of(self.latents, self.mechanisms)
            if not made.lasts:
                return made
            object.__setattr__(self, "_kept", made)
        assert self._kept is not None
        return self._kept


class DrawError(CrlspecError):
    """Raised where a latent cannot be drawn: no distribution for some of its parents, or an infinite draw."""

    def __init__(self, latent: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.latent = latent

    def __reduce__(self) -> tuple[type["DrawError"], tuple[str, str, str]]:
        return type(self), (self.latent, self.message, str(self.remedy))


def _drawn(name: str, mechanism: Mechanism, parents: Parents) -> Node:
    """A draw, refused where the parents lead to arguments (a negative scale) that give no distribution."""
    try:
        distribution = mechanism.distribution(parents)
        _refuse_arguments(name, distribution)
        drawn: Node = distribution.sample()
        finite = bool(torch.isfinite(drawn).all()) and not bool(
            torch.isnan(distribution.log_prob(drawn)).any()
        )
    except (ValueError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError) or "memory" in str(error):
            raise
        finite = False  # a part of the distribution refuses its arguments
    if not finite:
        raise DrawError(
            name,
            f"the draws of {name} are not all finite, or its distribution is not valid for some of its parents",
            remedy="write arguments that are valid everywhere, and functions that grow less",
        )
    return drawn


def _refuse_arguments(name: str, distribution: Distribution) -> None:
    """Raises DrawError where an argument is outside of what its distribution allows."""
    for argument, constraint in distribution.arg_constraints.items():
        value = getattr(distribution, argument, None)
        if not isinstance(value, Tensor) or is_dependent(constraint):
            continue
        if not bool((valid := constraint.check(value)).all()):
            wrong = value[~valid].flatten()[0].item()
            raise DrawError(
                name,
                f"the {argument} of {name} is {wrong:g} at some value of its parents, which is not allowed there.",
                remedy=f"write a {argument} that is valid everywhere, e.g. by exp(…) or softplus(…)",
            )
