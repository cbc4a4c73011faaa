"""What the theory promises for a setting: theorem, up to what, what is missing, what would mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crlspec.registry import EstimatorDeclaration
from crlspec.spec import citations
from crlspec.spec.citations import Paper
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting
from crlspec.spec.verdict import Graph, Latents, Missing, Verdict

__all__ = ["Verdict", "identifiability", "promise"]


def identifiability(spec_or_setting: Spec | Setting) -> Verdict:
    """The verdict on a spec or a setting: the strongest row of the table that fits, or the nearest one.

    Sources: Varıcı et al., JMLR 2025 (linear; general), NeurIPS 2024 (unknown multi-node; sample complexity),
    AISTATS 2024 (general); Buchholz et al., NeurIPS 2023 (general mixing of linear-Gaussian latents).
    """
    setting = Setting.of(spec_or_setting) if isinstance(spec_or_setting, Spec) else spec_or_setting
    if setting.design == "observational":
        return _observational(setting)
    if setting.deterministic:
        return _deterministic(setting)
    if setting.mixing == "linear":
        verdict = _multi_node(setting) if setting.design == "multi-node" else _linear(setting)
        verdict = _with_changes(setting, verdict)
    else:
        verdict = _general(setting)
    named = isinstance(spec_or_setting, Spec) and spec_or_setting.latents_from is not None
    return _with_support(setting, _with_count(setting, _with_noise(setting, verdict), named))


def _with_changes(setting: Setting, verdict: Verdict) -> Verdict:
    """What soft interventions change, and whether hard ones can be known to be hard."""
    if setting.kind == "hard":
        unseen = setting.hardness_unseen
        return replace(verdict, notes=(*verdict.notes, HARD_NOTE)) if unseen else verdict
    if setting.changes in ("shift", "scale") and not setting.noise_alone:
        note = (
            "if a latent is a linear function of its parents, an environment that only shifts or rescales it "
            "does not show them"
        )
        return replace(verdict, notes=(*verdict.notes, note))
    if not setting.noise_alone:
        return verdict
    what = "shift" if setting.changes == "shift" else "shift or rescale"
    reason = f"if environments only {what} their targets, a linear model without edges fits as well"
    note = "the data give the noise of each latent up to scaling, and not the latents"
    remedies = ["use interventions that change how a latent depends on its parents, or hard ones"]
    if setting.function == "unknown":
        remedies.append("if no latent is a linear function of its parents, say so (function: nonlinear)")
    return replace(
        verdict,
        covered=False,
        latents="nothing",
        graph="nothing",
        nodes=(),
        count=None,
        missing=(*verdict.missing, Missing("mechanisms", reason)),
        remedies=(*remedies, *(text for text in verdict.remedies if text.startswith("add "))),
        notes=(*(text for text in verdict.notes if "hard and some soft" not in text), note),
    )


HARD_NOTE = (
    "if the latents are linear functions of their parents, no data can show that interventions are hard. They are "
    "then taken as hard, and latents and effects are relative to that"
)
"""A soft change of weights b to c is a hard one on the latent less c times its parents."""


def _with_count(setting: Setting, verdict: Verdict, named: bool = False) -> Verdict:
    """The number of latents, where it is left to the data; ``named``: one for each environment, called after it."""
    if setting.latents or named:
        return verdict
    note = (
        "the number of latents is counted in the data, as the linear dimensions of the observations. Whether "
        "there are enough environments is seen only then"
    )
    return replace(verdict, notes=(*verdict.notes, note))


def _with_noise(setting: Setting, verdict: Verdict) -> Verdict:
    """Noise on the observations, which no row of the table has: x = f(z) in all of them.

    Behind a linear mixing normal noise of known covariance Ψ is no loss: the characteristic function of G z is that
    of x = G z + ε over exp(−tᵀΨt/2), so that the row speaks of G z. Isotropic noise is the least eigenvalue of any
    covariance where there are more variables than latents; noise of each variable's own follows from the factor model
    of one where (d − n)² > d + n, but for special loadings (Bekker & ten Berge, Linear Algebra Appl. 264, 1997).
    """
    if not setting.noisy:
        return verdict
    remedy = "observe more variables of the same latents: the noise of a latent falls as 1/observed"
    if (reason := _untold_noise(setting)) is not None:
        return replace(
            verdict,
            covered=False,
            missing=(*verdict.missing, Missing("noise-free", reason)),
            remedies=(*verdict.remedies, remedy),
        )
    asked = "(d − n)² > d + n" if setting.observation_noise == "per-variable" else "d > n"
    note = (
        "the theorem asks for x = G z. Normal noise on x leaves its promise standing: the covariances tell its "
        f"size ({asked} for d variables and n latents), and deconvolution the distributions of G z. Estimates keep "
        "the noise in them, and are ok only where it is little and its effect not seen, or less than sampling error"
    )
    return replace(verdict, notes=(*verdict.notes, note), remedies=(*verdict.remedies, remedy))


def _untold_noise(setting: Setting) -> str | None:
    """Why the noise cannot be told from what it is added to; None where it can."""
    if setting.mixing != "linear":
        return "observations without noise"
    n = len(setting.latents)
    if setting.observed is None or n == 0:  # seen once there are data
        return None
    d = len(setting.observed)
    if d > n and (setting.observation_noise == "isotropic" or (d - n) ** 2 > d + n):
        return None
    return f"observations without noise: {d} variables do not tell noise from {n} latents"


def promise(setting: Setting, estimator: EstimatorDeclaration) -> Verdict:
    """The verdict on what an estimator gives in a setting: that of the setting where a theorem covers the method."""
    verdict = replace(identifiability(setting), estimator=estimator.kind)
    if estimator.baseline:
        reason = Missing("independence", "latents that cause one another are dependent")
        return Verdict(
            covered=False,
            theorem="no theorem on causal latents: this estimator is a baseline",
            paper="none",
            citation=estimator.citation,
            latents="nothing",
            graph="nothing",
            missing=(reason,),
            remedies=("leave estimator out: the verdict then names one for causal latents",),
            estimator=estimator.kind,
        )
    if estimator.covers(setting) or any(one.assumption == "mechanisms" for one in verdict.missing):
        return verdict
    reason = Missing("method", f"no theorem covers the estimator {estimator.kind} in this setting")
    return replace(verdict, covered=False, missing=(*verdict.missing, reason))


def _row(paper: Paper, theorem: str, latents: Latents, graph: Graph) -> Verdict:
    return Verdict(True, theorem, paper.name, paper.bibtex, latents, graph)


def _observational(setting: Setting) -> Verdict:
    verdict = _row(citations.LINEAR, "no theorem without interventions", "nothing", "nothing")
    if setting.mixing != "linear":
        reason = "without interventions a general mixing can hide any latent model"
    elif setting.noise == "gaussian" and setting.function == "linear":
        reason = "Gaussian latents under a linear mixing look the same after any rotation"
    else:
        reason = "without interventions no score difference tells the latents apart"
    need = "one hard intervention per latent (design: single-node, kind: hard)"
    if setting.mixing != "linear":
        need = "two hard interventions per latent (design: coupled, kind: hard)"
    return replace(
        verdict, covered=False, missing=(Missing("interventions", reason),), remedies=(f"add {need}",)
    )


def _deterministic(setting: Setting) -> Verdict:
    verdict = _row(citations.LINEAR, "score-based theorems", "nothing", "nothing")
    reason = "do() fixes a latent to one value, so that environment has no density and no score"
    remedy = 'make it stochastic, e.g. "Normal(1, 0.3)" in place of do(1)'
    return replace(verdict, covered=False, missing=(Missing("density", reason),), remedies=(remedy,))


def _linear(setting: Setting) -> Verdict:
    """Linear mixing, one single-node intervention per latent; two per latent contain one."""
    if setting.kind == "hard":
        theorem = "linear mixing, one hard intervention per latent"
        verdict = _row(citations.LINEAR, theorem, "scaling", "exact")
        verdict = replace(verdict, estimator="lscale-i")
    elif setting.function == "nonlinear":
        theorem = "linear mixing, one soft intervention per latent, sufficiently nonlinear causal model"
        verdict = _row(citations.LINEAR, theorem, "surrounding-parents", "exact")
        note = (
            "the file cannot show whether the model is sufficiently nonlinear (score differences of full rank). "
            "If it is not, latents are recovered up to mixing with ancestors, and the transitive closure of the "
            "graph"
        )
        verdict = replace(verdict, estimator="lscale-i", notes=(note,))
    else:
        theorem = "linear mixing, one soft intervention per latent"
        verdict = _row(citations.LINEAR, theorem, "ancestors", "closure")
        remedy = "for the exact graph make the interventions hard, or the mechanisms sufficiently nonlinear"
        verdict = replace(verdict, estimator="lscale-i", remedies=(remedy,))
    if setting.design in ("coupled", "uncoupled"):
        note = "one environment of each pair is enough under a linear mixing (design: single-node)"
        verdict = replace(verdict, estimator="umni-crl", remedies=(*verdict.remedies, note))
    elif len(setting.environments) > len(setting.latents) > 0:
        verdict = replace(verdict, estimator="umni-crl")
    if setting.kind == "mixed":
        note = "some interventions are hard and some soft; what holds for soft ones is promised for all"
        verdict = replace(verdict, notes=(*verdict.notes, note))
    return _covering(setting, verdict, needed=1)


def _multi_node(setting: Setting) -> Verdict:
    hard = setting.kind == "hard"
    theorem = f"linear mixing, unknown multi-node {'hard' if hard else 'soft'} interventions"
    verdict = _row(
        citations.UMNI, theorem, "scaling" if hard else "ancestors", "exact" if hard else "closure"
    )
    verdict = replace(verdict, nodes=setting.latents, estimator="umni-crl")
    count, needed = len(setting.environments), len(setting.latents)
    if count and count < needed:
        return _lacking_rank(verdict, count, needed, f"{count} environments for {needed} latents")
    if setting.targets is not None:
        signature = np.array([[float(z in hit) for hit in setting.targets.values()] for z in setting.latents])
        rank = int(np.linalg.matrix_rank(signature))
        if rank < needed:
            return _lacking_rank(verdict, rank, needed, f"the targets' signature matrix has rank {rank}")
        return verdict
    note = f"that the targets' signature matrix has rank {needed} cannot be seen while targets are not known"
    return replace(verdict, notes=(note,))


def _lacking_rank(verdict: Verdict, rank: int, needed: int, what: str) -> Verdict:
    reason = f"{what}, and rank {needed} is needed"
    remedy = f"add {needed - rank} environment{'s' * (needed - rank > 1)} with linearly independent targets"
    return replace(
        verdict, covered=False, latents="nothing", graph="nothing", nodes=(), estimator=None,
        missing=(Missing("rank", reason),), remedies=(remedy,),
    )  # fmt: skip


def _general(setting: Setting) -> Verdict:
    two_hard = setting.design in ("coupled", "uncoupled") and setting.kind == "hard"
    if two_hard:
        theorem = f"general mixing, two hard {setting.design} interventions per latent"
        paper = citations.GENERAL if setting.design == "coupled" else citations.UNCOUPLED
        verdict = _row(paper, theorem, "smooth-map", "exact")
        note = "the two mechanisms of a latent must differ almost everywhere, which the file cannot show"
        return _covering(setting, replace(verdict, notes=(note,), estimator="gscale-i"), needed=2)
    linear_gaussian = setting.noise == "gaussian" and setting.function == "linear"
    if setting.design == "single-node" and setting.kind == "hard" and linear_gaussian:
        theorem = "general mixing of linear-Gaussian latents, one hard intervention per latent"
        verdict = _row(citations.CONTRASTIVE, theorem, "shift-and-scale", "exact")
        note = (
            "the noise variance or mean of each target must change, which holds for almost all interventions"
        )
        verdict = replace(verdict, notes=(note, HARD_NOTE), estimator="contrastive")
        return _covering(setting, verdict, needed=1)
    theorem = "general mixing, two hard interventions per latent"
    verdict = _row(citations.GENERAL, theorem, "nothing", "nothing")
    return replace(
        verdict, covered=False, missing=_general_faults(setting), remedies=_general_remedies(setting)
    )


def _general_faults(setting: Setting) -> tuple[Missing, ...]:
    faults = []
    if setting.design == "multi-node":
        faults.append(
            Missing("targets", "the environments have several targets each, the theorem asks for one")
        )
    elif setting.design == "single-node":
        faults.append(
            Missing("environments", "there is one environment per latent, a general mixing asks for two")
        )
    if setting.kind != "hard":
        text = f"the interventions are {setting.kind}, a general mixing asks for hard ones"
        faults.append(Missing("hard", text))
    return tuple(faults)


def _general_remedies(setting: Setting) -> tuple[str, ...]:
    remedies = ["use design: coupled with kind: hard: two hard environments per latent"]
    if setting.design == "single-node" and setting.targets:
        counts = Counter(name for hit in setting.targets.values() for name in hit)
        short = [name for name in setting.latents if counts[name] < 2]
        if short and len(short) < len(setting.latents):
            remedies.insert(0, f"add a second hard environment for {', '.join(short)}")
    if setting.design == "single-node" and setting.noise == "unknown":
        remedies.append(
            "if the latents are linear-Gaussian, say so (noise: gaussian, function: linear): one is enough"
        )
    remedies.append("if the mixing is linear, say so (mixing: linear): one intervention per latent is enough")
    return tuple(remedies)


def _covering(setting: Setting, verdict: Verdict, *, needed: int) -> Verdict:
    """The row asks for ``needed`` environments per latent: with fewer, only some latents are covered."""
    latents = setting.latents
    if setting.targets is None:
        wanted = needed * len(latents)
        count = len(setting.environments)
        if not count or count >= wanted:
            return replace(verdict, nodes=latents)
        reason = f"{count} interventional environments, {wanted} are needed ({needed} per latent)"
        return _partial(
            replace(verdict, count=count // needed),
            (),
            reason,
            f"add {wanted - count} environment{'s' * (wanted - count > 1)}",
        )
    counts = Counter(name for hit in setting.targets.values() for name in hit)
    nodes = tuple(name for name in latents if counts[name] >= needed)
    absent = [name for name in latents if counts[name] < needed]
    if not absent:
        return replace(verdict, nodes=nodes)
    word = "a second environment" if needed == 2 else "an environment"
    reason = f"too few environments for {', '.join(absent)}"
    if not nodes:
        verdict = replace(verdict, latents="nothing", graph="nothing")
        return replace(
            verdict, covered=False, estimator=None, missing=(*verdict.missing, Missing("environments", reason)),
            remedies=(*verdict.remedies, f"add {word} for {', '.join(absent)}"),
        )  # fmt: skip
    return _partial(verdict, nodes, reason, f"add {word} for {', '.join(absent)}")


def _partial(verdict: Verdict, nodes: Sequence[str], reason: str, remedy: str) -> Verdict:
    """What is left for ``nodes`` where others have too few environments.

    Two hard environments of a latent differ by a function of it alone, whatever the others do: it is recovered, and
    its effects on others that are. A single one shows a latent mixed with its parents (JMLR 2025, the image of R^m),
    which nothing unmixes where a parent has no environment; then the graph is open too. Behind a general mixing a
    single one shows nothing by itself.
    """
    latents: Latents = "ancestors"
    graph: Graph = "nothing"
    if verdict.latents == "smooth-map":
        latents, graph = "smooth-map", "part"
    elif verdict.latents == "shift-and-scale":
        latents, graph = "nothing", "nothing"
    return replace(
        verdict, covered=False, latents=latents, graph=graph, nodes=tuple(nodes), estimator=None,
        missing=(*verdict.missing, Missing("environments", reason)), remedies=(*verdict.remedies, remedy),
    )  # fmt: skip


def _with_support(setting: Setting, verdict: Verdict) -> Verdict:
    """The number of samples: what is known for finite data."""
    if setting.mixing != "linear" or setting.design != "single-node" or not verdict.covered:
        return verdict
    note = (
        "with N samples per environment the same holds with probability 1 − δ once N is polynomial in 1/ε, "
        "log 1/δ and model constants (Acartürk et al., NeurIPS 2024)"
    )
    return replace(verdict, notes=(*verdict.notes, note))
