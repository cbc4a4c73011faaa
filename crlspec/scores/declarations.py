"""What a spec says of scores: the members of the slot ``scores``. Without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crlspec.registry import Refusal, ScoresDeclaration

if TYPE_CHECKING:
    from crlspec.spec.setting import Setting

__all__ = ["AutoScores", "ExactScores", "GaussianScores", "KernelScores", "RatioScores", "SlicedScores"]


class AutoScores(ScoresDeclaration):
    """Gaussian ones where no environment contradicts Gaussian latents, else from classifiers."""

    examples = ("{kind: auto}",)

    kind: Literal["auto"] = "auto"
    implementation = "crlspec.scores.auto:AutoScores"


class ExactScores(ScoresDeclaration):
    """From the compiled model; needs a spec with a truth."""

    examples = ("{kind: exact}",)

    kind: Literal["exact"] = "exact"
    implementation = "crlspec.scores.exact:ExactScores"
    needs_truth = True

    def refusal(self, setting: Setting) -> Refusal | None:
        """They know nothing of noise on the observations."""
        if not setting.noisy:
            return None
        return Refusal(
            "exact scores are those of the latents without the noise on the observations",
            "use scores: {kind: auto}.",
        )


class GaussianScores(ScoresDeclaration):
    """From precision matrices: right for linear-Gaussian latents under a linear mixing."""

    examples = ("{kind: gaussian}",)

    kind: Literal["gaussian"] = "gaussian"
    implementation = "crlspec.scores.gaussian:GaussianScores"

    def refusal(self, setting: Setting) -> Refusal | None:
        """They are right for linear-Gaussian latents under a linear mixing."""
        if setting.noise != "other" and setting.function != "nonlinear" and setting.mixing == "linear":
            return None
        return Refusal(
            "Gaussian scores are right for linear-Gaussian latents under a linear mixing only",
            "use scores: {kind: ratio}.",
        )


class RatioScores(ScoresDeclaration):
    """From classifiers of each environment against the observational one."""

    examples = ("{kind: ratio}",)

    kind: Literal["ratio"] = "ratio"
    implementation = "crlspec.scores.ratio:RatioScores"


class SlicedScores(ScoresDeclaration):
    """From sliced score matching (Song et al., UAI 2019), a network per environment: the papers' own choice."""

    examples = ("{kind: sliced}",)

    kind: Literal["sliced"] = "sliced"
    implementation = "crlspec.scores.sliced:SlicedScores"


class KernelScores(ScoresDeclaration):
    """From curl-free kernels around a Gaussian, tuned on held-out data (Zhou, Shi & Zhu, ICML 2020)."""

    examples = ("{kind: kernel}",)

    kind: Literal["kernel"] = "kernel"
    implementation = "crlspec.scores.kernel:KernelScores"
