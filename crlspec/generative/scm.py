"""Structural causal models: mechanisms p(z_i | parents) put together in causal order."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

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
    "draw",
    "draws_itself",
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

        Every node has its own stream of random numbers, derived from ``seed`` and its name, so that the draws are
        the same in every thread, and the global generators are left alone. On the CPU they are drawn in float64,
        whatever the dtype. Another device draws itself, other numbers than the CPU: see :func:`draw`.

        Raises:
            DrawError: a latent cannot be drawn.
        """
        buffer = next((b for m in self.mechanisms.values() for b in m.buffers()), None)
        dtype, device = (
            (torch.float64, torch.device("cpu")) if buffer is None else (buffer.dtype, buffer.device)
        )
        if draws_itself(device):
            z, valid = draw(
                self,
                torch.empty(n, dtype=dtype, device=device),
                lambda name: named_generator(seed, name, device=device),
            )
            if not bool(valid.all()):
                raise self._wrong_draw(z, valid)
            return z
        source = self if (dtype, device.type) == (torch.float64, "cpu") else self.to(torch.float64, "cpu")
        columns: dict[str, Tensor] = {}
        with torch.no_grad():
            for name in source.order:
                mechanism = source.mechanisms[name]
                parents = gather(columns, mechanism.parents, like=torch.empty(n, dtype=torch.float64))
                with drawing_from(named_generator(seed, name)):
                    columns[name] = _drawn(name, mechanism, parents)
        return torch.stack([columns[name] for name in self.latents], dim=-1).to(device=device, dtype=dtype)

    def _wrong_draw(self, z: Latents, valid: Tensor) -> "DrawError":
        """What is wrong with the first latent, in causal order, whose draws are not valid."""
        columns = dict(zip(self.latents, z.unbind(-1), strict=True))
        good = dict(zip(self.latents, valid.tolist(), strict=True))
        name = next(name for name in self.order if not good[name])
        mechanism = self.mechanisms[name]
        try:
            _refuse_arguments(name, mechanism.distribution(gather(columns, mechanism.parents)))
        except DrawError as error:
            return error
        return _not_finite(name)

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


def draws_itself(device: torch.device) -> bool:
    """True for a device that has numbers and generators of its own; the CPU draws for the others."""
    return device.type not in ("cpu", "meta")


def draw(scm: SCM, like: Tensor, stream: Callable[[str], torch.Generator]) -> tuple[Latents, Tensor]:
    """Draws where ``like`` (sample,) lives, in its dtype; nothing is read off the device.

    stream  latent → the generator of its draws

    Returns:
        z (sample, latent); and (latent,) whether the draws of each are finite and its arguments allowed.

    Raises:
        DrawError: torch itself refused the arguments of a distribution.
    """
    columns: dict[str, Tensor] = {}
    valid: dict[str, Tensor] = {}
    with torch.no_grad():
        for name in scm.order:
            mechanism = scm.mechanisms[name]
            distribution = mechanism.distribution(gather(columns, mechanism.parents, like=like))
            try:
                with drawing_from(stream(name)):
                    columns[name] = distribution.sample()
            except (ValueError, RuntimeError) as error:
                if isinstance(error, torch.OutOfMemoryError) or "memory" in str(error):
                    raise
                _refuse_arguments(name, distribution)  # torch refused one of them
                raise _not_finite(name) from None
            density = distribution.log_prob(columns[name])
            checks = [torch.isfinite(columns[name]).all(), ~torch.isnan(density).any()]
            checks += [constraint.check(value).all() for _, value, constraint in _arguments(distribution)]
            valid[name] = torch.stack(checks).all()
    z = torch.stack([columns[name] for name in scm.latents], dim=-1)
    return z, torch.stack([valid[name] for name in scm.latents])


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
        raise _not_finite(name)
    return drawn


def _not_finite(name: str) -> DrawError:
    return DrawError(
        name,
        f"the draws of {name} are not all finite, or its distribution is not valid for some of its parents",
        remedy="write arguments that are valid everywhere, and functions that grow less",
    )


def _arguments(distribution: Distribution) -> Iterator[tuple[str, Tensor, Any]]:
    """Name, value and constraint of each argument of which a constraint can be asked."""
    for argument, constraint in distribution.arg_constraints.items():
        value = getattr(distribution, argument, None)
        if isinstance(value, Tensor) and not is_dependent(constraint):
            yield argument, value, constraint


def _refuse_arguments(name: str, distribution: Distribution) -> None:
    """Raises DrawError where an argument is outside of what its distribution allows."""
    for argument, value, constraint in _arguments(distribution):
        if not bool((valid := constraint.check(value)).all()):
            wrong = value[~valid].flatten()[0].item()
            raise DrawError(
                name,
                f"the {argument} of {name} is {wrong:g} at some value of its parents, which is not allowed there.",
                remedy=f"write a {argument} that is valid everywhere, e.g. by exp(…) or softplus(…)",
            )
