"""The signature matrix and the causal order of unknown multi-node interventions, by peeling from the sinks.

Environments e share score differences d^e = Σ_i D_ie δ_i with one δ_i per latent and a binary signature D (Varıcı,
Acartürk, Shanmugam & Tajer, Linear causal representation learning from unknown multi-node interventions, NeurIPS
2024). A sink of the graph enters its own mechanism alone. So along its column g of the mixing d^e·g = D_ie f: the
sink's row of D is a binary vector for which some direction g shows one and the same change f in the environments
with a 1, and none in those with a 0. For each binary row the best g solves a generalised eigenproblem; all rows
are one batch. The sink is then marginalised out, which leaves the same problem with one latent less, until D, the
causal order and the rows of the encoder are there. The paper enumerates integer combinations w of environments,
D w ∝ e_i, instead; the entries of D⁻¹ outgrow any small range of integers, those of D are 0 and 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from crlspec.errors import DataError
from crlspec.inference.order.told import Allowed, Told

__all__ = ["LeafFinder", "Partial", "Peeled", "Sink", "in_order", "peel_sinks", "peel_targets"]


@dataclass(frozen=True)
class Sink:
    """A hypothesis about the last latent in causal order.

    targets    (environment,) bool: its row of the signature
    direction  (component,) its column of the mixing, up to scale
    row        (component,) encoder row, up to mixing with other latents where these cannot be told apart
    strengths  (environment,) the size of the change in each environment as a share of its root mean square where
               it is targeted
    shared     whether one changed mechanism holds in all environments that target it
    cost       the lower the better, comparable between sinks of the same components
    """

    targets: np.ndarray
    direction: np.ndarray
    row: np.ndarray
    strengths: np.ndarray
    shared: bool
    cost: float


class LeafFinder(Protocol):
    """What tells a sink, in the components that are left."""

    def __call__(self, basis: np.ndarray, allowed: Allowed | None, most: int) -> list[Sink]:
        """The best sinks of u = basis y, the best first; the same targets may come with several directions.

        basis    (latents left, component)
        allowed  the signature rows that the sink may have; None: all
        """


@dataclass(frozen=True)
class Peeled:
    """A causal order with its signature, latents by position, roots first.

    signature  (position, environment) bool
    rows       (position, component) encoder rows, unit length
    strengths  (position, environment), see :class:`Sink`
    shared     (position,) likewise
    cost       sum over the sinks
    """

    signature: np.ndarray
    rows: np.ndarray
    strengths: np.ndarray
    shared: np.ndarray
    cost: float

    @property
    def groups(self) -> np.ndarray:
        """(position, group, environment) bool, the observational environment first: where a latent follows one and
        the same mechanism."""
        each = [1 if one else int(row.sum()) for one, row in zip(self.shared, self.signature, strict=True)]
        groups = np.zeros((len(each), 1 + max(each), self.signature.shape[1] + 1), dtype=bool)
        groups[:, 0, 0], groups[:, 0, 1:] = True, ~self.signature
        for k, row in enumerate(self.signature):
            for number, environment in enumerate(np.flatnonzero(row)):
                groups[k, 1 if self.shared[k] else 1 + number, 1 + environment] = True
        return groups


@dataclass(frozen=True)
class Partial:
    """The last positions of a causal order, the last one first, and the ``basis`` of the components left."""

    basis: np.ndarray
    sinks: tuple[Sink, ...] = ()
    rows: tuple[np.ndarray, ...] = ()
    cost: float = 0.0
    key: frozenset[tuple[bytes, int]] = field(default_factory=frozenset)


def peel_sinks(
    find: LeafFinder,
    components: int,
    *,
    width: int = 1,
    told: Told | None = None,
    before: np.ndarray | None = None,
) -> list[Peeled]:
    """Signatures with their orders, the best first, by a beam search of ``width`` partial orders.

    components  number of latents, and of components of y
    told        what is known of the signature, which is kept; None: nothing
    before      (latent, latent) bool, beside ``told``: i comes before j, where that is known; transitively closed

    Rows of the signature are linearly independent, as the theorem asks. Raises DataError where none are that keep
    what is known.
    """
    beam = [Partial(np.eye(components))]
    free = told is None or not told.whole
    most = 4 * width + components if free else 2 * width
    for _ in range(components):
        grown: dict[frozenset[tuple[bytes, int]], Partial] = {}
        for partial in beam:
            allowed = None if told is None else told.allowed([s.targets for s in partial.sinks], before)
            found, seen = 0, Counter[bytes]()
            for sink in find(partial.basis, allowed, most):
                if free and _dependent(sink.targets, partial.sinks):
                    continue
                after = _without(partial, sink, seen[sink.targets.tobytes()])
                seen[sink.targets.tobytes()] += 1
                if after.key not in grown or after.cost < grown[after.key].cost:
                    grown[after.key] = after
                found += 1
                if found == 2 * width:
                    break
        if not grown:
            raise DataError(
                "No signature of full rank was found that keeps the targets said to be known.",
                "Leave some of them out of assume.known, or give environments with other targets.",
            )
        beam = sorted(grown.values(), key=lambda partial: partial.cost)[:width]
    return [_peeled(partial) for partial in beam]


def in_order(find: LeafFinder, signature: np.ndarray, ends: dict[bytes, Partial] | None = None) -> Peeled:
    """The fit of a given signature (position, environment) in its given causal order, roots first.

    ends  what the last positions of orders gave before, which is added to: orders that end alike share it
    """
    known: dict[bytes, Partial] = {} if ends is None else ends
    partial, key = Partial(np.eye(len(signature))), b""
    for targets in signature[::-1]:
        key += targets.tobytes()
        if key not in known:
            known[key] = _without(partial, find(partial.basis, Allowed.these(targets[None]), 1)[0])
        partial = known[key]
    return _peeled(partial)


def peel_targets(
    find: LeafFinder, latents: int, before: np.ndarray | None = None
) -> tuple[tuple[int, ...], np.ndarray]:
    """Causal order (indices of environments) and encoder rows (position, component), one environment per latent;
    ``before`` as in :func:`peel_sinks`."""
    peeled = peel_sinks(find, latents, told=Told.all(np.eye(latents, dtype=bool)), before=before)[0]
    return tuple(int(environment) for environment in peeled.signature.argmax(1)), peeled.rows


def _dependent(targets: np.ndarray, sinks: Sequence[Sink]) -> bool:
    rows = np.array([*(sink.targets for sink in sinks), targets], dtype=float)
    return int(np.linalg.matrix_rank(rows)) < len(rows)


def _without(partial: Partial, sink: Sink, which: int = 0) -> Partial:
    """The components that are left once the sink is marginalised out: those that do not respond to it.

    which  how many sinks with the same targets and another direction were better
    """
    away = np.linalg.svd(sink.direction[None])[2][1:]
    return Partial(
        away @ partial.basis,
        (*partial.sinks, sink),
        (*partial.rows, sink.row @ partial.basis),
        partial.cost + sink.cost,
        partial.key | {(sink.targets.tobytes(), which)},
    )


def _peeled(partial: Partial) -> Peeled:
    rows = np.array(partial.rows[::-1])
    return Peeled(
        signature=np.array([sink.targets for sink in partial.sinks[::-1]]),
        rows=rows / np.linalg.norm(rows, axis=1, keepdims=True),
        strengths=np.array([sink.strengths for sink in partial.sinks[::-1]]),
        shared=np.array([sink.shared for sink in partial.sinks[::-1]]),
        cost=partial.cost,
    )
