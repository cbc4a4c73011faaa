"""The rules of ``check`` about the way of solving: labels, observation noise, scores and estimator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from crlspec.spec.choice import estimator_of, refusal_without
from crlspec.spec.rules import Finding, rule
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting
from crlspec.spec.slots import suggest


@rule("latents", "calibrate")
def calibrated(spec: Spec) -> Iterator[Finding]:
    """Labels are of latents, one column each."""
    said = (spec.calibrate.latents if spec.calibrate is not None else None) or {}
    first: dict[str, str] = {}
    for column, latent in said.items():
        path = ("calibrate", "latents", column)
        if spec.latents and latent not in spec.latents:
            yield Finding(path, f"unknown latent {latent!r}", suggest(latent, spec.latents))
        if latent in first:
            remedy = "give each latent one column of labels."
            yield Finding(path, f"the columns {first[latent]} and {column} are said to be one latent", remedy)
        first.setdefault(latent, column)


@rule("assume")
def observation_noise(spec: Spec) -> Iterator[Finding]:
    """The noise of each variable is told by a factor model, and that is linear."""
    if spec.assume is None or spec.assume.observation_noise != "per-variable":
        return
    if spec.assume.mixing != "linear":
        message = f"noise of its own on each variable needs a linear mixing, got {spec.assume.mixing}"
        remedy = "write observation_noise: isotropic, or mixing: linear."
        yield Finding(("assume", "observation_noise"), message, remedy)


@rule("scores", "latents", "scm", "environments", "interventions", "assume", "mixing")
def scores(spec: Spec) -> Iterator[Finding]:
    """Exact scores need a truth; each source of scores says where it is right."""
    if spec.scores.needs_truth and spec.assume is not None:
        remedy = "use scores: {kind: auto}."
        message = f"{spec.scores.kind} scores need the true model, which your own data do not have"
        yield Finding(("scores", "kind"), message, remedy)
    refused = spec.scores.refusal(Setting.of(spec))
    if refused is not None:
        yield Finding(("scores", "kind"), *refused, "warning")


@rule("estimator", "latents", "scm", "environments", "interventions", "assume", "mixing", "conceal")
def estimator(spec: Spec) -> Iterator[Finding]:
    """The estimator can take the setting; where the file names none, a setting that none takes is only warned of."""
    if spec.assume is None and spec.mixing is None:
        return
    setting, named = Setting.of(spec), spec.estimator is not None
    declared = estimator_of(spec)
    refused = refusal_without(setting) if declared is None else declared.refused(setting)
    if refused is not None:
        reading = ("assume",) if spec.assume is not None else ("mixing", "environments", "interventions")
        about = [key for key in reading if getattr(spec, key) is not None]
        about = about if setting.mixing != "linear" else about[::-1]
        path = ("estimator",) if named else tuple(about[:1])
        severity: Literal["error", "warning"] = "error" if named else "warning"
        yield Finding(path, *refused, severity)
    elif setting.noise_alone:  # said where the interventions stand
        return
    elif named and declared is not None and not (declared.covers(setting) or declared.baseline):
        message = f"no theorem covers the estimator {declared.kind} in this setting"
        if spec.assume is None:
            remedy = "leave estimator out, or take its answer as undecided."
            yield Finding(("estimator", "kind"), message, remedy, "warning")
        elif not spec.assume.beyond_theory:
            remedy = "leave estimator out; or say assume: {beyond_theory: true}, and its answer is undecided at best."
            yield Finding(("estimator", "kind"), message, remedy)


@rule("estimator", "latents", "scm", "environments", "interventions", "assume")
def baseline(spec: Spec) -> Iterator[Finding]:
    """Baselines give no graph; independent components are no causal latents."""
    declared, setting = spec.estimator, Setting.of(spec)
    if declared is None or not declared.baseline:
        return
    yield Finding(
        ("estimator", "kind"),
        f"{declared.kind} is a baseline: it gives latents and no graph, and no theorem covers causal latents",
        "leave estimator out: the verdict then names one for causal latents.",
        "note",
    )
    if declared.kind == "ica" and setting.noise == "gaussian" and setting.function == "linear":
        yield Finding(
            ("estimator", "kind"),
            "independent components of Gaussian latents are not determined: any rotation is as good",
            "leave estimator out: the verdict then names another; or declare noise other than normal.",
            "warning",
        )
