"""Baselines: what one would try first on a linear mixing. Latents alone, no graph, and no use of the interventions.

``ica``: independent components (FastICA, Hyvärinen 1999; identifiability: Comon, "Independent component analysis, a
new concept?", 1994), right for independent non-Gaussian latents, which latents that cause one another are not.
``pca``: principal components, the directions of most variance; right for no causal model.
"""

from __future__ import annotations

import time
import warnings
from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.inference import declarations
from crlspec.inference.base import Estimator
from crlspec.inference.checks.observation_noise import noise_facts, with_noise
from crlspec.inference.checks.rank import check_rank
from crlspec.inference.estimate import Estimate, LinearEncoder, Stage, Status
from crlspec.inference.thresholds import BaselineThresholds
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference

__all__ = ["Baseline", "Ica", "Pca"]


class Baseline(Estimator):
    """What the estimators ``ica`` and ``pca`` share, on the pooled samples of all environments.

    Latents are named ``ic1`` … or ``pc1`` …, by falling variance explained: nothing ties them to environments.
    """

    thresholds: BaselineThresholds

    @abstractmethod
    def rows(self, coordinates: Coordinates, seed: int) -> tuple[np.ndarray, Status]:
        """Encoder rows (latent, component) in white coordinates, and what is to be said of them."""

    def solve(self, problem: Problem, scores: ScoreDifference, seed: int, progress: Progress) -> Estimate:
        """Latents and mixing; ``scores`` are not asked.

        Raises SettingMismatch as :meth:`accepts` does, and DataError where the observations span more or fewer
        linear dimensions than there are latents.
        """
        self.accepts(problem.setting)
        began = time.perf_counter()
        n, kind = len(problem.latents), self.declared.kind
        coordinates = Coordinates.of(problem, problem.environments)
        check_rank(problem, coordinates, self.thresholds)
        progress(kind, 0.0)
        rows, status = self.rows(coordinates, seed)
        space = coordinates.space
        mixing = space.coloring @ np.linalg.inv(rows)
        order = np.argsort(-((mixing / space.scale[:, None]) ** 2).sum(0), kind="stable")
        rows, mixing = rows[order], mixing[:, order]
        encoder = LinearEncoder(rows @ space.whitener, coordinates.x.mean(0))
        names = tuple(f"{kind[:2]}{k + 1}" for k in range(n))
        noise = noise_facts(problem, coordinates, encoder, names, self.thresholds.dimension)
        seconds = time.perf_counter() - began
        return Estimate(
            latents=names,
            environment_of={},
            encoder=encoder,
            mixing=mixing,
            order=names,
            edges=(),
            tested=(),
            graph="not estimated",
            status=with_noise(status, noise, self.thresholds.noise_share),
            stages=(Stage(kind, names, (), encoder, seconds, "no graph is estimated"),),
            diagnostics={"spectrum": xr.DataArray(space.spectrum, dims=("component",)), **noise},
            seconds={"scores": 0.0, "inference": seconds},
        )


@dataclass(frozen=True)
class Ica(Baseline):
    """The estimator ``ica``: independent components."""

    thresholds: BaselineThresholds = field(default_factory=BaselineThresholds)
    declaration = declarations.Ica

    def rows(self, coordinates: Coordinates, seed: int) -> tuple[np.ndarray, Status]:
        """A rotation to independent components, by FastICA."""
        found, converged = _independent(coordinates, seed)
        return found, _judged(coordinates.observational @ found.T, converged, self.thresholds.dependent)


@dataclass(frozen=True)
class Pca(Baseline):
    """The estimator ``pca``: principal components, which white coordinates are."""

    thresholds: BaselineThresholds = field(default_factory=BaselineThresholds)
    declaration = declarations.Pca

    def rows(self, coordinates: Coordinates, seed: int) -> tuple[np.ndarray, Status]:
        """The white coordinates themselves."""
        return np.eye(coordinates.observational.shape[1]), _principal()


def _independent(coordinates: Coordinates, seed: int) -> tuple[np.ndarray, bool]:
    """The rotation (component, component) of white coordinates to independent components; whether it converged."""
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    ica = FastICA(whiten=False, fun="logcosh", tol=1e-7, max_iter=2000, random_state=seed % 2**32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ica.fit(np.concatenate(coordinates.all))
    return np.asarray(ica.components_), not any(w.category is ConvergenceWarning for w in caught)


def _principal() -> Status:
    return Status(
        "ok", "The latents are principal components, the directions of most variance. No graph is estimated."
    )


def _judged(z: np.ndarray, converged: bool, level: float) -> Status:
    """Whether components (sample, component) are independent, as ICA assumes: correlations of values and sizes, by a
    test of this level."""
    if not converged:
        return Status(
            "undecided",
            "ICA did not converge, as happens where latents are Gaussian. Its components mean nothing.",
            "Give more samples, or leave estimator out: the verdict then names one for causal latents.",
        )
    smallest = _dependence_p_value(z)
    if smallest < level:
        shown = "p < 1e-12" if smallest < 1e-12 else f"p = {smallest:.1g}"
        return Status(
            "refuted",
            f"The components of ICA are dependent ({shown}). ICA assumes independent latents, and latents that "
            "cause one another are dependent.",
            "Leave estimator out: the verdict then names one for causal latents.",
        )
    return Status("ok", "The latents are components that pass as independent. No graph is estimated.")


def _dependence_p_value(z: np.ndarray) -> float:
    """Bonferroni-corrected p-value of "all columns are independent", by rank correlations of values and of sizes."""
    from scipy import stats

    n = z.shape[1]
    if n < 2:
        return 1.0
    pairs = [(i, j) for i in range(n) for j in range(i)]
    sizes = np.abs(z - np.median(z, axis=0))
    found = [stats.spearmanr(v[:, i], v[:, j]).pvalue for v in (z, sizes) for i, j in pairs]
    return float(min(1.0, min(found) * len(found)))
