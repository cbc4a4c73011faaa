"""ROPES: images of a scene whose parts are moved on purpose, two known hard interventions on each latent.

After Kulkarni, Datta, Varıcı, Acartürk, Shanmugam & Tajer, "ROPES: Robotic pose estimation via score-based causal
representation learning", 2025 (arXiv:2510.20884). Three stages:

1. images become a code, by an autoencoder (:mod:`crlspec.inference.encoders.autoencoder_code`); columns stay as
   they are;
2. the environments are contrasted on the code: differences of their scores;
3. the code is refined to the latents: an encoder and a decoder that give the code back, so that the score changes
   between the two environments of a latent along that latent alone
   (:mod:`crlspec.inference.encoders.score_sparsity`).

The paper's code is not public. Sizes of networks, weights of the terms and starts are crlspec's own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference import declarations
from crlspec.inference.answer import absent_edges, edges_of, tested_edges
from crlspec.inference.base import Estimator
from crlspec.inference.check import Check
from crlspec.inference.checks.samples import check_samples
from crlspec.inference.edges.classifier import edges_by_classifier
from crlspec.inference.encoders.answer import checks_of, contrasts, diagnostics_of, encoder_note, status_of
from crlspec.inference.encoders.pairing import Pairing
from crlspec.inference.encoders.score_changes import check_scattered, first_rows, mean_squares, scattered
from crlspec.inference.encoders.score_sparsity import fit_sparse
from crlspec.inference.encoders.structured_ratio import Fitted, Settings
from crlspec.inference.estimate import Estimate, NetworkDecoder, NetworkEncoder, Stage
from crlspec.inference.gscale import GScaleI
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.step import Step
from crlspec.inference.thresholds import RopesThresholds
from crlspec.maps.maps import Network
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.linalg import ColumnSpace
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference, ScoreEstimate

__all__ = ["Ropes"]

MOST_COMPONENTS = 64
"""Principal components of code and columns that are looked at, at most."""


@dataclass(frozen=True)
class Ropes(Estimator):
    """The estimator ``ropes``.

    alpha     significance level of every test of an edge
    restarts  refinements trained side by side, the first from the directions along which the scores change most, the
              others from these and noise; the one of lowest held-out loss is kept
    steps     of the refinement, at most
    loss      ``score-sparsity`` of the paper, or ``structured-ratio``: the second and third stage are then those of
              :class:`crlspec.inference.gscale.GScaleI`
    context   where they are trained
    thresholds  what else decides
    """

    alpha: float = 0.01
    restarts: int = 3
    steps: int = 2000
    loss: Literal["score-sparsity", "structured-ratio"] = "score-sparsity"
    context: TrainingContext = HERE
    thresholds: RopesThresholds = field(default_factory=RopesThresholds)
    declaration = declarations.Ropes

    def solve(self, problem: Problem, scores: ScoreDifference, seed: int, progress: Progress) -> Estimate:
        """Latents, encoder, decoder and graph from the code of images, or from columns.

        The diagnostics hold ``restart_losses`` and ``restart_agreement`` (latent,), as those of gscale-i, and
        ``score_differences`` (environment, latent).

        Raises SettingMismatch as :meth:`accepts` does, and DataError where code and columns span fewer dimensions
        than there are latents.
        """
        self.accepts(problem.setting)
        if self.loss == "structured-ratio":
            ours = GScaleI(
                self.alpha, self.restarts, self.steps, context=self.context, thresholds=self.thresholds
            )
            return ours.solve(problem, scores, seed, progress)
        began = time.perf_counter()
        pairs = known_pairs(problem)
        space = self._space(problem)
        coordinates = Coordinates.within(space, problem)
        contrasted = scores.estimate(coordinates, seed, progress)
        between = contrasted.combined(_weights(pairs, len(coordinates.environments)))
        scored = time.perf_counter()
        rows = first_rows(between)
        fitted = self._refined(problem, coordinates, between, rows, seed, progress)
        refined = time.perf_counter()
        y = coordinates.all
        step, excess = edges_by_classifier(
            [fitted.encoder(one) for one in y], pairs, seed, progress, self.thresholds, self.alpha,
            Knowledge.of(problem), self.context,
        )  # fmt: skip
        first = NetworkEncoder(Network(rows, np.zeros(len(rows))), space.whitener, space.offset)
        encoder = NetworkEncoder(fitted.encoder, space.whitener, space.offset)
        tested = tested_edges(step, problem.latents)
        edges = edges_of(step, problem.latents, self.alpha)
        causal = tuple(problem.latents[m] for m in step.order)
        checks = self._checks(problem, y, pairs, fitted, between, step, excess)
        pairing = Pairing(tuple((a - 1, b - 1) for a, b in pairs), np.zeros((0, 0)), float("inf"))
        environments = (problem.observational, *problem.environments)
        told = "the direction along which the scores of the two environments of a latent differ most"
        return Estimate(
            latents=problem.latents,
            environment_of={z: environments[a] for z, (a, _) in zip(problem.latents, pairs, strict=True)},
            encoder=encoder,
            mixing=None,
            decoder=_decoder(fitted, space),
            order=causal,
            edges=edges,
            tested=tested,
            absent=absent_edges(step, problem.latents, self.alpha),
            graph="exact",
            status=status_of(checks, fitted.agreement, excess),
            checks=checks,
            stages=(
                Stage("score differences", problem.latents, (), first, scored - began, told),
                Stage(
                    "refinement",
                    problem.latents,
                    (),
                    encoder,
                    refined - scored,
                    encoder_note(fitted, self.loss),
                ),
                Stage("edges", causal, edges, encoder, step.seconds, step.note),
            ),
            diagnostics={
                **diagnostics_of(problem, environments, pairs, pairing, fitted, space, excess),
                "score_differences": _score_differences(problem, pairs, fitted, y[0], contrasted),
            },
            seconds={"scores": scored - began, "inference": time.perf_counter() - scored},
        )

    def _space(self, problem: Problem) -> ColumnSpace:
        """White coordinates of code and columns; of components that are small their size is kept."""
        names = (problem.observational, *problem.environments)
        samples = [problem.samples[name] for name in names]
        whole = ColumnSpace.fit(samples, min(samples[0].shape[1], MOST_COMPONENTS))
        spectrum, n = whole.spectrum[: len(whole.whitener)], len(problem.latents)
        count = int((spectrum > self.thresholds.smallest * spectrum[0]).sum())
        if count < n:
            raise DataError(
                f"The observations span {count} dimension{'s' * (count != 1)}, fewer than the {n} latents. So the "
                "mixing is not injective, and no method can recover all latents.",
                "Declare fewer latents, give a larger code (encoder: {code: 32}), or observe what tells them apart.",
            )
        shrink = np.sqrt(spectrum / np.maximum(spectrum, self.thresholds.floor * spectrum[0]))[:count]
        return replace(
            whole,
            whitener=whole.whitener[:count] * shrink[:, None],
            coloring=whole.coloring[:, :count] / shrink,
        )

    def _refined(
        self,
        problem: Problem,
        coordinates: Coordinates,
        between: ScoreEstimate,
        rows: np.ndarray,
        seed: int,
        progress: Progress,
    ) -> Fitted:
        rng = np.random.default_rng([seed, 0x20BE5])
        noise = rng.normal(size=(self.restarts, *rows.shape)) / np.sqrt(rows.shape[1])
        starts = 0.5 * rows + 0.5 * noise
        starts[0] = rows
        settings = Settings(
            problem.setting.noise != "gaussian", restarts=self.restarts, steps=self.steps, batch=128
        )
        return fit_sparse(coordinates.all, between.values, starts, settings, seed, progress, self.context)

    def _checks(
        self,
        problem: Problem,
        y: list[np.ndarray],
        pairs: list[tuple[int, int]],
        fitted: Fitted,
        between: ScoreEstimate,
        step: Step,
        excess: float,
    ) -> tuple[Check, ...]:
        """Those of gscale-i, and whether the score change of each pair hits one latent."""
        limits, nothing = self.thresholds, Pairing((), np.zeros((0, 0)), float("inf"))
        z = [fitted.encoder(one) for one in y]
        shares = scattered(mean_squares(*_decoded(fitted, y[0]), between))
        names = (problem.observational, *problem.environments)
        found = [
            *step.checks,
            *checks_of(nothing, contrasts(z, pairs), fitted.agreement, limits, excess),
            check_scattered(shares, problem.latents, limits.scattered),
            check_samples(
                {name: problem.size(name) for name in names}, limits.samples, "tell environments apart"
            ),
        ]
        if step.power is not None:
            ordered = [problem.latents[m] for m in step.order]
            found.append(step.power.check(ordered, step.found(self.alpha)))
        return tuple(_own(check) for check in found)


def _own(check: Check) -> Check:
    """The check with this estimator in its remedy."""
    if check.remedy is None:
        return check
    return replace(check, remedy=check.remedy.replace("{kind: gscale-i, ", "{kind: ropes, "))


def known_pairs(problem: Problem) -> list[tuple[int, int]]:
    """For each latent the two environments that intervene on it, the observational one being 0."""
    setting, place = problem.setting.tied, {name: k + 1 for k, name in enumerate(problem.environments)}
    if setting.targets is not None:
        hit = setting.targets
        known = [tuple(name for name in problem.environments if hit[name] == (z,)) for z in problem.latents]
    else:
        known = [tuple(pair) for pair in setting.pairs or ()]
    return [(place[a], place[b]) for a, b in known]


def _weights(pairs: list[tuple[int, int]], environments: int) -> np.ndarray:
    """(latent, environment): the first environment of each pair less the second."""
    weights = np.zeros((len(pairs), environments))
    for i, (a, b) in enumerate(pairs):
        weights[i, a - 1], weights[i, b - 1] = 1, -1
    return weights


def _decoded(fitted: Fitted, y: np.ndarray) -> tuple[Network, np.ndarray]:
    """The decoder, and the latents (sample, latent) at which its Jacobian is wanted."""
    assert fitted.decoder is not None
    return fitted.decoder, fitted.encoder(y)


def _decoder(fitted: Fitted, space: ColumnSpace) -> NetworkDecoder:
    assert fitted.decoder is not None
    return NetworkDecoder(fitted.decoder, space.coloring, space.offset)


def _score_differences(
    problem: Problem, pairs: list[tuple[int, int]], fitted: Fitted, y: np.ndarray, contrasted: ScoreEstimate
) -> xr.DataArray:
    """(environment, latent): of the environment that shows each latent, the mean squared score difference."""
    first = [a - 1 for a, _ in pairs]
    squares = mean_squares(*_decoded(fitted, y), contrasted)[first]
    coords = {"environment": [problem.environments[k] for k in first], "latent": list(problem.latents)}
    return xr.DataArray(squares, coords, ("environment", "latent"))
