"""Contrastive CRL: linear-Gaussian latents behind a general mixing, one hard intervention per latent.

After Buchholz, Rajendran, Rosenfeld, Aragam, Schölkopf & Ravikumar, "Learning linear causal representations from
interventions under general nonlinear mixing", NeurIPS 2023: the log odds of environments are quadratic in the
latents, with the structure of their precision matrices, and determine them. Three stages, as the data ask for them:

1. the linear combinations of the components that tell the environments apart (their log odds, by L-BFGS);
2. where those are not jointly Gaussian, a network bends them straight, by the full likelihood of all environments
   (``refine: none``: by the log odds alone, as in the paper, from all components);
3. what linear mixing is left is undone by the joint Gaussian likelihood, whose Wald tests give the graph.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.inference import declarations
from crlspec.inference.answer import tested_edges
from crlspec.inference.base import Estimator
from crlspec.inference.checks.rank import check_injective
from crlspec.inference.encoders.gaussian_environments import Start
from crlspec.inference.encoders.gaussianise import Gaussianised, decode, gaussianise
from crlspec.inference.encoders.linear_contrast import linear_contrast
from crlspec.inference.estimate import Estimate, LinearEncoder, NetworkDecoder, NetworkEncoder, Stage, Status
from crlspec.inference.likelihood.gaussian_code import Unmixed, unmix_code
from crlspec.inference.thresholds import ContrastiveThresholds
from crlspec.maps.maps import Network
from crlspec.numerics.autocorrelation import third_moment_size
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.linalg import ColumnSpace
from crlspec.numerics.optimum import warn_unless_settled
from crlspec.numerics.statistics import gaussianity_p_value
from crlspec.progress import Progress
from crlspec.scores.base import ScoreDifference

__all__ = ["Contrastive"]


@dataclass(frozen=True)
class Contrastive(Estimator):
    """The estimator ``contrastive``.

    alpha     significance level of every test of an edge
    refine    likelihood, or none for the paper's log odds alone
    restarts  of the network, trained side by side; the one of lowest held-out loss is taken
    place     where it is trained
    thresholds  what else decides
    """

    alpha: float = 0.01
    refine: Literal["likelihood", "none"] = "likelihood"
    restarts: int = 2
    context: TrainingContext = HERE
    thresholds: ContrastiveThresholds = field(default_factory=ContrastiveThresholds)
    declaration = declarations.Contrastive

    def solve(self, problem: Problem, scores: ScoreDifference, seed: int, progress: Progress) -> Estimate:
        """Latents, encoder, decoder and graph; ``scores`` are not asked.

        Raises SettingMismatch as :meth:`accepts` does, and DataError where the observations span fewer linear
        dimensions than there are latents.
        """
        self.accepts(problem.setting)
        began = time.perf_counter()
        names = (problem.observational, *problem.environments_by_latent)
        x, n = [problem.samples[name] for name in names], len(problem.latents)
        space = ColumnSpace.fit(x, n, further=self.thresholds.further * n)
        check_injective(space.spectrum, n, self.thresholds.injective)
        u = [space(values) for values in x]
        code, first = _linear_code(u, seed, progress)
        steps = [_Step("contrast", first, Network(code, np.zeros(n)), time.perf_counter() - began)]
        judged = [y[:: -(-len(y) // self.thresholds.judged)] @ code.T for y in u]
        sizes = [
            third_moment_size(y) if name in problem.dependent else len(y)
            for name, y in zip(names, judged, strict=True)
        ]
        p_value, gaussianised = gaussianity_p_value(judged, sizes), None
        if p_value < self.thresholds.gaussian:
            began_network = time.perf_counter()
            gaussianised = self._gaussianise(u, code, first, seed, progress)
            last = unmix_code([gaussianised.network(y) for y in u], progress)
            steps.append(
                _Step(gaussianised.objective, last, gaussianised.network, time.perf_counter() - began_network)
            )
        encoder = steps[-1].encoder(space, x)
        decoder, explained = _decoder(space, encoder, x, seed)
        tested = tested_edges(steps[-1].unmixed.step, problem.latents)
        diagnostics = {
            "spectrum": xr.DataArray(space.spectrum, dims=("component",)),
            "reconstruction": xr.DataArray(explained),
        }
        mixing = None
        if isinstance(encoder, LinearEncoder):
            mixing = space.coloring @ np.linalg.inv(encoder.matrix @ space.coloring)
        return Estimate(
            latents=problem.latents,
            environment_of=dict(zip(problem.latents, names[1:], strict=True)),
            encoder=encoder,
            mixing=mixing,
            order=tuple(problem.latents[m] for m in steps[-1].unmixed.step.order),
            edges=tuple(e for e in tested if e.p_value < self.alpha),
            tested=tested,
            graph="exact",
            status=_status(p_value, gaussianised, explained, self.thresholds.agreement),
            stages=tuple(step.stage(problem.latents, space, x, self.alpha) for step in steps),
            diagnostics=diagnostics,
            seconds={"scores": 0.0, "inference": time.perf_counter() - began},
            decoder=decoder,
        )

    def _gaussianise(
        self, u: list[np.ndarray], code: np.ndarray, first: Unmixed, seed: int, progress: Progress
    ) -> Gaussianised:
        """The network of lowest held-out log loss of the environments: by the likelihood of the code, by the log odds
        of all components, or both where there are more components than latents."""
        rng, order, found = np.random.default_rng(seed), first.step.order, []

        def starts(rows: np.ndarray, samples: list[np.ndarray]) -> list[Start]:
            others = [np.linalg.qr(rng.normal(size=rows.T.shape))[0].T for _ in range(self.restarts - 1)]
            return [Start.of(rows, samples, order), *(Start.of(o, samples, range(len(o))) for o in others)]

        if self.refine == "likelihood":
            coded = [y @ code.T for y in u]
            gaussianised = gaussianise(
                coded, starts(first.rows, coded), "likelihood", seed, progress, context=self.context
            )
            found.append(replace(gaussianised, network=gaussianised.network.within(code)))
        if self.refine == "none" or u[0].shape[1] > len(code):
            found.append(
                gaussianise(u, starts(first.rows @ code, u), "log odds", seed, progress, context=self.context)
            )
        return min(found, key=lambda gaussianised: gaussianised.odds)


def _linear_code(u: list[np.ndarray], seed: int, progress: Progress) -> tuple[np.ndarray, Unmixed]:
    """Orthonormal combinations (latent, component) that tell the environments apart, and the latents that they would
    be were they linear-Gaussian; all components where there are as many as latents."""
    n = len(u) - 1
    code = np.eye(n, u[0].shape[1])
    first = unmix_code([y[:, :n] for y in u], progress)
    if u[0].shape[1] == n:
        return code, first
    progress("contrast", 0.0)
    rng = np.random.default_rng(seed)
    found = linear_contrast([rng.permutation(y) for y in u], Start.of(first.rows @ code, u, first.step.order))
    warn_unless_settled(
        found.settled, found.gradient, "The log odds of the environments by linear combinations of the components",
        "Give more samples, or observe variables that are linear in the latents.",
    )  # fmt: skip
    code = np.linalg.qr(found.rows.T)[0].T
    last = unmix_code([y @ code.T for y in u], progress)
    return code, replace(last, step=replace(last.step, settled=last.step.settled and found.settled))


@dataclass(frozen=True)
class _Step:
    """What a stage left: a network from components to a code, and what undoes the code's linear map."""

    name: str
    unmixed: Unmixed
    network: Network
    seconds: float

    def encoder(self, space: ColumnSpace, x: list[np.ndarray]) -> LinearEncoder | NetworkEncoder:
        """From observations to latents of unit observational deviation and mean zero, each rising with the observed
        variable that it varies with most."""
        network = self.network.mapped(self.unmixed.rows, self.unmixed.offset)
        encoder: LinearEncoder | NetworkEncoder = NetworkEncoder(network, space.whitener, space.offset)
        if not network.weights and space.whitener.shape[0] == len(self.unmixed.rows):
            encoder = LinearEncoder(network.skip @ space.whitener, space.offset)
        z = encoder(x[0])
        z = (z - z.mean(0)) / z.std(0)
        covariance = z.T @ ((x[0] - x[0].mean(0)) / space.scale)
        signs = np.sign(covariance[range(len(covariance)), np.abs(covariance).argmax(1)])
        return encoder.scaled(signs / encoder(x[0]).std(0), x[0])

    def stage(self, latents: tuple[str, ...], space: ColumnSpace, x: list[np.ndarray], alpha: float) -> Stage:
        """The same in the names of the latents."""
        step = self.unmixed.step
        edges = tuple(e for e in tested_edges(step, latents) if e.p_value < alpha)
        order = tuple(latents[m] for m in step.order)
        return Stage(self.name, order, edges, self.encoder(space, x), self.seconds, step.note)


def _decoder(
    space: ColumnSpace,
    encoder: LinearEncoder | NetworkEncoder,
    x: list[np.ndarray],
    seed: int,
) -> tuple[NetworkDecoder | None, float]:
    """From latents to observations, and the share of the components' variance that it explains; None beside a linear
    encoder, whose inverse is exact."""
    if isinstance(encoder, LinearEncoder):
        return None, 1.0
    pooled = np.concatenate(x)
    network, explained = decode(encoder(pooled), space(pooled), seed)
    return NetworkDecoder(network, space.coloring, space.offset), explained


def _status(p_value: float, gaussianised: Gaussianised | None, explained: float, agreement: float) -> Status:
    if gaussianised is None:
        return Status(
            "ok",
            "A linear encoder makes the latents Gaussian. Latents, order and edges were decided by the data.",
        )
    if gaussianised.agreement < agreement:
        return Status(
            "undecided",
            f"Two restarts of the network found different latents (correlation {gaussianised.agreement:.2f} after a "
            "linear map). Latents and edges may be wrong.",
            "Give more samples, or more restarts: estimator: {kind: contrastive, restarts: 4}.",
        )
    return Status(
        "undecided",
        f"No linear encoder makes the latents Gaussian (p = {p_value:.1g}), so a network was trained by "
        f"{gaussianised.objective}. It explains {100 * explained:.1f} % of the observations' variance. The "
        "p-values of the edges are not calibrated, since they leave out its error.",
        "Give two hard interventions on each latent (design: coupled, estimator: {kind: gscale-i}), whose tests of "
        "edges allow for such errors. Or take the edges as guesses.",
    )
