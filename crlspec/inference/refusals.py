"""Which settings an estimator takes, and why it refuses the others. Plain functions of a Setting, without torch."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from crlspec.registry import Refusal

if TYPE_CHECKING:
    from crlspec.spec.known import Known
    from crlspec.spec.setting import Setting

__all__ = [
    "baseline",
    "contrastive",
    "gscale_i",
    "linear_knowledge",
    "lscale_i",
    "paired_knowledge",
    "ropes",
    "umni_crl",
]

Reason = tuple[str, str]

_ONE_EACH = "give one single-node intervention per latent (design: single-node)"


def lscale_i(setting: Setting, variant: str) -> Refusal | None:
    """Linear mixing, one single-node intervention on each latent."""
    reason = _mixing(setting) or _design(setting)
    if reason is None and setting.deterministic:
        reason = (
            "do() fixes a latent to a value, which has no density, and LSCALE-I reads densities",
            'use a hard stochastic intervention, e.g. "Normal(0, 0.5)"',
        )
    reason = reason or _coverage(setting) or _variant(setting, variant)
    return _refused("lscale-i", reason)


def umni_crl(setting: Setting, variant: str) -> Refusal | None:
    """Linear mixing, interventions on several latents at once, whose signature matrix has full rank."""
    reason = _mixing(setting, "UMNI-CRL")
    count, needed = len(setting.environments), len(setting.latents)
    if reason is None and setting.design == "observational":
        reason = (
            "without interventions nothing tells the latents apart",
            "add environments with interventions",
        )
    if reason is None and setting.deterministic:
        reason = (
            "do() fixes a latent to a value, which has no density, and UMNI-CRL reads densities",
            'use a hard stochastic intervention, e.g. "Normal(0, 0.5)"',
        )
    if reason is None and count and count < needed:
        reason = (
            f"got {count} interventional environments for {needed} latents, so the signature matrix cannot have "
            f"rank {needed}",
            f"add {needed - count} environment{'s' * (needed - count > 1)} with other targets",
        )
    if reason is None and setting.targets is not None and needed:
        reason = _rank(setting)
    reason = reason or _variant(setting, variant)
    return _refused("umni-crl", reason)


def linear_knowledge(setting: Setting, kind: str, variant: str, refine: str) -> Refusal | None:
    """What is known of the graph enters the likelihood: of all edges where they are the graph, of the order where
    edges are the ancestors. Known targets of some environments enter the search for the others."""
    known = setting.known
    assert known is not None
    reason = None
    if known.graph and (refine == "none" or variant == "full-rank"):
        option = "refine: none" if refine == "none" else "variant: full-rank"
        reason = (
            f"what assume.known says of the graph enters the likelihood, which {option} leaves out",
            f"leave {option} out, or edges, absent and order out of assume.known",
        )
    elif setting.targets is None and not _one_each(setting) and not known.targets:
        reason = (
            "the targets are concealed, so no latent has a name before data are read, and assume.known names some",
            "name the targets of every environment (interventions: {targets: {…}}), or leave assume.known out",
        )
    elif setting.targets is None and not _one_each(setting):
        reason = _known_targets(setting, known)
    elif known.absent and setting.kind != "hard":
        a, b = known.absent[0]
        reason = (
            f"soft interventions show ancestors, not edges, and {a} -> {b} may be absent though {a} is an ancestor",
            f"say order: [{b}, {a}] where {a} is no ancestor of {b}, and leave absent out",
        )
    elif setting.kind == "soft" and (setting.noise == "other" or setting.function == "nonlinear"):
        reason = (
            "of latents that are not linear-Gaussian, soft interventions are read without what assume.known says",
            "leave edges and order out of assume.known",
        )
    return _refused(kind, reason)


def _known_targets(setting: Setting, known: Known) -> Reason | None:
    """Targets of some environments are known."""
    if setting.noise == "other" or setting.function == "nonlinear":
        return (
            "targets known of some environments are tested by the likelihood of Gaussian latents, and these are not",
            "name the targets of every environment (interventions: {targets: {…}}), or leave targets out of "
            "assume.known",
        )
    if loose := [name for name in known.latents if name not in known.alone(setting.latents)]:
        return (
            f"some targets are concealed, and those known do not tell which latent {', '.join(loose)} is",
            "say in known.targets which environments target it and no other latent, or name the targets of every "
            "environment (interventions: {targets: {…}})",
        )
    told = dict(known.targets or {})
    signature = np.array([[z in hit for hit in told.values()] for z in setting.latents], dtype=float)
    rank, free = int(np.linalg.matrix_rank(signature)), len(setting.environments) - len(told)
    if setting.environments and rank + free < len(setting.latents):
        needed = len(setting.latents)
        return (
            f"with the targets that are known the signature matrix has rank {rank + free} at most, and rank {needed} "
            "is needed",
            "look whether each environment targets what is said, or add environments with other targets",
        )
    return None


def paired_knowledge(setting: Setting, kind: str) -> Refusal | None:
    """What is known of the graph enters the tests of edges, and known targets name the latents of pairs. Each latent
    that is named has to be tied to an environment."""
    known = setting.known
    assert known is not None
    told = known.targets or {} if setting.targets is None else setting.targets
    tied = {name for hit in told.values() for name in hit}
    loose = [name for name in known.latents if name not in tied]
    reason = None
    if loose:
        reason = (
            f"the targets are concealed, so nothing tells which latent {', '.join(loose)} is",
            f"say which environment targets it, such as known: {{targets: {{environment: [{loose[0]}]}}}}; or name "
            "all targets, interventions: {targets: {…}}",
        )
    return _refused(kind, reason)


def gscale_i(setting: Setting) -> Refusal | None:
    """No linear mixing, two hard single-node interventions on each latent."""
    two = "give two hard single-node interventions per latent (design: coupled, or uncoupled)"
    reason = None
    if setting.mixing == "linear":
        reason = (
            "GSCALE-I is for mixings that are not linear",
            "use estimator: {kind: umni-crl}, which takes two interventions per latent, or {kind: lscale-i}",
        )
    elif setting.mixing == "glm" and setting.link is None:
        reason = ("a glm mixing needs its link", "name it (link: tanh), or use mixing: general")
    elif setting.design not in ("coupled", "uncoupled"):
        reason = (f"GSCALE-I takes two environments per latent, got a design {setting.design}", two)
    elif setting.kind != "hard":
        reason = (f"GSCALE-I needs hard interventions, got {setting.kind}", two)
    elif setting.deterministic:
        reason = (
            "do() fixes a latent to a value, which has no density, and GSCALE-I contrasts densities",
            'use a hard stochastic intervention, e.g. "Normal(0, 0.5)"',
        )
    elif setting.noisy and setting.mixing == "glm":
        reason = (
            "GSCALE-I takes no noise on the observations behind a link",
            "use mixing: general, or remove the noise",
        )
    reason = reason or _two_each(setting, two)
    return _refused("gscale-i", reason)


def ropes(setting: Setting) -> Refusal | None:
    """A general mixing, two hard single-node interventions on each latent, which two known."""
    two = "give two hard single-node interventions per latent (design: coupled)"
    reason = None
    if setting.mixing != "general":
        other = "lscale-i" if setting.mixing == "linear" else "gscale-i"
        reason = (
            f"ROPES learns a mixing of which nothing is known, got {setting.mixing}",
            f"use estimator: {{kind: {other}}}, or mixing: general",
        )
    elif setting.design == "uncoupled":
        reason = (
            "ROPES is told which two environments move the same latent, and a design uncoupled does not say it",
            "name the pairs (design: coupled), or use estimator: {kind: gscale-i}, which finds them",
        )
    elif setting.design != "coupled":
        reason = (f"ROPES takes two environments per latent, got a design {setting.design}", two)
    elif setting.kind != "hard":
        reason = (f"ROPES needs hard interventions, got {setting.kind}", two)
    elif setting.deterministic:
        reason = (
            "do() fixes a latent to a value, which has no density, and ROPES contrasts densities",
            'use a hard stochastic intervention, e.g. "Normal(0, 0.5)"',
        )
    elif setting.pairs is None and setting.targets is None:
        reason = ("ROPES is told which two environments move the same latent, and no pairs are", two)
    reason = reason or _two_each(setting, two)
    return _refused("ropes", reason)


def contrastive(setting: Setting) -> Refusal | None:
    """Linear-Gaussian latents, one hard single-node intervention on each."""
    reason = None
    if setting.design == "observational":
        reason = ("without interventions nothing tells the latents apart", _ONE_EACH)
    elif setting.design != "single-node":
        reason = (
            f"contrastive CRL takes one environment per latent, got design: {setting.design}",
            f"{_ONE_EACH}; two per latent are for other estimators",
        )
    if reason is None and setting.kind != "hard":
        reason = (
            f"contrastive CRL needs hard interventions, got {setting.kind}",
            "make every intervention hard",
        )
    if reason is None and setting.deterministic:
        reason = (
            "do() fixes a latent to a value, which has no density, and contrastive CRL compares densities",
            'use a hard stochastic intervention, e.g. "Normal(0, 0.5)"',
        )
    if reason is None and (setting.noise == "other" or setting.function == "nonlinear"):
        reason = (
            "contrastive CRL needs linear-Gaussian latents",
            "under a linear mixing use estimator: {kind: lscale-i}; a general one of other latents asks for two hard "
            "interventions per latent (design: coupled)",
        )
    reason = reason or _coverage(setting)
    return _refused("contrastive", reason)


def baseline(setting: Setting, kind: str) -> Refusal | None:
    """Linear mixing, whatever the design."""
    if setting.mixing == "linear":
        return None
    return Refusal(
        f"{kind} cannot take this: it inverts linear mixings, got {setting.mixing}", "use a linear mixing."
    )


def _refused(kind: str, reason: Reason | None) -> Refusal | None:
    return None if reason is None else Refusal(f"{kind} cannot take this: {reason[0]}", f"{reason[1]}.")


def _two_each(setting: Setting, remedy: str) -> Reason | None:
    count, needed = len(setting.environments), 2 * len(setting.latents)
    if setting.targets is not None:
        counts = Counter(name for hit in setting.targets.values() for name in hit)
        wrong = [f"{name} ({counts[name]})" for name in setting.latents if counts[name] != 2]
        if wrong:
            return (
                f"each latent needs two environments, but some have another number: {', '.join(wrong)}",
                remedy,
            )
    if count and needed and count != needed:
        return (f"got {count} interventional environments for {needed // 2} latents", remedy)
    return None


def _one_each(setting: Setting) -> bool:
    """Whether each environment may have a latent of its own, as far as their number is known."""
    count = len(setting.environments)
    return setting.design == "single-node" and count in (0, len(setting.latents))


def _rank(setting: Setting) -> Reason | None:
    assert setting.targets is not None
    signature = np.array(
        [[z in hit for hit in setting.targets.values()] for z in setting.latents], dtype=float
    )
    rank, needed = int(np.linalg.matrix_rank(signature)) if signature.size else 0, len(setting.latents)
    if rank == needed:
        return None
    return (
        f"the targets' signature matrix has rank {rank}, and rank {needed} is needed",
        f"add {needed - rank} environment{'s' * (needed - rank > 1)} with linearly independent targets",
    )


def _mixing(setting: Setting, method: str = "LSCALE-I") -> Reason | None:
    if setting.mixing == "linear":
        return None
    return (
        f"{method} inverts linear mixings, got {setting.mixing}",
        "use a linear mixing; a general one is identified by two hard interventions per latent (design: coupled or "
        "uncoupled, estimator: {kind: gscale-i})",
    )


def _design(setting: Setting) -> Reason | None:
    remedies = {
        "observational": ("without interventions nothing tells the latents apart", _ONE_EACH),
        "coupled": (
            "LSCALE-I takes one environment per latent, a coupled design has two",
            "under a linear mixing keep one environment of each pair (design: single-node); "
            "two per latent are what GSCALE-I asks for under a general mixing",
        ),
        "uncoupled": (
            "LSCALE-I takes one environment per latent, an uncoupled design has two",
            "under a linear mixing use design: single-node; two per latent are what GSCALE-I asks for "
            "under a general mixing",
        ),
        "multi-node": (
            "LSCALE-I takes environments with one target each, a multi-node design has several",
            "use estimator: {kind: umni-crl}, which is for several targets, known or not",
        ),
    }
    return remedies.get(setting.design)


def _coverage(setting: Setting) -> Reason | None:
    if setting.targets is not None and setting.environments:
        counts = Counter(name for hit in setting.targets.values() for name in hit)
        absent = [name for name in setting.latents if not counts[name]]
        if absent:
            return (f"no environment intervenes on {', '.join(absent)}", f"add one for each, or {_ONE_EACH}")
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            remedy = "keep one for each latent, or use estimator: {kind: umni-crl}"
            return (f"several environments intervene on {', '.join(twice)}", remedy)
    if setting.latents and setting.environments and len(setting.environments) != len(setting.latents):
        got = f"{len(setting.environments)} interventional environments for {len(setting.latents)} latents"
        more = len(setting.environments) > len(setting.latents)
        return (f"got {got}", f"{_ONE_EACH}, or use estimator: {{kind: umni-crl}}" if more else _ONE_EACH)
    return None


def _variant(setting: Setting, variant: str) -> Reason | None:
    if variant == "hard" and setting.kind != "hard":
        return (f"the variant hard needs hard interventions, got {setting.kind}", "use variant: auto")
    if variant == "full-rank" and setting.function == "linear":
        return (
            "the variant full-rank needs a sufficiently nonlinear model, since linear score differences have rank "
            "two at most",
            "use variant: auto, or a nonlinear mechanism",
        )
    return None
