"""The density of an SCM: mechanisms of one kind are evaluated in one operation, the others one by one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch._C._functorch import peek_interpreter_stack

from crlspec.generative.mechanism import AdditiveMechanism, Function, Mechanism, Noise, Stack
from crlspec.typing import Columns, Parents, Tensor

__all__ = ["Group", "Plan", "gather"]


@dataclass(frozen=True, eq=False)
class Group:
    """Mechanisms of one kind: functions of one family, with noise of one family.

    rows      places of the nodes among the latents; None for all latents in their order
    function  None for roots
    noise     with a number for each node
    """

    rows: Tensor | None
    function: Stack | None
    noise: Noise

    def log_density(self, columns: Columns) -> Tensor:
        """The sum of the log densities of the nodes: (latent, sample) → (sample,)."""
        values = columns if self.rows is None else columns.index_select(0, self.rows)
        noise, mean = self.noise, self.noise.mean
        if self.function is None:
            location = mean.expand(values.shape)
        else:
            scale, location = self.function.scale(columns), self.function(columns)
            noise = noise if scale is None else noise.scaled(scale)
            location = location if noise.centred else location + mean
        total: Tensor = noise.distribution(location).log_prob(values).sum(0)
        return total


@dataclass(frozen=True, eq=False)
class Plan:
    """How the density of an SCM is evaluated.

    latents  names, in the order of the rows of all columns
    groups   of two or more nodes
    alone    latent → mechanism, of those that no group holds; clamped ones are left out
    clamped  places of the clamped nodes
    numbers  buffers that the groups were made of: where they are, what stands there, its version
    lasts    the plan may be kept: its numbers carry no gradient, and no transform of functions was at work
    """

    latents: tuple[str, ...]
    groups: tuple[Group, ...]
    alone: Mapping[str, Mechanism]
    clamped: tuple[int, ...]
    numbers: tuple[tuple[dict[str, Tensor | None], str, Tensor, int], ...]
    lasts: bool

    @classmethod
    def of(cls, latents: tuple[str, ...], mechanisms: Mapping[str, Mechanism]) -> Plan:
        """The plan for mechanisms, latent → mechanism."""
        kinds = _kinds(latents, mechanisms)
        stacked = [names for names in kinds.values() if len(names) > 1]
        grouped = {name for names in stacked for name in names}
        alone = {n: m for n, m in mechanisms.items() if n not in grouped and not m.clamped}
        clamped = tuple(k for k, name in enumerate(latents) if mechanisms[name].clamped)
        places = [
            (part._buffers, name, buffer)
            for latent in grouped
            for part in mechanisms[latent].modules()
            for name, buffer in part._buffers.items()
            if buffer is not None
        ]
        plain = not any(buffer.requires_grad or buffer.is_inference() for *_, buffer in places)
        lasts = plain and peek_interpreter_stack() is None
        numbers = tuple((*place, place[-1]._version) for place in places) if lasts else ()
        groups = tuple(_group(latents, names, mechanisms) for names in stacked)
        return cls(latents, groups, alone, clamped, numbers, lasts)

    def is_current(self) -> bool:
        """True while the mechanisms have the numbers that the groups were made of."""
        return all(
            held.get(name) is buffer and buffer._version == version and not buffer.requires_grad
            for held, name, buffer, version in self.numbers
        )

    def total(self, columns: Columns) -> Tensor | None:
        """The sum of the log densities of all nodes that have one, (sample,); None where none has."""
        terms = [group.log_density(columns) for group in self.groups]
        if self.alone:
            each = dict(zip(self.latents, columns.unbind(0), strict=True))
            terms += [
                mechanism.distribution(gather(each, mechanism.parents)).log_prob(each[name])
                for name, mechanism in self.alone.items()
            ]
        if not terms:
            return None
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def gradient(self, columns: Columns) -> Tensor:
        """Of :meth:`total` with respect to ``columns``, (latent, sample); 0 for clamped nodes."""
        with torch.enable_grad():
            leaf = columns.requires_grad_(True)
            total = self.total(leaf)
            if total is None or not total.requires_grad:
                return torch.zeros_like(columns)
            (found,) = torch.autograd.grad(total.sum(), leaf)
        for k in self.clamped:
            found[k] = 0.0
        return found


def gather(columns: Mapping[str, Tensor], parents: tuple[str, ...], like: Tensor | None = None) -> Parents:
    """The columns of ``parents`` put side by side, shape (*sample, parent), each parent contiguous in memory.

    For no parents the shape is (*sample, 0) after ``like`` (by default any of the columns).
    """
    if parents:
        return torch.stack([columns[parent] for parent in parents], dim=0).movedim(0, -1)
    like = next(iter(columns.values())) if like is None else like
    return like.new_empty((*like.shape, 0))


def _kinds(
    latents: Sequence[str], mechanisms: Mapping[str, Mechanism]
) -> dict[tuple[Hashable, Hashable], list[str]]:
    """What mechanisms have in common → their latents. Roots go with a family that holds them at no cost."""
    found: dict[tuple[Hashable, Hashable], list[str]] = {}
    hosts: dict[Hashable, Hashable] = {}
    for name in latents:
        mechanism = mechanisms[name]
        if type(mechanism) is not AdditiveMechanism or mechanism.noise.alike is None:
            continue
        function, noise = mechanism.function, mechanism.noise.alike
        if function is not None and function.alike is None:
            continue
        kind = None if function is None else function.alike
        found.setdefault((kind, noise), []).append(name)
        if function is not None and function.stacks_roots:
            hosts[noise] = kind
    for noise, host in hosts.items():
        roots = found.pop((None, noise), [])
        held = {*roots, *found[host, noise]}
        found[host, noise] = [name for name in latents if name in held]
    return found


def _group(latents: tuple[str, ...], names: Sequence[str], mechanisms: Mapping[str, Mechanism]) -> Group:
    members = [mechanisms[name] for name in names]
    functions: list[Function | None] = [m.function for m in members if isinstance(m, AdditiveMechanism)]
    noise = Noise.stack([m.noise for m in members if isinstance(m, AdditiveMechanism)])
    rows = None
    if tuple(names) != latents:
        places = [latents.index(name) for name in names]
        rows = torch.tensor(places, dtype=torch.long, device=noise.mean.device)
    family = next((type(one) for one in functions if one is not None), None)
    if family is None:
        return Group(rows, None, noise)
    reads = [[latents.index(parent) for parent in m.parents] for m in members]
    return Group(rows, family.stack(functions, reads, len(latents)), noise)
