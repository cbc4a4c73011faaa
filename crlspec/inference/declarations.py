"""What a spec says of estimators: the members of the slot ``estimator``, what they take and cite. Without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from crlspec.inference import refusals
from crlspec.inference.encoders.autoencoder_declaration import AutoencoderCode
from crlspec.inference.encoders.image_declaration import ImageCode
from crlspec.registry import EstimatorDeclaration, Refusal
from crlspec.spec import citations

if TYPE_CHECKING:
    from crlspec.spec.setting import Setting

__all__ = ["Contrastive", "GscaleI", "Ica", "LscaleI", "Pca", "Ropes", "UmniCrl"]

Alpha = Annotated[float, Field(strict=True, gt=0, lt=1)]


class LscaleI(EstimatorDeclaration):
    """LSCALE-I (Varici et al., JMLR 2025): linear mixing, one single-node intervention per latent.

    ``alpha`` is the significance level of all tests; ``refine: none`` is the paper's algorithm alone.
    """

    kind: Literal["lscale-i"] = "lscale-i"
    variant: Literal["auto", "hard", "soft", "full-rank"] = "auto"
    alpha: Alpha = 0.01
    refine: Literal["likelihood", "none"] = "likelihood"
    implementation = "crlspec.inference.lscale:LScaleI"
    takes = "linear mixing, one single-node intervention per latent"
    citation = citations.LINEAR.bibtex

    def refusal(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.lscale_i`."""
        return refusals.lscale_i(setting, self.variant)

    def knowledge(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.linear_knowledge`."""
        return refusals.linear_knowledge(setting, self.kind, self.variant, self.refine)

    def covers(self, setting: Setting) -> bool:
        """JMLR 2025 covers all that it takes, unless only noise is known to change."""
        return self.refusal(setting) is None and not setting.noise_alone


class UmniCrl(EstimatorDeclaration):
    """UMNI-CRL (Varici et al., NeurIPS 2024): linear mixing, unknown interventions on several latents at once.

    ``alpha`` is the significance level of all tests; ``refine: none`` leaves out the joint likelihood.
    """

    kind: Literal["umni-crl"] = "umni-crl"
    variant: Literal["auto", "hard", "soft"] = "auto"
    alpha: Alpha = 0.01
    refine: Literal["likelihood", "none"] = "likelihood"
    implementation = "crlspec.inference.umni:UmniCrl"
    takes = "linear mixing, interventions whose signature matrix has full rank"
    citation = citations.UMNI.bibtex

    def refusal(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.umni_crl`."""
        return refusals.umni_crl(setting, self.variant)

    def knowledge(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.linear_knowledge`."""
        return refusals.linear_knowledge(setting, self.kind, self.variant, self.refine)

    def covers(self, setting: Setting) -> bool:
        """NeurIPS 2024 covers all that it takes, unless only noise is known to change."""
        return self.refusal(setting) is None and not setting.noise_alone


class GscaleI(EstimatorDeclaration):
    """GSCALE-I (Varici et al., AISTATS 2024): general mixing, two hard interventions on each latent.

    ``alpha`` is the significance level of all tests. For a general mixing ``restarts`` encoders are trained for half
    of ``steps``, and two that begin at their best latents for all of them, at most. ``loss: structured-ratio``
    classifies by heads of one latent each; ``score-sparsity`` is the papers', with the ``scores`` of the spec.
    ``encoder`` says how images are looked at, where images are observed.
    """

    kind: Literal["gscale-i"] = "gscale-i"
    alpha: Alpha = 0.01
    restarts: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    steps: Annotated[int, Field(strict=True, ge=10, le=10**6)] = 2000
    loss: Literal["structured-ratio", "score-sparsity"] = "structured-ratio"
    encoder: ImageCode = ImageCode()
    implementation = "crlspec.inference.gscale:GScaleI"
    takes = "general mixing, two hard single-node interventions per latent"
    citation = citations.GENERAL.bibtex

    def refusal(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.gscale_i`."""
        return refusals.gscale_i(setting)

    @property
    def image_code(self) -> ImageCode:
        """What ``encoder`` says."""
        return self.encoder

    def covers(self, setting: Setting) -> bool:
        """AISTATS 2024 and JMLR 2025 cover all that it takes."""
        return self.refusal(setting) is None


class Ropes(EstimatorDeclaration):
    """ROPES (Kulkarni et al., 2025): images of scenes whose parts are moved on purpose, two known hard interventions
    on each latent.

    ``encoder`` says how images become a code, where images are observed. From the code ``restarts`` refinements to
    the latents are trained for ``steps`` at most. ``loss: score-sparsity`` is the paper's, with the ``scores`` of the
    spec; ``structured-ratio`` that of gscale-i. ``alpha`` is the significance level of all tests.
    """

    kind: Literal["ropes"] = "ropes"
    alpha: Alpha = 0.01
    restarts: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    steps: Annotated[int, Field(strict=True, ge=10, le=10**6)] = 2000
    loss: Literal["score-sparsity", "structured-ratio"] = "score-sparsity"
    encoder: AutoencoderCode = AutoencoderCode()
    implementation = "crlspec.inference.ropes:Ropes"
    takes = "general mixing, two known hard single-node interventions per latent"
    citation = citations.ROPES.bibtex

    def refusal(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.ropes`."""
        return refusals.ropes(setting)

    @property
    def image_code(self) -> AutoencoderCode:
        """What ``encoder`` says."""
        return self.encoder

    def covers(self, setting: Setting) -> bool:
        """AISTATS 2024 and JMLR 2025 cover all that it takes."""
        return self.refusal(setting) is None


class Contrastive(EstimatorDeclaration):
    """Contrastive CRL (Buchholz et al., NeurIPS 2023): linear-Gaussian latents behind a general mixing, one hard
    intervention per latent.

    ``alpha`` is the significance level of all tests; ``refine: none`` trains by the paper's log odds alone; networks
    are trained from so many ``restarts``.
    """

    kind: Literal["contrastive"] = "contrastive"
    alpha: Alpha = 0.01
    refine: Literal["likelihood", "none"] = "likelihood"
    restarts: Annotated[int, Field(strict=True, ge=1, le=64)] = 2
    implementation = "crlspec.inference.contrastive:Contrastive"
    takes = "linear-Gaussian latents, one hard single-node intervention per latent"
    citation = citations.CONTRASTIVE.bibtex

    def refusal(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.contrastive`."""
        return refusals.contrastive(setting)

    def covers(self, setting: Setting) -> bool:
        """NeurIPS 2023 covers latents that are said to be linear-Gaussian."""
        said = setting.noise == "gaussian" and setting.function == "linear"
        return said and self.refusal(setting) is None


class Ica(EstimatorDeclaration):
    """A baseline: independent components of the pooled observations (FastICA); no graph.

    It assumes independent non-Gaussian latents, which latents that cause one another are not.
    """

    kind: Literal["ica"] = "ica"
    implementation = "crlspec.inference.baselines:Ica"
    takes = "linear mixing"
    baseline = True

    def refusal(self, setting: Setting) -> Refusal | None:
        """Any design will do."""
        return refusals.baseline(setting, self.kind)


class Pca(EstimatorDeclaration):
    """A baseline: principal components of the pooled observations; no graph."""

    kind: Literal["pca"] = "pca"
    implementation = "crlspec.inference.baselines:Pca"
    takes = "linear mixing"
    baseline = True

    def refusal(self, setting: Setting) -> Refusal | None:
        """Any design will do."""
        return refusals.baseline(setting, self.kind)
