"""Kinds of a multi-node design that are not as declared: targets, mechanisms, rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .case import CONTROL, Case, Kind
from .design import FEW, MIXTURE, NOTED, TARGETS, UNKNOWABLE
from .scm import Model, change
from .sound import multi_node

__all__ = ["MULTI_NODE"]

Rng = np.random.Generator


def _umni_scale_only(rng: Rng, n: int, d: int, rows: int) -> Case:
    def rescaled(rng: Rng, m: Model, i: int, strong: bool) -> Model:
        return change(m, i, deviation=rng.choice([0.5, 2.0]))

    return multi_node(rng, n, d, rows, kind="soft", intervene=rescaled)


def _same_sets(rng: Rng, n: int) -> np.ndarray:
    """A binary signature two of whose rows agree."""
    drawn = np.eye(n, dtype=int)
    drawn[0, 1] = drawn[1, 0] = 1
    return drawn


def _dependent_sets(rng: Rng, n: int) -> np.ndarray:
    """Rows {0}, {1}, {0, 1}: all different, rank below n."""
    drawn = np.eye(n, dtype=int)
    drawn[2] = drawn[0] + drawn[1]
    return drawn


def _umni_differing(rng: Rng, n: int, d: int, rows: int) -> Case:
    return multi_node(rng, n, d, rows, kind="soft")


def _umni_same(rng: Rng, n: int, d: int, rows: int) -> Case:
    made = multi_node(rng, n, d, rows, sets=_same_sets)
    return replace(made, at_fault=tuple(name for name, hit in made.targets.items() if hit == (0, 1)))


def _umni_dependent(rng: Rng, n: int, d: int, rows: int) -> Case:
    return multi_node(rng, n, d, rows, sets=_dependent_sets)


def _quadratic_strayed(rng: Rng, n: int, d: int, rows: int) -> Case:
    """A third of the rows of one environment comes from another; quadratic latents."""
    made = multi_node(rng, n, d, rows, kind="soft", function="quadratic", alike=True)
    first, second = (str(name) for name in rng.permutation([e for e in made.samples if e != CONTROL])[:2])
    shuffled, third = rng.permutation(rows), rows // 3

    def mix(given):  # type: ignore[no-untyped-def]
        mixed = np.concatenate([given[first][third:], given[second][:third]])[shuffled]
        return {**given, first: mixed, second: given[second][third:]}

    return replace(made, samples=mix(made.samples), truth=mix(made.truth), at_fault=(first,))


MULTI_NODE = (
    Kind("few rows umni", multi_node, expectation=NOTED, violated="rows enough", words=FEW, latents=(3,),
         rows=(120, 300)),
    Kind("umni scale only", _umni_scale_only, violated="weights change", words=UNKNOWABLE, rows=(10_000,)),
    Kind("umni soft, changes differ", _umni_differing, violated="one mechanism a latent",
         words=("same way", "assignment"), rows=(10_000,)),
    Kind("umni same targets twice", _umni_same, violated="signature of full rank",
         words=(*TARGETS, "rank", "duplicate"), rows=(10_000,)),
    Kind("umni dependent targets", _umni_dependent, violated="signature of full rank",
         words=("rank", "signature", "combination"), latents=(3,), rows=(10_000,)),
    Kind("umni soft quadratic, changes differ",
         lambda rng, n, d, rows: multi_node(rng, n, d, rows, kind="soft", function="quadratic"),
         violated="one mechanism a latent", words=("two mechanisms",), latents=(3,), rows=(5000,)),
    Kind("umni soft quadratic, strayed rows", _quadratic_strayed, violated="rows bear their labels",
         words=(*MIXTURE, "more than one law"), latents=(3,), rows=(5000,)),
)  # fmt: skip
