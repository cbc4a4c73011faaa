"""The Setting: one row of the theory's table, derived from a spec or assumed for one's own data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from crlspec.registry import MechanismDeclaration, NoiseDeclaration
from crlspec.spec.changes import Changes, soft_changes
from crlspec.spec.known import Known
from crlspec.spec.structure import equation, parents_of, replacement

if TYPE_CHECKING:
    from crlspec.spec.schema import ReplacedMechanism, Spec

MixingClass = Literal["linear", "glm", "general"]
Design = Literal["observational", "single-node", "coupled", "uncoupled", "multi-node"]
Kind = Literal["hard", "soft", "mixed", "none"]


@dataclass(frozen=True)
class Setting:
    """What is known before any data are read: the class of the mixing and the design of the interventions.

    ``environments`` names the interventional environments in order; it is empty while they are not known.
    ``targets`` gives the latents intervened on in each environment, None when concealed: then nothing tells which
    latent is which, and those of a declared model go by numbers. ``pairs`` gives the
    two environments of each latent (coupled designs). ``noise`` and ``function`` tell what is known about the
    latent model; ``deterministic`` tells whether some intervention fixes a latent to a value;
    ``observation_noise`` what noise of unknown size the observations carry: of one size, or each variable its own;
    ``link`` names the known link of a glm mixing. ``latents`` is empty while their number is left to the data.
    ``changes`` tells what the soft
    interventions change: how targets depend on their parents, or, of some target, only the place (``shift``) or size
    (``scale``) of its noise. ``known`` tells what of graph and targets is known already.
    """

    mixing: MixingClass
    design: Design
    kind: Kind
    latents: tuple[str, ...]
    observational: str | None = None
    environments: tuple[str, ...] = ()
    targets: Mapping[str, tuple[str, ...]] | None = None
    pairs: tuple[tuple[str, str], ...] | None = None
    noise: Literal["gaussian", "other", "unknown"] = "unknown"
    function: Literal["linear", "nonlinear", "unknown"] = "unknown"
    deterministic: bool = False
    observed: tuple[str, ...] | None = None
    observation_noise: Literal["none", "isotropic", "per-variable"] = "none"
    link: str | None = None
    changes: Changes = "mechanism"
    known: Known | None = None

    @property
    def noise_alone(self) -> bool:
        """Whether soft interventions may leave linear mechanisms as they are, so that only noise terms show."""
        soft = self.kind in ("soft", "mixed") and self.changes in ("shift", "scale")
        return soft and self.function != "nonlinear"

    @property
    def known_enters(self) -> bool:
        """Whether something is known that an estimator has to take in: of the graph, or some of the targets. In a
        single-node design they tell all others."""
        known = self.known
        some = (
            known is not None
            and bool(known.targets)
            and self.targets is None
            and self.design != "single-node"
        )
        return some or (known is not None and known.graph)

    @property
    def tied(self) -> Setting:
        """The same with all targets, where those that are known tell them: of a single-node design with an
        environment for each latent, and of pairs."""
        known = self.known
        if known is None or self.targets is not None:
            return self
        if self.design == "single-node" and len(self.environments) == len(self.latents):
            return replace(self, targets=known.completed(self.environments, self.latents))
        if known.targets and self.pairs is not None and len(self.pairs) == len(self.latents):
            return replace(self, targets=known.of_pairs(self.pairs, self.latents))
        return self

    @property
    def hardness_unseen(self) -> bool:
        """Whether latents may be linear functions of their parents, so that no data show interventions to be hard."""
        covered = self.design == "single-node" or (
            self.mixing == "linear" and self.design in ("coupled", "uncoupled", "multi-node")
        )
        return covered and self.kind == "hard" and self.function != "nonlinear"

    @classmethod
    def of(cls, spec: Spec) -> Setting:
        """The setting that a spec declares (``scm``/equations) or assumes (``assume``)."""
        return _assumed(spec) if spec.assume is not None else _declared(spec)

    @property
    def noisy(self) -> bool:
        """Whether the observations carry noise of their own."""
        return self.observation_noise != "none"

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON."""
        return asdict(self)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Setting:
        """The setting of :meth:`as_values`, also after a way through JSON."""
        known = {one.name for one in fields(cls)}
        found = {key: _tupled(value) for key, value in values.items() if key in known}
        if values.get("noisy"):  # as results of version 0.1 say it
            found["observation_noise"] = "isotropic"
        if isinstance(found.get("known"), dict):
            found["known"] = Known(**found["known"])
        return cls(**found)

    def __str__(self) -> str:
        interventions = "no interventions"
        if self.design != "observational":
            interventions = f"{self.kind} {self.design} interventions"
        targets = "" if self.targets is not None or self.design == "observational" else ", targets concealed"
        number = str(len(self.latents)) if self.latents else "an unknown number of"
        known = "" if self.known is None else f", known: {self.known}"
        return f"{self.mixing} mixing of {number} latents, {interventions}{targets}{known}"


def _tupled(value: Any) -> Any:
    """Lists as tuples, as a Setting holds them."""
    if isinstance(value, list | tuple):
        return tuple(_tupled(one) for one in value)
    return {key: _tupled(one) for key, one in value.items()} if isinstance(value, dict) else value


def _assumed(spec: Spec) -> Setting:
    assume = spec.assume
    assert assume is not None
    interventions = assume.interventions
    targets = interventions.targets if isinstance(interventions.targets, dict) else None
    observational = spec.data.observational if spec.data is not None else None
    environments: tuple[str, ...] = ()
    if targets:
        environments = tuple(name for name in targets if name != observational)
    elif interventions.pairs:
        environments = tuple(name for pair in interventions.pairs for name in pair)
    return Setting(
        mixing=assume.mixing,
        design=interventions.design,
        kind="none" if interventions.design == "observational" else (interventions.kind or "soft"),
        latents=spec.latents,
        observational=observational,
        environments=environments,
        targets={name: targets[name] for name in environments} if targets else None,
        pairs=interventions.pairs,
        noise=assume.noise,
        function=assume.function,
        observation_noise=assume.observation_noise,
        link=assume.link,
        changes=interventions.changes,
        known=Known.of(assume.known),
    )


def _declared(spec: Spec) -> Setting:
    targets = environment_targets(spec)
    observational = next((name for name, hit in targets.items() if not hit), None)
    interventional = {name: hit for name, hit in targets.items() if name != observational}
    declared = spec.interventions
    design: Design = declared.design if declared is not None else _design(interventional, spec.conceal)
    pairs = _pairs(interventional) if design == "coupled" and "pairs" not in spec.conceal else None
    drawn = (
        spec.environments is None and design == "multi-node" and getattr(declared, "targets", None) is None
    )
    unnumbered = "latents" in spec.conceal
    concealed = unnumbered or "targets" in spec.conceal or design == "uncoupled" or drawn
    anonymous = tuple(f"z{k}" for k in range(1, len(spec.latents) + 1))
    noise, function = _families(spec)
    return Setting(
        mixing="general" if spec.mixing is None else spec.mixing.mixing_class,
        design=design,
        kind=_kind(spec, interventional),
        latents=() if unnumbered else anonymous if concealed else spec.latents,
        observational=observational,
        environments=tuple(interventional),
        targets=None if concealed else interventional,
        pairs=pairs,
        noise=noise,
        function=function,
        deterministic=any(_formula_kind(value) == "do" for value in _replacements(spec)),
        observed=None if spec.mixing is None else spec.mixing.observed_names(),
        observation_noise="isotropic" if spec.mixing is not None and spec.mixing.noise > 0 else "none",
        link=getattr(spec.mixing, "link", None),
        changes=soft_changes(spec),
    )


def environment_targets(spec: Spec) -> dict[str, tuple[str, ...]]:
    """Every environment of a spec with its targets: ``{"obs": (), "do_z1": ("z1",)}``.

    A random multi-node design has its targets drawn only when the spec is resolved: until then each of its
    environments is listed with all latents.
    """
    if spec.environments is not None:
        return {name: tuple(replaced) for name, replaced in spec.environments.items()}
    declared = spec.interventions
    if declared is None or declared.design == "observational":
        return {"obs": ()}
    prefix = "do" if declared.kind == "hard" else "soft"
    table: dict[str, tuple[str, ...]] = {"obs": ()}
    if declared.design == "multi-node":
        count = declared.environments or len(spec.latents)
        named = declared.targets or {f"{prefix}_{k}": spec.latents for k in range(1, count + 1)}
        return table | dict(named)
    copies = ("_a", "_b") if declared.design in ("coupled", "uncoupled") else ("",)
    chosen = declared.targets if declared.targets is not None else spec.latents
    return table | {f"{prefix}_{latent}{copy}": (latent,) for latent in chosen for copy in copies}


def _design(targets: Mapping[str, tuple[str, ...]], conceal: tuple[str, ...]) -> Design:
    if not targets:
        return "observational"
    if any(len(hit) != 1 for hit in targets.values()):
        return "multi-node"
    counts = set(Counter(hit[0] for hit in targets.values()).values())
    if counts == {2}:
        return "uncoupled" if "pairs" in conceal else "coupled"
    return "single-node"


def _pairs(targets: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    members: dict[str, list[str]] = {}
    for name, hit in targets.items():
        members.setdefault(hit[0], []).append(name)
    return tuple((names[0], names[1]) for names in members.values() if len(names) == 2)


def _kind(spec: Spec, targets: Mapping[str, tuple[str, ...]]) -> Kind:
    if not targets:
        return "none"
    if spec.interventions is not None and spec.interventions.design != "observational":
        return spec.interventions.kind
    kinds = replaced_kinds(spec)
    if len(kinds) == 2:
        return "mixed"
    return kinds.pop() if kinds else "hard"


def replaced_kinds(spec: Spec) -> set[Literal["hard", "soft"]]:
    """The kinds of the explicit interventions; one on a root is hard and soft at once, and left out."""
    roots = _known_roots(spec)
    kinds: set[Literal["hard", "soft"]] = set()
    for replaced in (spec.environments or {}).values():
        for latent, value in replaced.items():
            hard = _is_hard(spec, value) if isinstance(value, str) else value.kind == "hard"
            if latent not in roots:
                kinds.add("hard" if hard else "soft")
    return kinds


def _is_hard(spec: Spec, text: str) -> bool:
    formula = replacement(text, spec.latents)
    return formula is not None and formula.is_hard


def _known_roots(spec: Spec) -> set[str]:
    parents = parents_of(spec)
    return set() if parents is None else {name for name, causes in parents.items() if not causes}


def _replacements(spec: Spec) -> list[str | ReplacedMechanism]:
    return [value for replaced in (spec.environments or {}).values() for value in replaced.values()]


def _formula_kind(value: str | ReplacedMechanism) -> str:
    return value.partition("(")[0].strip() if isinstance(value, str) else "mechanism"


def _families(
    spec: Spec,
) -> tuple[Literal["gaussian", "other", "unknown"], Literal["linear", "nonlinear", "unknown"]]:
    """Whether all noise is Gaussian and all functions linear, the replaced mechanisms included."""
    gaussian = [noise.gaussian for noise in declared_noises(spec)]
    linear = [mechanism.function == "linear" for mechanism in declared_mechanisms(spec)]
    formulas = [equation(text, spec.latents) for text in (spec.equations or {}).values()]
    if not gaussian and not formulas:
        return "unknown", "unknown"
    for value in _replacements(spec):
        if isinstance(value, str):
            formula = replacement(value, spec.latents)
            formulas += [formula.equation] if formula is not None else []
        else:
            gaussian += [] if value.noise is None else [value.noise.gaussian]
            linear += [] if value.mechanism is None else [value.mechanism.function == "linear"]
    known = [formula for formula in formulas if formula is not None]
    gaussian += [formula.is_gaussian for formula in known]
    linear += [formula.is_linear for formula in known]
    return ("gaussian" if all(gaussian) else "other", "linear" if all(linear) else "nonlinear")


def declared_mechanisms(spec: Spec) -> list[MechanismDeclaration]:
    """The mechanisms that act on some latent: roots of a known graph have none."""
    if spec.scm is None:
        return []
    mechanism = spec.scm.mechanism
    if isinstance(mechanism, MechanismDeclaration):
        return [mechanism]
    roots = _known_roots(spec)
    return [value for name, value in mechanism.items() if name not in roots]


def declared_noises(spec: Spec) -> list[NoiseDeclaration]:
    """The noise declarations of a spec, one for all latents or one for each."""
    if spec.scm is None:
        return []
    noise = spec.scm.noise
    return [noise] if isinstance(noise, NoiseDeclaration) else list(noise.values())
