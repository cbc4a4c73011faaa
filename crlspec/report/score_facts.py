"""What score differences show beside what targets and graph make one expect of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["ScoreFacts", "score_facts"]

Cell = tuple[int, int]
SURPLUS = 0.2
"""Share of a row's largest from which a cell where nothing is expected is marked."""
LACKING = 0.05
"""The same for a cell where something is expected, and hardly anything is, no more than elsewhere in the row."""


@dataclass(frozen=True)
class ScoreFacts:
    """Score differences with rows and columns in causal order.

    values    (environment, latent): root mean square
    targets   cells of latents that the environment targets; ``parents``: of their causes in the recovered graph.
              Theory expects something there, and nothing elsewhere
    surplus   cells elsewhere that hold a fifth of their row's largest or more
    lacking   cells among targets and parents that hold less than a twentieth, and no more than some cell elsewhere
    """

    values: np.ndarray
    environments: tuple[str, ...]
    latents: tuple[str, ...]
    targets: tuple[Cell, ...]
    parents: tuple[Cell, ...]
    surplus: tuple[Cell, ...]
    lacking: tuple[Cell, ...]

    @property
    def shares(self) -> np.ndarray:
        """Each row as shares of its largest."""
        return np.asarray(self.values / np.maximum(self.values.max(axis=1, keepdims=True), 1e-300))

    @property
    def expected(self) -> np.ndarray:
        """1 for targets, one half for parents, 0 elsewhere."""
        pattern = np.zeros_like(self.values)
        for cells, value in ((self.parents, 0.5), (self.targets, 1.0)):
            for cell in cells:
                pattern[cell] = value
        return pattern


def score_facts(result: Record) -> ScoreFacts | None:
    """The facts; None where the result has no score differences."""
    if "score_differences" not in result.diagnostics:
        return None
    array = result.diagnostics["score_differences"].transpose("environment", "latent")
    known = [str(name) for name in array["environment"].values]
    latents = result.order
    first = [result.environment_of[name] for name in latents if result.environment_of.get(name) in known]
    environments = tuple(dict.fromkeys([*first, *known]))
    chosen = array.sel(environment=list(environments), latent=list(latents))
    values = np.sqrt(np.maximum(chosen.values, 0.0))
    targets, parents = _expected(result, environments)
    shares = values / np.maximum(values.max(axis=1, keepdims=True), 1e-300)
    inside = {*targets, *parents}
    outside = np.array([[(i, j) not in inside for j in range(values.shape[1])] for i in range(len(values))])
    elsewhere = np.minimum(np.where(outside, shares, 0.0).max(axis=1), LACKING)
    return ScoreFacts(
        values,
        environments,
        latents,
        targets,
        parents,
        tuple(c for c in np.ndindex(*values.shape) if outside[c] and shares[c] >= SURPLUS),
        tuple(c for c in np.ndindex(*values.shape) if not outside[c] and shares[c] < elsewhere[c[0]]),
    )


def _expected(result: Record, environments: tuple[str, ...]) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """Cells (row, column) of the targets, and of their causes in the recovered graph that are no targets."""
    column = {name: j for j, name in enumerate(result.order)}
    row = {environment: i for i, environment in enumerate(environments)}
    at = {name: [row[env]] for name, env in result.environment_of.items() if env in row}
    if result.signature is not None:
        signature = result.signature.sel(environment=list(environments))
        at = {name: [int(i) for i in np.flatnonzero(signature.sel(latent=name))] for name in column}
    targets = tuple((i, column[name]) for name, rows in at.items() for i in rows)
    causes = [(i, column[edge.source]) for edge in result.edges for i in at.get(edge.target, [])]
    return targets, tuple(dict.fromkeys(cell for cell in causes if cell not in targets))
