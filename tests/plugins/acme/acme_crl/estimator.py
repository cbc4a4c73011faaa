from typing import Literal

from crlspec.registry import EstimatorDeclaration, Refusal


class RootsFirst(EstimatorDeclaration):
    """What a file may say: ``estimator: {kind: roots-first, alpha: 0.01}``."""

    kind: Literal["roots-first"] = "roots-first"
    alpha: float = 0.01
    implementation = "acme_crl.roots_first:RootsFirstEstimator"
    takes = "linear mixing, one hard intervention per latent"

    def refusal(self, setting):
        fits = (setting.mixing, setting.design, setting.kind) == ("linear", "single-node", "hard")
        count = len(setting.environments) or len(setting.latents)  # none are known before data are read
        if fits and count == len(setting.latents) and not setting.deterministic:
            return None
        return Refusal(f"roots-first cannot take this: {setting}", "use estimator: {kind: lscale-i}.")
