"""resolve(spec, seed): the same spec with every draw made and every environment written out."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from math import pi, sqrt
from typing import Any

import numpy as np

from crlspec.errors import Issue, SpecError
from crlspec.registry import MechanismDeclaration, MixingDeclaration, NoiseDeclaration, Prior, draw_amount
from crlspec.spec.expression import (
    LOCATION_SCALE,
    Equation,
    number_functions,
    parse_expression,
    parse_replacement,
)
from crlspec.spec.interventions import (
    Change,
    MultiNode,
    NoiseChange,
    ReplacedMechanism,
    Replacements,
)
from crlspec.spec.schema import CompleteGraph, RandomGraph, Scm, Spec
from crlspec.spec.setting import environment_targets
from crlspec.spec.structure import Parents, listed_edges, parents_from
from crlspec.spec.vocabulary import LARGEST


def named_rng(seed: int, *names: str) -> np.random.Generator:
    """numpy's generator for each name, so that a new latent or environment leaves other draws unchanged."""
    digest = sha256("\0".join(names).encode()).digest()
    words = [int.from_bytes(digest[k : k + 4], "little") for k in range(0, 16, 4)]
    return np.random.default_rng([seed, *words])


Choose = Callable[[str, Prior], Any]
"""Gives a parameter, by its name, a value: a number, or a tensor while a Pyro program runs."""


def resolve(spec: Spec, seed: int) -> Spec:
    """The spec with no randomness left; it dumps to YAML and runs again by itself.

    The graph becomes a list of edges; each latent has its own mechanism and noise; the mixing holds numbers;
    ``environments`` are explicit, and ``interventions`` keeps design and kind. A spec with ``assume`` has
    nothing to draw. ``resolve(resolve(s, a), b) == resolve(s, a)``. Raises SpecError or CrlspecError when a
    family cannot be drawn, e.g. a weight is given for a parent that is none.
    """

    def draw(name: str, prior: Prior) -> float:
        number = prior.draw(named_rng(seed, "prior", name))
        if not abs(number) <= LARGEST:
            message = f"the draw of {name} from the prior {prior} is {number:g}, and at most {LARGEST:g} is allowed."
            raise SpecError([Issue("error", message, "give a prior of smaller numbers.", "scm")])
        return number

    return resolve_with(spec, seed, draw)


def resolve_with(spec: Spec, seed: int, choose: Choose) -> Spec:
    """As :func:`resolve`, with ``choose(name, prior)`` in place of each prior, called once a parameter.

    Names are ``weight_z1_z2`` (parent, latent) and ``variance_z2``; what an environment replaces goes by
    ``environment/variance_z2``.
    """
    if spec.assume is not None:
        return spec
    updates: dict[str, Any] = {}
    parents: Parents = {}
    if spec.scm is not None:
        scm = _scm(spec, spec.scm, seed, choose)
        assert isinstance(scm.graph, tuple)
        parents = parents_from(spec.latents, scm.graph)
        updates["scm"] = scm
    elif spec.equations is not None:
        updates["equations"] = {
            name: parse_expression(text, spec.latents).text for name, text in spec.equations.items()
        }
    if spec.mixing is not None:
        mixing: MixingDeclaration = spec.mixing
        if not mixing.is_resolved:
            moments = linear_moments(updates["scm"], parents) if "scm" in updates else None
            mixing = mixing if moments is None else mixing.calibrated(*moments)
        updates["mixing"] = mixing.draw(named_rng(seed, "mixing"), spec.latents)
    base = spec.model_copy(update=updates)
    updates["environments"] = _Environments(base, parents, seed, choose).all(spec)
    if spec.interventions is not None:
        given: Any = spec.interventions
        fields = {key: getattr(given, key) for key in ("design", "kind") if hasattr(given, key)}
        updates["interventions"] = type(given).model_validate(fields)
    resolved = spec.model_copy(update=updates)
    resolved._source, resolved._declared = None, spec._source or spec._declared
    return resolved


def structure(spec: Spec, seed: int) -> Spec:
    """The spec with graph, mixing and all intervals drawn as :func:`resolve` draws them, its priors left in place."""
    if spec.scm is None:
        return spec
    scm = _scm(spec, spec.scm, seed, lambda name, prior: prior)
    return spec.model_copy(update={"scm": scm, "mixing": resolve(spec, seed).mixing})


def parameter(place: tuple[str, ...], latent: str, environment: str | None = None) -> str:
    """The name of a parameter: field, parent if any, latent; after its environment where that replaces it."""
    return f"{environment}/" * (environment is not None) + "_".join((*place, latent))


def _scm(spec: Spec, scm: Scm, seed: int, choose: Choose) -> Scm:
    graph = scm.graph
    if isinstance(graph, RandomGraph):
        density = graph.density
        pairs = listed_edges(spec.latents, complete=True)
        graph = tuple((a, b) for a, b in pairs if named_rng(seed, "edge", a, b).random() < density)
    elif not isinstance(graph, tuple):
        graph = listed_edges(spec.latents, complete=isinstance(graph, CompleteGraph))
    parents = parents_from(spec.latents, graph)
    mechanisms: dict[str, MechanismDeclaration] = {}
    noises: dict[str, NoiseDeclaration] = {}
    for name in spec.latents:
        mechanism = scm.mechanism[name] if isinstance(scm.mechanism, dict) else scm.mechanism
        noise = scm.noise[name] if isinstance(scm.noise, dict) else scm.noise
        drawn = mechanism.draw(named_rng(seed, "mechanism", name), name, parents[name])
        mechanisms[name] = _settled(drawn, name, choose)
        noises[name] = _settled(noise.draw(named_rng(seed, "noise", name), name), name, choose)
    return scm.model_copy(update={"graph": graph, "mechanism": mechanisms, "noise": noises})


def linear_moments(scm: Scm, parents: Parents) -> tuple[dict[str, float], dict[str, float]] | None:
    """Mean and standard deviation of every latent of a drawn SCM; None unless all its mechanisms are linear."""
    assert isinstance(scm.mechanism, dict)
    assert isinstance(scm.noise, dict)
    names = list(parents)
    weights = np.zeros((len(names), len(names)))
    for i, name in enumerate(names):
        slopes = scm.mechanism[name].slopes() if parents[name] else {}
        if slopes is None:
            return None
        weights[i, [names.index(parent) for parent in slopes]] = list(slopes.values())
    noises = [scm.noise[name] for name in names]
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            total = np.linalg.inv(np.eye(len(names)) - weights)
        except (
            np.linalg.LinAlgError
        ):  # no such matrix is singular: products of its weights are no numbers any more
            total = np.full_like(weights, np.inf)
        mean = total @ np.array([one.mean for one in noises])
        deviation = np.sqrt(total**2 @ np.array([one.variance for one in noises]))
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        message = "the weights let latents grow beyond any number: they are multiplied along the graph."
        raise SpecError([Issue("error", message, "use smaller weights.", "scm.mechanism")])
    return dict(zip(names, mean.tolist(), strict=True)), dict(zip(names, deviation.tolist(), strict=True))


def _settled(declaration: Any, latent: str, choose: Choose, environment: str | None = None) -> Any:
    return declaration.settled(lambda place, prior: choose(parameter(place, latent, environment), prior))


class _Environments:
    """Writes out the environments of a spec whose model is resolved already."""

    def __init__(self, base: Spec, parents: Parents, seed: int, choose: Choose) -> None:
        self.base, self.parents, self.seed, self.choose = base, parents, seed, choose

    def all(self, spec: Spec) -> dict[str, Replacements]:
        if spec.environments is not None:
            return {
                name: {latent: self._explicit(name, latent, value) for latent, value in replaced.items()}
                for name, replaced in spec.environments.items()
            }
        design: Any = spec.interventions
        targets = environment_targets(spec)
        if isinstance(design, MultiNode) and design.targets is None:
            targets = self._signature(design, tuple(targets)[1:])
        return {
            name: {
                latent: self._designed(name, latent, design.kind, _change(design, name)) for latent in latents
            }
            for name, latents in targets.items()
        }

    def _signature(self, design: MultiNode, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Random targets: no environment empty, and the signature matrix of the highest rank there can be."""
        rng = named_rng(self.seed, "signature")
        latents = self.base.latents
        for _ in range(1000):
            drawn = rng.random((len(latents), len(names))) < design.density
            if design.signature == "triangular":
                drawn = np.eye(len(latents), dtype=bool) | np.triu(drawn, 1)
                drawn = drawn[:, rng.permutation(len(latents))]
            if drawn.any(axis=0).all() and np.linalg.matrix_rank(drawn.astype(float)) == min(drawn.shape):
                table = {
                    name: tuple(latent for latent, hit in zip(latents, drawn[:, k], strict=True) if hit)
                    for k, name in enumerate(names)
                }
                return {"obs": (), **table}
        remedy = "use a density nearer to 0.5, or list the targets."
        message = f"no targets of full rank were found at density {design.density:g}."
        raise SpecError([Issue("error", message, remedy, "interventions.density")])

    def _designed(self, environment: str, latent: str, kind: str, change: Change) -> str | ReplacedMechanism:
        rng = named_rng(self.seed, "environment", environment, latent)
        noise = change.noise or NoiseChange()
        if self.base.equations is not None:
            parsed = parse_expression(self.base.equations[latent], self.base.latents)
            return _changed_equation(parsed, latent, kind, change, rng)
        base = self._noise(latent)
        mean: Any = base.mean
        variance: Any = base.variance
        if noise.mean is not None:
            plus, value = noise.mean.plus, noise.mean.value
            mean = mean + draw_amount(rng, plus) if plus is not None else draw_amount(rng, value or 0.0)
        if noise.variance is not None:
            times, value = noise.variance.times, noise.variance.value
            variance = (
                variance * draw_amount(rng, times) if times is not None else draw_amount(rng, value or 1.0)
            )
        changed = base.with_mean(mean).with_variance(_bounded(variance, latent, environment))
        if kind == "hard":
            return ReplacedMechanism(kind="hard", noise=changed)
        mechanism = self._mechanism(latent)
        if change.mechanism is not None:
            mechanism = mechanism.scaled(draw_amount(rng, change.mechanism.times))
        return ReplacedMechanism(kind="soft", mechanism=mechanism, noise=changed)

    def _explicit(
        self, environment: str, latent: str, value: str | ReplacedMechanism
    ) -> str | ReplacedMechanism:
        rng = named_rng(self.seed, "environment", environment, latent)
        if isinstance(value, ReplacedMechanism):
            return self._drawn(rng, environment, latent, value)
        parsed = parse_replacement(value, self.base.latents)
        if parsed.equation is not None:
            return parsed.equation.text
        assert parsed.value is not None
        if parsed.kind == "do":
            return f"do({parsed.value!r})"
        shift, scale = (parsed.value, 1.0) if parsed.kind == "shift" else (0.0, parsed.value)
        if self.base.equations is not None:
            base = parse_expression(self.base.equations[latent], self.base.latents)
            if base.distribution not in LOCATION_SCALE:  # no parameters to rewrite: the value itself is moved
                return f"{parsed.kind}({parsed.value!r})"
            return _rewritten(base, _plus(base.arguments["loc"].text, shift), scale)
        noise: Any = self._noise(latent)
        variance = _bounded(noise.variance * scale**2, latent, environment)
        changed = noise.with_mean(noise.mean + shift).with_variance(variance)
        return ReplacedMechanism(kind="soft", mechanism=self._mechanism(latent), noise=changed)

    def _drawn(
        self, rng: np.random.Generator, environment: str, latent: str, value: ReplacedMechanism
    ) -> ReplacedMechanism:
        noise = self._noise(latent)
        if value.noise is not None:
            noise = _settled(value.noise.draw(rng, latent), latent, self.choose, environment)
        if value.kind == "hard":
            return ReplacedMechanism(kind="hard", noise=noise)
        mechanism = self._mechanism(latent)
        if value.mechanism is not None:
            drawn = value.mechanism.draw(rng, latent, self.parents[latent])
            mechanism = _settled(drawn, latent, self.choose, environment)
        return ReplacedMechanism(kind="soft", mechanism=mechanism, noise=noise)

    def _mechanism(self, latent: str) -> MechanismDeclaration:
        assert self.base.scm is not None
        assert isinstance(self.base.scm.mechanism, dict)
        return self.base.scm.mechanism[latent]

    def _noise(self, latent: str) -> NoiseDeclaration:
        assert self.base.scm is not None
        assert isinstance(self.base.scm.noise, dict)
        return self.base.scm.noise[latent]


def _bounded(variance: Any, latent: str, environment: str) -> Any:
    """The variance of a changed noise. Raises SpecError where no spec may hold it."""
    if isinstance(variance, float) and not 1 / LARGEST <= variance <= LARGEST:
        message = f"the noise variance of {latent} in {environment} is {variance:g}; "
        message += f"from {1 / LARGEST:g} to {LARGEST:g} are allowed."
        raise SpecError([Issue("error", message, "change it by less.", "interventions")])
    return variance


def _change(design: Any, environment: str) -> Change:
    """The change that an environment of a design makes: the second of a pair is named …_b."""
    if design.design in ("coupled", "uncoupled") and environment.endswith("_b"):
        return design.second or Change()
    return Change(noise=design.noise, mechanism=design.mechanism)


_DEVIATION = {"Normal": 1.0, "Laplace": sqrt(2), "Logistic": pi / sqrt(3), "Gumbel": pi / sqrt(6)}
"""Standard deviation at scale 1."""


def _changed_equation(
    base: Equation,
    latent: str,
    kind: str,
    change: Change,
    rng: np.random.Generator,
) -> str:
    """A designed change of an equation; the location of a hard one is that at parents zero."""
    noise, mechanism = change.noise or NoiseChange(), change.mechanism
    location = base.arguments["loc"].text
    if kind == "hard":
        try:
            zero = base.arguments["loc"].evaluate(number_functions(), dict.fromkeys(base.parents, 0.0))
        except (ArithmeticError, ValueError):
            message = f"the location {location} of {latent} has no value at parents zero."
            remedy = "list the environments: {name: {latent: equation}}."
            raise SpecError([Issue("error", message, remedy, f"latents.{latent}")]) from None
        location = repr(float(zero))
    elif mechanism is not None:
        location = f"{draw_amount(rng, mechanism.times)!r} * ({location})"
    if noise.mean is not None:
        plus, value = noise.mean.plus, noise.mean.value
        location = (
            _plus(location, draw_amount(rng, plus))
            if plus is not None
            else repr(draw_amount(rng, value or 0.0))
        )
    if noise.variance is None:
        return _rewritten(base, location, 1.0)
    if noise.variance.times is not None:
        return _rewritten(base, location, sqrt(draw_amount(rng, noise.variance.times)))
    if base.distribution not in _DEVIATION:
        message = f"{base.distribution} cannot be given a variance."
        raise SpecError([Issue("error", message, "use variance: {times: …}.", f"latents.{latent}")])
    deviation = sqrt(draw_amount(rng, noise.variance.value or 1.0)) / _DEVIATION[base.distribution]
    return _rewritten(base, location, None, deviation)


def _plus(text: str, number: float) -> str:
    return text if number == 0 else f"{text} + {number!r}"


def _rewritten(base: Equation, location: str, times: float | None, scale: float = 1.0) -> str:
    texts = {name: argument.text for name, argument in base.arguments.items()} | {"loc": location}
    if times is None:
        texts["scale"] = repr(scale)
    elif times != 1.0:
        texts["scale"] = f"{times!r} * ({texts['scale']})"
    text = f"{base.distribution}({', '.join(texts.values())})"
    return parse_expression(text, tuple(base.parents)).text
