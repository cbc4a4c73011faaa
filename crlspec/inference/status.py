"""What the status of an estimation says, and what else is said in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlspec.inference.check import Check, Consequence, listed, sentence
from crlspec.inference.estimate import Estimate, Status, StatusCode
from crlspec.inference.step import Step
from crlspec.scores.base import ScoreEstimate
from crlspec.spec.setting import Setting

__all__ = [
    "DECIDED", "NO_NOISE", "as_check", "beyond_theory", "relative_to_hardness", "roots_on_trust", "status_of",
    "status_of_checks", "with_heteroscedasticity", "without_calibration",
]  # fmt: skip


def status_of(estimate: ScoreEstimate, agreement: float) -> Status:
    """Whether the scores say anything: two fits that share no sample must agree on every environment.

    agreement  share of the size of score differences that the two must have in common
    """
    moments = np.einsum("eii->e", estimate.moments)
    size = np.einsum("esi,esi->e", estimate.values, estimate.values) / estimate.values.shape[1]
    weak = moments < agreement * size
    if not estimate.exact and bool(weak.any()):
        return Status(
            "undecided",
            f"In {weak.sum()} of {len(weak)} environments two fits on halves of the data disagree on the score "
            "differences. These are mostly noise, so order and latents may be wrong.",
            "Give more samples, or stronger interventions.",
        )
    return Status("ok", DECIDED)


NO_NOISE = "The score differences are not mostly noise."

DECIDED = "Order, latents and edges were decided by the data."


def status_of_checks(checks: Sequence[Check], ok: str = DECIDED) -> Status:
    """What follows from all checks together: refuted if one refutes, undecided if one leaves the answer undecided.

    ok  what is said where none objects
    """
    codes: tuple[StatusCode, ...] = ("refuted", "undecided")
    for code in codes:
        found = [check for check in checks if check.consequence == code]
        if found:
            others = list(dict.fromkeys(one.name for one in checks if one.objects and one is not found[0]))
            more = f" Other checks object as well: {', '.join(others)}." if others else ""
            return Status(code, sentence(found[0].message) + more, found[0].remedy)
    return Status("ok", ok)


def as_check(status: Status, name: str = "estimate", decided: str = DECIDED) -> Check:
    """What an estimator says of its own answer, as a check.

    decided  what is said where the status is that all was decided, and the check saw less than that
    """
    consequence: Consequence = "passed" if status.code == "ok" else status.code
    message = decided if status.message == DECIDED else status.message
    return Check(name, consequence, float("nan"), float("nan"), message, status.remedy)


def beyond_theory(estimator: str, setting: Setting, missing: Sequence[str] = ()) -> Check:
    """The check of a run whose verdict is that no theorem covers it: undecided at best.

    missing  what the theorems ask for and the setting does not give, in words
    """
    if setting.noise_alone:
        return Check(
            "theory",
            "undecided",
            float("nan"),
            float("nan"),
            "The environments are declared to shift or rescale their targets only. With linear latents that cannot "
            "show the graph: a model without edges fits as well.",
            "Use interventions that change how a latent depends on its parents, or hard ones.",
        )
    why = f" What is missing: {'; '.join(missing)}." if missing else ""
    return Check(
        "theory",
        "undecided",
        float("nan"),
        float("nan"),
        f"No theorem covers the estimator {estimator} in this setting. Its answer may be wrong whatever "
        f"the data say.{why}",
        "See crlspec check for what would be covered.",
    )


def relative_to_hardness(setting: Setting) -> tuple[Check, ...]:
    """The note that hardness is taken on trust, of settings whose latents may be linear functions of their parents.

    There a soft change of weights b to c is a hard one on the latent less c times its parents, behind another mixing.
    """
    if not setting.hardness_unseen:
        return ()
    told = "are" if setting.function == "linear" else "may be"
    return (
        Check(
            "hard",
            "note",
            float("nan"),
            float("nan"),
            f"The latents {told} linear functions of their parents, so no data can show that interventions are hard. "
            "They are taken as hard, and latents and effects are relative to that.",
        ),
    )


def roots_on_trust(setting: Setting, estimate: Estimate) -> tuple[Check, ...]:
    """What several latents without ancestors say, of soft interventions: a note; undecided where no latent has any.

    A linear latent whose interventions leave its weights as they are is the noise of its mechanism behind another
    mixing, and has no ancestors there. One root is in every graph; more of them may be such latents.
    """
    soft = (
        setting.kind in ("soft", "mixed") and setting.mixing == "linear" and setting.function != "nonlinear"
    )
    effects = {edge.target for edge in estimate.edges}
    roots = tuple(latent for latent in estimate.latents if latent not in effects)
    if not soft or setting.noise_alone or estimate.graph != "transitive closure" or len(roots) < 2:
        return ()
    nan = float("nan")
    if not estimate.edges:
        return (
            Check(
                "roots",
                "undecided",
                nan,
                nan,
                "No latent has an ancestor in this graph. It looks the same where interventions only shift or "
                "rescale their targets, whatever the edges.",
                "Use interventions that change how a latent depends on its parents, or hard ones.",
                latents=roots,
            ),
        )
    return (
        Check(
            "roots",
            "note",
            nan,
            nan,
            f"The latents {listed(roots)} have no ancestors in this graph. A latent whose interventions only shift "
            "or rescale it looks the same. If one of these is such a latent, its ancestors are missing.",
            latents=roots,
        ),
    )


def with_heteroscedasticity(status: Status, step: Step, least: float) -> Status:
    """The status where the last step took noise to be of one size, and its residuals say that it is not.

    least  share of the variance of a squared residual from which on they do
    """
    if step.heteroscedasticity < least:
        return status
    return Status(
        "undecided",
        "The noise of a recovered latent varies in size with other latents. They explain "
        f"{step.heteroscedasticity:.1%} of the variance of its square. The likelihood assumes noise of one size, "
        "so its latents may be wrong.",
        "Run with --set estimator.refine=none, which assumes nothing of the kind, and compare.",
    )


def without_calibration(status: Status) -> Status:
    """The status of a result whose p-values leave out the error of the latents."""
    return Status(
        status.code,
        f"{sentence(status.message)} The p-values of the edges are not calibrated, since they leave out the "
        "error of the latents. Far more absent edges than a share alpha are found.",
        status.remedy or "Run with --set estimator.refine=likelihood, and take its edges.",
    )
