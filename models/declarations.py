"""What a spec may say about the shipped families: closed, frozen declarations. No torch here.

Resolved declarations hold numbers only: a mapping by parent, or nested lists whose rows and columns follow
``parents``.
"""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crlspec.models.draws import (
    Matrix,
    PerParent,
    Vector,
    draw_columns,
    named,
    nested,
    per_parent,
    refusal,
    require_enough,
    require_full_rank,
    require_parents,
    shaped,
    times,
    until,
)
from crlspec.models.noise_declarations import (
    GumbelNoise,
    LaplaceNoise,
    LogisticNoise,
    LogNormalNoise,
    MixtureNoise,
    NormalNoise,
    StudentTNoise,
    UniformNoise,
)
from crlspec.registry import Count, MechanismDeclaration, MixingDeclaration, Number
from crlspec.spec.links import LinkName

__all__ = [
    "GlmMixing", "GumbelNoise", "LaplaceNoise", "LinearMechanism", "LinearMixing", "LogNormalNoise", "LogisticNoise",
    "MixtureNoise", "MlpMechanism", "MlpMixing", "NormalNoise", "QuadraticMechanism", "SineMechanism",
    "StudentTNoise", "UniformNoise",
]  # fmt: skip


class LinearMechanism(MechanismDeclaration):
    """f(pa) = Σ_j w_j pa_j.

    Source of the default: B. Varıcı, E. Acartürk, K. Shanmugam, A. Kumar, A. Tajer, "Score-based causal
    representation learning: linear and general transformations", JMLR 2025.
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:Linear"
    function: ClassVar[Literal["linear", "nonlinear"]] = "linear"

    examples = ("{kind: linear, weight: [0.5, 1.5]}", "{kind: linear, weight: {z1: 0.8, z2: 'Normal(0, 1)'}}")

    kind: Literal["linear"] = "linear"
    weight: Annotated[
        PerParent,
        Field(
            description="w_j: magnitudes drawn from an interval, each with a random sign; a number for every edge; "
            "or a mapping parent: weight. A prior may stand for a number."
        ),
    ] = (0.5, 1.5)

    @property
    def is_resolved(self) -> bool:
        return isinstance(self.weight, dict)

    def draw(self, rng: np.random.Generator, node: str, parents: tuple[str, ...]) -> Self:
        weight = per_parent(rng, self.weight, node, parents, "weight", signed=True)
        return self.model_copy(update={"weight": weight})

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"weight": times(self.weight, factor)})

    def slopes(self) -> dict[str, float] | None:
        return self.weight if isinstance(self.weight, dict) else None


class _Factored(MechanismDeclaration):
    """A function times ``factor``; the columns of its matrices follow ``parents``."""

    factor: Annotated[Number, Field(description="A factor on f, as soft interventions change it.")] = 1.0
    parents: Annotated[
        tuple[str, ...] | None, Field(description="The parents in the order of the matrix columns.")
    ] = None

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"factor": self.factor * factor})


class QuadraticMechanism(_Factored):
    """f(pa) = factor · √(paᵀ A pa) with A = LᵀL positive definite, the entries of L uniform in [−1, 1].

    L is drawn until its smallest singular value is at least 0.1.

    Source: Varıcı et al., JMLR 2025, section 7 (quadratic latent models).
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:Quadratic"
    function: ClassVar[Literal["linear", "nonlinear"]] = "nonlinear"

    examples = (
        "{kind: quadratic, factor: 2}",
        "{kind: quadratic, parents: [z1, z2], matrix: [[1, 0.2], [0.2, 0.5]]}",
    )

    kind: Literal["quadratic"] = "quadratic"
    matrix: Annotated[
        Matrix | None, Field(description="A, symmetric and positive definite; drawn where left out.")
    ] = None

    @property
    def is_resolved(self) -> bool:
        return self.matrix is not None

    def numbers(self, parents: int) -> int:
        return parents**2

    @model_validator(mode="after")
    def _positive_definite(self) -> Self:
        if self.matrix is not None:
            size = len(named(self.parents, "matrix"))
            shaped(self.matrix, (size, size), "matrix")
            array = np.array(self.matrix).reshape(size, size)
            if size and (not np.allclose(array, array.T) or np.linalg.eigvalsh(array)[0] <= 0):
                raise PydanticCustomError("matrix", "matrix must be symmetric and positive definite")
        return self

    def draw(self, rng: np.random.Generator, node: str, parents: tuple[str, ...]) -> Self:
        if self.matrix is not None:
            require_parents(node, "parents", self.parents or (), parents)
            return self
        size = len(parents)
        root = until(
            lambda: rng.uniform(-1, 1, (size, size)),
            lambda m: size == 0 or np.linalg.svd(m, compute_uv=False)[-1] >= 0.1,
        )
        return self.model_copy(update={"parents": parents, "matrix": nested(root.T @ root)})


class MlpMechanism(_Factored):
    """f(pa) = factor · (w₂ᵀ σ(W₁ pa + b₁) + b₂): a network with one hidden layer, |pa|-hidden-1.

    Source: Varıcı et al., JMLR 2025, section 7 (MLP latent models, 32 hidden units).
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:Mlp"
    function: ClassVar[Literal["linear", "nonlinear"]] = "nonlinear"

    examples = (
        "{kind: mlp, hidden: 16, activation: tanh, factor: 2}",
        "{kind: mlp, hidden: 2, parents: [z1, z2], inner: [[1, 0], [0.5, -1]], bias: [0, 0.1], "
        "outer: [1, -1], offset: 0}",
    )

    kind: Literal["mlp"] = "mlp"
    hidden: Annotated[Count, Field(le=10_000, description="Width of the hidden layer.")] = 32
    activation: Annotated[
        Literal["relu", "tanh", "silu"], Field(description="σ, the bend of the hidden layer.")
    ] = "relu"
    inner: Annotated[
        Matrix | None, Field(description="W₁, hidden × parent; drawn uniformly from ±1/√|pa| where left out.")
    ] = None
    bias: Annotated[Vector | None, Field(description="b₁, drawn as W₁ is.")] = None
    outer: Annotated[
        Vector | None, Field(description="w₂, drawn uniformly from ±1/√hidden where left out.")
    ] = None
    offset: Annotated[Number | None, Field(description="b₂, drawn as w₂ is.")] = None

    @property
    def is_resolved(self) -> bool:
        return self.inner is not None

    def numbers(self, parents: int) -> int:
        return self.hidden * (parents + 2)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [name for name in ("inner", "bias", "outer", "offset") if getattr(self, name) is not None]
        if 0 < len(given) < 4:
            raise PydanticCustomError("weights", "give inner, bias, outer and offset together, or none")
        if self.inner is not None and self.bias is not None and self.outer is not None:
            shaped(self.inner, (self.hidden, len(named(self.parents, "inner"))), "inner")
            shaped((self.bias, self.outer), (2, self.hidden), "bias and outer")
        return self

    def draw(self, rng: np.random.Generator, node: str, parents: tuple[str, ...]) -> Self:
        if self.inner is not None:
            require_parents(node, "parents", self.parents or (), parents)
            return self
        low, high = 1 / np.sqrt(max(len(parents), 1)), 1 / np.sqrt(self.hidden)
        weights = {
            "inner": nested(rng.uniform(-low, low, (self.hidden, len(parents)))),
            "bias": tuple(rng.uniform(-low, low, self.hidden).tolist()),
            "outer": tuple(rng.uniform(-high, high, self.hidden).tolist()),
            "offset": float(rng.uniform(-high, high)),
        }
        return self.model_copy(update={"parents": parents, **weights})


class SineMechanism(MechanismDeclaration):
    """f(pa) = Σ_j a_j sin(ω_j pa_j + φ_j).

    Each of the three is a number for all parents, an interval to draw from, or a mapping parent → number.
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:Sine"
    function: ClassVar[Literal["linear", "nonlinear"]] = "nonlinear"

    examples = ("{kind: sine, amplitude: [1, 2], frequency: 1, phase: {z1: 0, z2: 1.57}}",)

    kind: Literal["sine"] = "sine"
    amplitude: Annotated[
        PerParent, Field(description="a_j; an interval: magnitudes, each with a random sign.")
    ] = (1.0, 2.0)
    frequency: Annotated[PerParent, Field(description="ω_j, in radians for a unit of the parent.")] = (
        0.7,
        1.3,
    )
    phase: Annotated[PerParent, Field(description="φ_j, in radians.")] = (0.0, 6.283185307179586)

    @property
    def is_resolved(self) -> bool:
        return all(isinstance(value, dict) for value in (self.amplitude, self.frequency, self.phase))

    def draw(self, rng: np.random.Generator, node: str, parents: tuple[str, ...]) -> Self:
        drawn = {
            name: per_parent(rng, getattr(self, name), node, parents, name, signed=name == "amplitude")
            for name in ("amplitude", "frequency", "phase")
        }
        return self.model_copy(update=drawn)

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"amplitude": times(self.amplitude, factor)})


class _MatrixMixing(MixingDeclaration):
    condition: Annotated[
        Number, Field(gt=1, description="The largest condition number of a G that is drawn.")
    ] = 10.0
    length: Annotated[
        Number,
        Field(gt=0, description="Of the columns of a G that is drawn: the unit of x, and of its scores."),
    ] = 1.0
    matrix: Annotated[Matrix | None, Field(description="G, observed × latent; drawn where left out.")] = None

    @property
    def is_resolved(self) -> bool:
        return self.matrix is not None

    def draw(self, rng: np.random.Generator, latents: tuple[str, ...]) -> Self:
        require_enough(self.observed, latents)
        if self.matrix is None:
            matrix = draw_columns(rng, self.observed, len(latents), self.condition, self.length)
            return self.model_copy(update={"matrix": matrix})
        require_full_rank(self.matrix, (self.observed, len(latents)), "mixing.matrix")
        return self


class LinearMixing(_MatrixMixing):
    """x = G z + offset with G (observed × latent) of full column rank.

    A drawn G has normal entries. It is drawn until its condition number is small enough. Where draws alone do not
    reach that, small singular values are raised.
    """

    implementation: ClassVar[str] = "crlspec.models.mixings:LinearMap"
    mixing_class: ClassVar[Literal["linear", "glm", "general"]] = "linear"
    examples = (
        "{kind: linear, observed: 25, condition: 5, length: 2, noise: 0.1}",
        "{kind: linear, observed: 3, names: [a, b, c], matrix: [[1, 0], [1, 1], [0, 2]], offset: [0, 1, 0]}",
    )

    kind: Literal["linear"] = "linear"
    offset: Annotated[
        Vector | None, Field(description="x at z = 0, a number for each observed variable; 0 where left out.")
    ] = None

    @model_validator(mode="after")
    def _an_offset_for_each(self) -> Self:
        if self.offset is not None and len(self.offset) != self.observed:
            raise PydanticCustomError("offset", "offset must hold one number per observed variable")
        return self


class GlmMixing(_MatrixMixing):
    """x = link(G z), a generalised linear map; G as in the linear mixing, the link strictly increasing.

    Source: Varıcı, Acartürk, Shanmugam, Tajer, "General identifiability and achievability for causal
    representation learning", AISTATS 2024 (link tanh).
    """

    implementation: ClassVar[str] = "crlspec.models.mixings:GeneralisedLinear"
    mixing_class: ClassVar[Literal["linear", "glm", "general"]] = "glm"
    examples = (
        "{kind: glm, observed: 10, link: leaky-relu, condition: 5, length: 0.5, noise: 0.01}",
        "{kind: glm, observed: 3, names: [a, b, c], matrix: [[1, 0], [1, 1], [0, 2]], link: sinh}",
    )

    kind: Literal["glm"] = "glm"
    link: Annotated[
        LinkName, Field(description="The link, a strictly increasing function of each variable.")
    ] = "tanh"


class MlpMixing(MixingDeclaration):
    """x = σ(W_L … σ(W₁ z + b₁) … + b_L): an injective network; its implementation says why.

    Strong mixings twist z about the origin, which no linear map undoes; mild ones are those of the papers.
    """

    implementation: ClassVar[str] = "crlspec.models.mixings:Mlp"
    mixing_class: ClassVar[Literal["linear", "glm", "general"]] = "general"
    examples = (
        "{kind: mlp, observed: 8, layers: 2, activation: silu, strength: strong, noise: 0.01}",
        "{kind: mlp, observed: 3, names: [a, b, c], layers: 1, weights: [[[1, 0], [1, 1], [0, 2]]], "
        "biases: [[0, 0, 1]]}",
    )

    kind: Literal["mlp"] = "mlp"
    layers: Annotated[Count, Field(le=50, description="L, the number of layers.")] = 3
    activation: Annotated[
        Literal["tanh", "leaky-relu", "silu"], Field(description="σ, the bend of every layer.")
    ] = "tanh"
    strength: Annotated[
        Literal["mild", "strong"],
        Field(description="mild: wide layers, close to linear; strong: narrow layers with strong bends."),
    ] = "mild"
    weights: Annotated[
        tuple[Matrix, ...] | None,
        Field(description="W₁ … W_L; drawn well-conditioned where left out."),
    ] = None
    biases: Annotated[tuple[Vector, ...] | None, Field(description="b₁ … b_L; drawn with the weights.")] = (
        None
    )

    @property
    def is_resolved(self) -> bool:
        return self.weights is not None

    def numbers(self, latents: int) -> int:
        width = latents if self.strength == "strong" else self.observed
        return self.observed * width + (self.layers - 1) * width**2

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.weights is None) != (self.biases is None):
            raise PydanticCustomError("weights", "give weights and biases together, or neither")
        if self.weights is not None and self.biases is not None:
            lengths = {len(self.weights), len(self.biases), self.layers}
            if len(lengths) > 1 or any(len(w) != len(b) for w, b in zip(self.weights, self.biases)):
                raise PydanticCustomError("weights", "weights, biases and the number of layers must agree")
        return self

    def draw(self, rng: np.random.Generator, latents: tuple[str, ...]) -> Self:
        require_enough(self.observed, latents)
        strong = self.strength == "strong"
        width = len(latents) if strong else self.observed
        sizes = [len(latents), *[width] * (self.layers - 1), self.observed]
        if self.weights is not None:
            self._check_weights(len(latents))
            return self
        weights, biases = [], []
        for before, after in pairwise(sizes):
            weights.append(draw_columns(rng, after, before, 3.0 if strong else 10.0))
            reach = 1.0 if strong else 0.1
            biases.append(tuple(rng.uniform(-reach, reach, after).tolist()))
        return self.model_copy(update={"weights": tuple(weights), "biases": tuple(biases)})

    def _check_weights(self, size: int) -> None:
        for level, weight in enumerate(self.weights or ()):
            require_full_rank(weight, (len(weight), size), f"mixing.weights[{level}]")
            size = len(weight)
        if size != self.observed:
            raise refusal(
                "mixing.weights",
                f"the last weight has {size} rows, but observed is {self.observed}.",
                "give the last weight one row for each observed variable",
            )
