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

Alpha = Annotated[
    float,
    Field(strict=True, gt=0, lt=1, description="The significance level of all tests of edges and checks."),
]
Restarts = Annotated[
    int, Field(strict=True, ge=1, le=100, description="From how many starting points encoders are trained.")
]
Steps = Annotated[
    int, Field(strict=True, ge=10, le=10**6, description="The most steps that an encoder is trained for.")
]


class LscaleI(EstimatorDeclaration):
    """LSCALE-I (Varici et al., JMLR 2025): linear mixing, one single-node intervention per latent."""

    examples = ("{kind: lscale-i, variant: hard, alpha: 0.05}", "{kind: lscale-i, refine: none}")

    kind: Literal["lscale-i"] = "lscale-i"
    variant: Annotated[
        Literal["auto", "hard", "soft", "full-rank"],
        Field(
            description="What interventions are taken for; auto follows the declared ones. full-rank: soft, with "
            "sufficiently nonlinear mechanisms."
        ),
    ] = "auto"
    alpha: Alpha = 0.01
    refine: Annotated[
        Literal["likelihood", "none"],
        Field(
            description="Whether a joint likelihood refines order and latents; none: the paper's algorithm alone."
        ),
    ] = "likelihood"
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
    """UMNI-CRL (Varici et al., NeurIPS 2024): linear mixing, unknown interventions on several latents at once."""

    examples = ("{kind: umni-crl, variant: soft, alpha: 0.05, refine: none}",)

    kind: Literal["umni-crl"] = "umni-crl"
    variant: Annotated[
        Literal["auto", "hard", "soft"],
        Field(description="What interventions are taken for; auto follows the declared ones."),
    ] = "auto"
    alpha: Alpha = 0.01
    refine: Annotated[
        Literal["likelihood", "none"], Field(description="Whether the joint likelihood refines the answer.")
    ] = "likelihood"
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

    For a general mixing ``restarts`` encoders are trained for half of ``steps``, and two that begin at their best
    latents for all of them, at most.
    """

    examples = (
        "{kind: gscale-i, alpha: 0.05, restarts: 5, steps: 1000, loss: score-sparsity}",
        "{kind: gscale-i, encoder: {kind: conv, code: 32, blur: 1}}",
    )

    kind: Literal["gscale-i"] = "gscale-i"
    alpha: Alpha = 0.01
    restarts: Restarts = 3
    steps: Steps = 2000
    loss: Annotated[
        Literal["structured-ratio", "score-sparsity"],
        Field(
            description="structured-ratio classifies by heads of one latent each; score-sparsity is the papers', "
            "with the scores of the spec."
        ),
    ] = "structured-ratio"
    encoder: Annotated[
        ImageCode, Field(description="How images are looked at, where images are observed.")
    ] = ImageCode()
    implementation = "crlspec.inference.gscale:GScaleI"
    takes = "general mixing, two hard single-node interventions per latent"
    citation = citations.GENERAL.bibtex

    def refusal(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.gscale_i`."""
        return refusals.gscale_i(setting)

    def knowledge(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.paired_knowledge`."""
        return refusals.paired_knowledge(setting, self.kind)

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

    From a code of the images ``restarts`` refinements to the latents are trained for ``steps`` at most.
    """

    examples = (
        "{kind: ropes, alpha: 0.05, restarts: 2, steps: 1000, loss: structured-ratio}",
        "{kind: ropes, encoder: {kind: autoencoder, code: 16, steps: 1000}}",
    )

    kind: Literal["ropes"] = "ropes"
    alpha: Alpha = 0.01
    restarts: Restarts = 3
    steps: Steps = 2000
    loss: Annotated[
        Literal["score-sparsity", "structured-ratio"],
        Field(
            description="score-sparsity is the paper's, with the scores of the spec; structured-ratio "
            "that of gscale-i."
        ),
    ] = "score-sparsity"
    encoder: Annotated[
        AutoencoderCode, Field(description="How images become a code, where images are observed.")
    ] = AutoencoderCode()
    implementation = "crlspec.inference.ropes:Ropes"
    takes = "general mixing, two known hard single-node interventions per latent"
    citation = citations.ROPES.bibtex

    def refusal(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.ropes`."""
        return refusals.ropes(setting)

    def knowledge(self, setting: Setting) -> Refusal | None:
        """See :func:`crlspec.inference.refusals.paired_knowledge`."""
        return refusals.paired_knowledge(setting, self.kind)

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
    """

    examples = ("{kind: contrastive, alpha: 0.05, refine: none, restarts: 4}",)

    kind: Literal["contrastive"] = "contrastive"
    alpha: Alpha = 0.01
    refine: Annotated[
        Literal["likelihood", "none"],
        Field(description="Whether a joint likelihood refines the answer; none: the paper's log odds alone."),
    ] = "likelihood"
    restarts: Annotated[
        int,
        Field(strict=True, ge=1, le=64, description="From how many starting points networks are trained."),
    ] = 2
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

    examples = ("{kind: ica}",)

    kind: Literal["ica"] = "ica"
    implementation = "crlspec.inference.baselines:Ica"
    takes = "linear mixing"
    baseline = True

    def refusal(self, setting: Setting) -> Refusal | None:
        """Any design will do."""
        return refusals.baseline(setting, self.kind)


class Pca(EstimatorDeclaration):
    """A baseline: principal components of the pooled observations; no graph."""

    examples = ("{kind: pca}",)

    kind: Literal["pca"] = "pca"
    implementation = "crlspec.inference.baselines:Pca"
    takes = "linear mixing"
    baseline = True

    def refusal(self, setting: Setting) -> Refusal | None:
        """Any design will do."""
        return refusals.baseline(setting, self.kind)
