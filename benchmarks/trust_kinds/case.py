"""A case: samples, the file that declares something of them, and the truth; a kind: how to draw cases of one sort."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .scm import Model

__all__ = ["CONTROL", "NAMES", "Case", "Kind", "case", "linear_mixing", "names", "setting", "shuffled"]

CONTROL = "hazel"
NAMES = (
    "alder", "birch", "cedar", "elm", "fir", "juniper", "larch", "maple", "rowan", "spruce", "willow", "yew",
)  # fmt: skip
"""Names of environments that no message contains by chance."""

Claim = Literal["scaling", "map", "ancestors"]
"""What is promised: each latent up to scale, each up to an invertible map of its own, or ancestors alone."""

Expectation = Literal["ok expected", "ok never", "ok allowed with note"]


@dataclass(frozen=True)
class Case:
    """One data set with its truth.

    samples   environment → (rows, observed)
    spec      YAML text of what is declared
    truth     environment → (rows, latents)
    parents   (n, n) bool, entry [i, j]: j is a parent of i
    targets   interventional environment → the latents that it really changes
    at_fault  names of environments (or of a column) that break the declaration
    """

    samples: Mapping[str, np.ndarray]
    spec: str
    truth: Mapping[str, np.ndarray]
    parents: np.ndarray
    targets: Mapping[str, tuple[int, ...]]
    claim: Claim = "scaling"
    at_fault: tuple[str, ...] = ()
    observed: tuple[str, ...] | None = None

    def with_samples(self, changed: Mapping[str, np.ndarray], *at_fault: str) -> Case:
        """The same case with some environments observed otherwise."""
        return replace(self, samples={**self.samples, **changed}, at_fault=at_fault or self.at_fault)


@dataclass(frozen=True)
class Kind:
    """A sort of cases. ``violated`` names the broken assumption, ``words`` what names it in a message (any of them).
    A draw takes one of ``latents``, of ``extra`` observed variables beyond them, and of ``rows``."""

    name: str
    make: Callable[[np.random.Generator, int, int, int], Case]
    group: Literal["sound", "violation"] = "violation"
    expectation: Expectation = "ok never"
    violated: str = ""
    words: tuple[str, ...] = ()
    latents: tuple[int, ...] = (3, 4)
    extra: tuple[int, ...] = (2, 4)
    rows: tuple[int, ...] = (2000, 5000)
    strong: bool = False

    def sizes(self, rng: np.random.Generator) -> tuple[int, int, int]:
        """(latents, observed, rows) of a draw."""
        n = int(rng.choice(self.latents))
        return n, min(n + int(rng.choice(self.extra)), max(n, 30)), int(rng.choice(self.rows))


def setting(
    n: int,
    *,
    mixing: str = "linear",
    design: str = "single-node",
    kind: str = "hard",
    estimator: str = "lscale-i",
    interventions: str = "",
    assume: str = "",
) -> str:
    """YAML text of a setting assumed for own data; ``interventions``, ``assume``, ``estimator`` take further keys."""
    return (
        f"crlspec: 1\nname: trust\nlatents: {n}\ndata: {{path: data, observational: {CONTROL}}}\n"
        f"assume:\n  mixing: {mixing}\n{assume}"
        f"  interventions: {{design: {design}, kind: {kind}, {interventions or 'targets: concealed'}}}\n"
        f"estimator: {{kind: {estimator}}}\n"
    )


def names(rng: np.random.Generator, count: int) -> list[str]:
    """So many names of environments, in random order."""
    return [str(name) for name in rng.permutation(NAMES)[:count]]


def linear_mixing(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """(d, n) normal entries, drawn again while the condition number is above 15."""
    while np.linalg.cond(G := rng.normal(size=(d, n))) > 15:
        continue
    return G


def case(
    rng: np.random.Generator,
    models: Mapping[str, Model],
    targets: Mapping[str, tuple[int, ...]],
    spec: str,
    mix: Callable[[np.ndarray], np.ndarray],
    rows: int | Mapping[str, int],
    **further: object,
) -> Case:
    """Draw from one model an environment, the control's the true graph; environments come in random order."""
    count = rows if isinstance(rows, Mapping) else dict.fromkeys(models, rows)
    truth = {name: models[name].sample(rng, count[name]) for name in shuffled(rng, models)}
    samples = {name: mix(z) for name, z in truth.items()}
    return Case(samples, spec, truth, models[CONTROL].parents, dict(targets), **further)  # type: ignore[arg-type]


def shuffled(rng: np.random.Generator, given: Iterable[str]) -> list[str]:
    """The same names in random order."""
    listed = list(given)
    return [listed[k] for k in rng.permutation(len(listed))]
