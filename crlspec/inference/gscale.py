"""GSCALE-I: general mixing, two hard interventions on each latent.

After Varıcı, Acartürk, Shanmugam & Tajer, "General identifiability and achievability for causal representation
learning", AISTATS 2024. Between the two hard environments of a latent the score changes along that latent alone,
whatever the mechanisms; equivalently their log ratio is a function of that latent alone. The encoder is learned
from that, by classification (:mod:`crlspec.inference.encoders.structured_ratio`); behind a known link the mixing
is linear, and each row of the encoder is the one direction of a quadratic logistic regression. Pairs that nobody
knows are found first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference import declarations
from crlspec.inference.answer import absent_edges, edges_of, tested_edges
from crlspec.inference.base import Estimator
from crlspec.inference.check import Check
from crlspec.inference.checks.rank import check_rank
from crlspec.inference.checks.samples import check_samples
from crlspec.inference.checks.saturation import check_saturation, unsaturated
from crlspec.inference.edges.classifier import edges_by_classifier
from crlspec.inference.edges.leave_one_out import edges_by_contrast
from crlspec.inference.encoders.answer import (
    check_pairs,
    checks_of,
    contrasts,
    diagnostics_of,
    encoder_note,
    start_note,
    status_of,
)
from crlspec.inference.encoders.environment_classifier import environment_logits
from crlspec.inference.encoders.general import GeneralFit
from crlspec.inference.encoders.image_declaration import ImageCode
from crlspec.inference.encoders.image_starts import Looked, look
from crlspec.inference.encoders.known_pairs import as_known
from crlspec.inference.encoders.linear_starts import leading_components, linear_starts
from crlspec.inference.encoders.log_ratios import RankOne
from crlspec.inference.encoders.pairing import Pairing, find_pairs
from crlspec.inference.encoders.seen_columns import decoder_of_seen, encoder_of_seen, unseen
from crlspec.inference.encoders.structured_ratio import Fitted
from crlspec.inference.estimate import Estimate, Stage
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.step import Step
from crlspec.inference.thresholds import GscaleThresholds
from crlspec.maps.codes import Eyes
from crlspec.maps.maps import Network, NetworkDecoder, NetworkEncoder
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.linalg import ColumnSpace
from crlspec.numerics.links import LINKS
from crlspec.numerics.optimum import warn_unless_settled
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreDifference

__all__ = ["GScaleI"]

QUICK = 1000
"""Rows of an environment, about, in which declared pairs are looked for first."""

MOST_COMPONENTS = 64
"""Principal components that are looked at, at most."""


@dataclass(frozen=True)
class GScaleI(Estimator):
    """The estimator ``gscale-i``.

    alpha     significance level of every test of an edge
    restarts  encoders trained side by side for a general mixing, the first from a linear one, the others from
              :mod:`crlspec.inference.encoders.sign_starts`; their latents are recombined
              (:mod:`crlspec.inference.encoders.recombine`), and of the two encoders that come of it the one of
              lower held-out loss is kept; where these disagree as many new ones are trained and recombined with
              them, once
    steps     of the last training, at most
    encoder   how images are looked at, where they are observed
    loss      ``structured-ratio``, or ``score-sparsity`` of the papers, also behind a link
    place     where they are trained
    thresholds  what else decides
    """

    alpha: float = 0.01
    restarts: int = 3
    steps: int = 2000
    loss: Literal["structured-ratio", "score-sparsity"] = "structured-ratio"
    encoder: ImageCode = field(default_factory=ImageCode)
    context: TrainingContext = HERE
    thresholds: GscaleThresholds = field(default_factory=GscaleThresholds)
    declaration = declarations.GscaleI

    def solve(self, problem: Problem, scores: ScoreDifference, seed: int, progress: Progress) -> Estimate:
        """Latents, encoder, decoder and graph from the observations; only ``loss: score-sparsity`` asks ``scores``.

        The diagnostics hold, where the pairs were not known, ``signature`` (environment, latent) and
        ``pairing_margin``; for a general mixing ``restart_losses``, the held-out losses of all restarts in rising
        order, ``recombined_losses``, those of the two made of their latents, ``restart_agreement`` (latent,), rank
        correlations with the other encoder that comes nearest, and ``edge_excess``, how many times what chance gives
        the tests against the order are.

        Raises SettingMismatch as :meth:`accepts` does, and DataError where the observations contradict the link, or
        span fewer dimensions than there are latents.
        """
        self.accepts(problem.setting)
        began = time.perf_counter()
        linear, saturation = _unlinked(problem, self.thresholds.saturated)
        order = (linear.observational, *linear.environments)
        space, y = _components(linear, order, self.thresholds)
        general = problem.setting.mixing == "general"
        setting = problem.setting.tied
        unknown = setting.pairs is None and setting.targets is None
        looked, logits = self._told(problem, order, y, unknown, seed, progress)
        leading = leading_components(y, general)
        pairing = _pairing(linear, leading, logits, order, progress, self.thresholds)
        pairing, told = as_known(problem, pairing)
        pairs = [(a + 1, b + 1) for a, b in pairing.pairs]  # the observational environment is the first
        ratios, rows = linear_starts(leading, pairs, general, y[0].shape[1], self.thresholds.even)
        paired = time.perf_counter()
        link = problem.setting.link if problem.setting.mixing == "glm" else None
        fitted: Fitted | None = None
        maps: tuple[Network, Network | None] = _linear_maps(rows)
        if general or self.loss == "score-sparsity":
            coordinates = Coordinates.within(space, linear)
            options = GeneralFit(
                problem.setting.noise != "gaussian",
                general,
                self.restarts,
                self.steps,
                self.loss,
                self.encoder.kind,
                self.thresholds,
                self.context,
            )
            fitted = options.fit(coordinates, logits, looked, pairs, rows, scores, seed, progress)
            maps = fitted.encoder, fitted.decoder
        encoder, decoder, first = _named(maps, rows, space, link)
        encoded, z = time.perf_counter(), [maps[0](one) for one in y]
        eyes = None
        if fitted is not None and fitted.eyes is not None:
            eyes, at = Eyes(encoder, fitted.eyes), problem.code_size
            z = [seen + fitted.eyes(problem.images[name]) for seen, name in zip(z, order, strict=True)]
            encoder, decoder, first = _seen(encoder, decoder, first, at)
        step, excess = self._edges(problem, link, z, pairs, seed, progress)
        if fitted is None:
            step = replace(step, settled=_settled(ratios))
        agreement = None if fitted is None else fitted.agreement
        checks = checks_of(pairing, contrasts(z, pairs), agreement, self.thresholds, excess)
        counted = {name: problem.size(name) for name in order}
        checks += (check_samples(counted, self.thresholds.samples, "tell environments apart"), *saturation)
        if step.power is not None:
            names = [problem.latents[m] for m in step.order]
            checks = (*checks, step.power.check(names, step.found(self.alpha)))
        if not unknown and len(pairs) > 1:
            seen = self._find_pairs(leading, logits, progress, pairing.pairs)
            checks = (*checks, check_pairs(pairing.pairs, seen, order[1:]))
        checks = (*told, *step.checks, *checks)
        shown = {name: order[a] for name, (a, _) in zip(problem.latents, pairs, strict=True)}
        tested = tested_edges(step, problem.latents)
        edges = edges_of(step, problem.latents, self.alpha)
        causal = tuple(problem.latents[m] for m in step.order)
        stages = [
            Stage("linear start", problem.latents, (), first, paired - began, start_note(pairing)),
            *([] if fitted is None else [
                Stage("encoder", problem.latents, (), encoder, encoded - paired, encoder_note(fitted, self.loss))
            ]),
            Stage("edges", causal, edges, encoder, step.seconds, step.note),
        ]  # fmt: skip
        return Estimate(
            latents=problem.latents,
            environment_of=shown,
            encoder=encoder,
            mixing=None,
            decoder=decoder,
            order=causal,
            edges=edges,
            tested=tested,
            absent=absent_edges(step, problem.latents, self.alpha),
            graph="exact",
            status=status_of(checks, agreement, excess),
            checks=checks,
            stages=tuple(stages),
            diagnostics=diagnostics_of(problem, order, pairs, pairing, fitted, space, excess),
            seconds={"scores": 0.0, "inference": time.perf_counter() - began},
            eyes=eyes,
        )

    def _edges(
        self,
        problem: Problem,
        link: str | None,
        z: Sequence[np.ndarray],
        pairs: Sequence[tuple[int, int]],
        seed: int,
        progress: Progress,
    ) -> tuple[Step, float | None]:
        """The step, and the excess of :func:`edges_by_classifier` where there is one: behind a link only where
        something is known of the graph, which asks for tests of either direction and of a known power."""
        limits, known = self.thresholds, Knowledge.of(problem)
        if link is None or known is not None:
            return edges_by_classifier(z, pairs, seed, progress, limits, self.alpha, known, self.context)
        return edges_by_contrast(z, pairs, seed, progress, chance=limits.moved, context=self.context), None

    def _told(
        self,
        problem: Problem,
        order: Sequence[str],
        y: Sequence[np.ndarray],
        unknown: bool,
        seed: int,
        progress: Progress,
    ) -> tuple[Looked | None, Sequence[np.ndarray] | None]:
        """What a classifier of images sees, where they are observed, and logits (sample, environment) of every
        environment; None where nothing asks for them."""
        structured = self.loss == "structured-ratio"
        if problem.setting.mixing != "general" or not (unknown or structured):
            return None, None
        if problem.images:
            looked = look(problem, order, y, seed, progress, self.context, self.steps)
            return looked, looked.logits
        if not unknown and self.restarts == 1:
            return None, None
        return None, environment_logits(y, seed, progress, self.context, self.steps)

    def _find_pairs(
        self,
        y: Sequence[np.ndarray],
        logits: Sequence[np.ndarray] | None,
        progress: Progress,
        declared: Sequence[tuple[int, int]],
    ) -> Pairing:
        """The pairs of environments that the data show, whatever is declared; where some of the rows of many clearly
        show those declared already, that is enough."""
        ratios, clear = None, self.thresholds.clear
        if logits is not None:
            stacked = np.concatenate(logits)
            ratios, clear = stacked[:, 1:] - stacked[:, :1], self.thresholds.clear_bent
        steps = [max(1, len(one) // QUICK) for one in y[1:]]
        if min(steps) > 1:
            some = [one[::step] for one, step in zip(y[1:], steps, strict=True)]
            quick = find_pairs(some, progress, ratios, clear)
            if set(quick.pairs) == set(declared) and quick.margin >= quick.clear:
                return quick
        return find_pairs(y[1:], progress, ratios, clear)


def _unlinked(
    problem: Problem, saturated: float = GscaleThresholds.saturated
) -> tuple[Problem, tuple[Check, ...]]:
    """The problem with the known link undone: its mixing is linear then; and the check of the rows that were left out
    since they saturate it, where there is a link.

    saturated  share of an environment's rows that may

    Raises DataError where an observation lies outside the link's range, or hardly any is left that it does not
    saturate.
    """
    if problem.setting.mixing != "glm":
        return problem, ()
    assert problem.setting.link is not None
    link = LINKS[problem.setting.link]
    samples, kept = {}, unsaturated(problem.samples, link)
    for name, x in problem.samples.items():
        u = link.inverse(x)
        outside = ~np.isfinite(u)
        if outside.any():
            raise DataError(
                f"Environment '{name}': {int(outside.any(axis=1).sum())} of {len(x)} samples lie outside the "
                f"range of the link {problem.setting.link}, for example in variable "
                f"'{problem.observed[int(outside.any(axis=0).argmax())]}'. So the data refute that link.",
                "Declare another link, or mixing: general.",
            )
        samples[name] = u[kept[name]]
        if len(samples[name]) <= x.shape[1]:
            raise DataError(
                f"Environment '{name}': {len(x) - len(samples[name])} of {len(x)} samples saturate the link "
                f"{problem.setting.link}. The {len(samples[name])} others are too few for {x.shape[1]} "
                "observed variables.",
                "Give more samples, or observations that the link saturates less.",
            )
    linear = replace(problem, samples=samples, setting=replace(problem.setting, mixing="linear"))
    return linear, (check_saturation(kept, problem.setting.link, saturated),)


def _components(
    problem: Problem, order: Sequence[str], thresholds: GscaleThresholds
) -> tuple[ColumnSpace, list[np.ndarray]]:
    """Principal components of all environments: as many as latents behind a link, else all that are not rounding."""
    n = len(problem.latents)
    if problem.setting.mixing == "linear":
        coordinates = Coordinates.of(problem, tuple(order[1:]))
        check_rank(problem, coordinates, thresholds)
        return coordinates.space, coordinates.all
    samples = [problem.samples[name] for name in order]
    units = _units(samples, problem.code_size)
    whole = ColumnSpace.fit(samples, min(samples[0].shape[1], MOST_COMPONENTS), units=units)
    spectrum = whole.spectrum[: len(whole.whitener)]
    count = int((spectrum > thresholds.smallest * spectrum[0]).sum())
    if count < n:
        raise DataError(
            f"The observations span {count} dimension{'s' * (count != 1)}, fewer than the {n} latents. So the "
            "mixing is not injective, and no method can recover all latents.",
            "Declare fewer latents, or observe variables that tell the others apart.",
        )
    floor = thresholds.floor if units is None else thresholds.code_floor
    shrink = np.sqrt(spectrum / np.maximum(spectrum, floor * spectrum[0]))[:count]
    space = replace(
        whole, whitener=whole.whitener[:count] * shrink[:, None], coloring=whole.coloring[:, :count] / shrink
    )
    return space, [space(x) for x in samples]


def _units(samples: Sequence[np.ndarray], code: int) -> np.ndarray | None:
    """(observed,) of columns (sample, observed) that begin with the code of images: its components keep their sizes
    beside each other, and any other column counts as the first of them; None where there is no code."""
    if not code:
        return None
    deviations = np.concatenate(samples).std(axis=0)
    units = np.where(deviations > 0, deviations / deviations[0], 1.0)
    units[:code] = 1.0
    return units


def _pairing(
    problem: Problem,
    y: Sequence[np.ndarray],
    logits: Sequence[np.ndarray] | None,
    order: Sequence[str],
    progress: Progress,
    thresholds: GscaleThresholds,
) -> Pairing:
    """The two environments of each latent, by index among the interventional ones, in the order of the latents."""
    setting = problem.setting.tied
    place = {name: k for k, name in enumerate(order[1:])}
    if setting.pairs is None and setting.targets is None:
        if logits is None:
            return find_pairs(y[1:], progress, clear=thresholds.clear)
        stacked = np.concatenate(logits)
        return find_pairs(y[1:], progress, stacked[:, 1:] - stacked[:, :1], thresholds.clear_bent)
    if setting.targets is not None:
        known = [tuple(name for name in order[1:] if setting.targets[name] == (z,)) for z in problem.latents]
    else:
        known = [tuple(pair) for pair in setting.pairs or ()]
    pairs = tuple(tuple(sorted(place[name] for name in pair)) for pair in known)
    return Pairing(pairs, np.zeros((0, 0)), float("inf"))  # type: ignore[arg-type]


def _settled(ratios: Sequence[RankOne]) -> bool:
    """Whether every log ratio is at its optimum; warns where one is not."""
    worst = max(ratios, key=lambda ratio: 0.0 if ratio.settled else ratio.gradient)
    warn_unless_settled(
        worst.settled, worst.gradient, "The log ratio of the two environments of a latent, along one direction,",
        "Give more samples, or interventions whose two mechanisms differ more.",
    )  # fmt: skip
    return worst.settled


def _named(
    maps: tuple[Network, Network | None], rows: np.ndarray, space: ColumnSpace, link: str | None
) -> tuple[NetworkEncoder, NetworkDecoder | None, NetworkEncoder]:
    """Encoder and decoder between observations and latents, and the linear encoder that they begin at."""
    network, back = maps
    return (
        NetworkEncoder(network, space.whitener, space.offset, link),
        None if back is None else NetworkDecoder(back, space.coloring, space.offset, link),
        NetworkEncoder(_linear_maps(rows)[0], space.whitener, space.offset, link),
    )


def _seen(
    encoder: NetworkEncoder, decoder: NetworkDecoder | None, first: NetworkEncoder, at: int
) -> tuple[NetworkEncoder, NetworkDecoder | None, NetworkEncoder]:
    """The same where the latents are columns of the code themselves, from ``at`` on."""
    count, observed = encoder.shape
    return (
        encoder_of_seen(observed + count, at, count),
        None if decoder is None else decoder_of_seen(decoder, at),
        unseen(first, at, count),
    )


def _linear_maps(rows: np.ndarray) -> tuple[Network, Network]:
    n, components = rows.shape
    return Network(rows, np.zeros(n)), Network(np.linalg.pinv(rows), np.zeros(components))
