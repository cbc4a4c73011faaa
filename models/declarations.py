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
from crlspec.registry import Count, MechanismDeclaration, MixingDeclaration, NoiseDeclaration, Number
from crlspec.spec.links import LinkName


class LinearMechanism(MechanismDeclaration):
    """f(pa) = Σ_j w_j pa_j.

    weight     an interval: magnitudes drawn uniformly from it, each with a random sign; a number: the weight
               of every edge; a mapping: parent → weight

    Source of the default: B. Varıcı, E. Acartürk, K. Shanmugam, A. Kumar, A. Tajer, "Score-based causal
    representation learning: linear and general transformations", JMLR 2025.
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:Linear"
    function: ClassVar[Literal["linear", "nonlinear"]] = "linear"

    kind: Literal["linear"] = "linear"
    weight: PerParent = (0.5, 1.5)

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

    factor: Number = 1.0
    parents: tuple[str, ...] | None = None

    def scaled(self, factor: float) -> Self:
        return self.model_copy(update={"factor": self.factor * factor})


class QuadraticMechanism(_Factored):
    """f(pa) = factor · √(paᵀ A pa) with A = LᵀL positive definite, the entries of L uniform in [−1, 1].

    L is drawn until its smallest singular value is at least 0.1.

    Source: Varıcı et al., JMLR 2025, section 7 (quadratic latent models).
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:Quadratic"
    function: ClassVar[Literal["linear", "nonlinear"]] = "nonlinear"

    kind: Literal["quadratic"] = "quadratic"
    matrix: Matrix | None = None

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

    hidden         width of the hidden layer
    activation     σ: relu, tanh or silu
    inner, bias    W₁ (hidden × parent) and b₁, drawn uniformly from ±1/√|pa|
    outer, offset  w₂ and b₂, drawn uniformly from ±1/√hidden

    Source: Varıcı et al., JMLR 2025, section 7 (MLP latent models, 32 hidden units).
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:Mlp"
    function: ClassVar[Literal["linear", "nonlinear"]] = "nonlinear"

    kind: Literal["mlp"] = "mlp"
    hidden: Annotated[Count, Field(le=10_000)] = 32
    activation: Literal["relu", "tanh", "silu"] = "relu"
    inner: Matrix | None = None
    bias: Vector | None = None
    outer: Vector | None = None
    offset: Number | None = None

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

    amplitude   a_j; an interval: magnitudes, each with a random sign
    frequency   ω_j in radians per unit of the parent
    phase       φ_j in radians

    Each is a number for all parents, an interval to draw from, or a mapping parent → number.
    """

    implementation: ClassVar[str] = "crlspec.models.mechanisms:Sine"
    function: ClassVar[Literal["linear", "nonlinear"]] = "nonlinear"

    kind: Literal["sine"] = "sine"
    amplitude: PerParent = (1.0, 2.0)
    frequency: PerParent = (0.7, 1.3)
    phase: PerParent = (0.0, 6.283185307179586)

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


class NormalNoise(NoiseDeclaration):
    """The normal distribution of given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:Normal"
    gaussian: ClassVar[bool] = True
    kind: Literal["normal"] = "normal"


class LaplaceNoise(NoiseDeclaration):
    """The Laplace distribution of given mean and variance (scale √(variance/2))."""

    implementation: ClassVar[str] = "crlspec.models.noises:Laplace"
    kind: Literal["laplace"] = "laplace"


class StudentTNoise(NoiseDeclaration):
    """Student's t with ``df`` > 2 degrees of freedom, scaled to the given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:StudentT"
    kind: Literal["student-t"] = "student-t"
    df: Annotated[Number, Field(gt=2)] = 5.0


class UniformNoise(NoiseDeclaration):
    """The uniform distribution on mean ± √(3 variance); its score is 0 inside and undefined outside."""

    implementation: ClassVar[str] = "crlspec.models.noises:Uniform"
    bounded: ClassVar[bool] = True
    kind: Literal["uniform"] = "uniform"


class GumbelNoise(NoiseDeclaration):
    """The Gumbel distribution (of maxima, skewed to the right) of given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:Gumbel"
    kind: Literal["gumbel"] = "gumbel"


class LogisticNoise(NoiseDeclaration):
    """The logistic distribution of given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:Logistic"
    kind: Literal["logistic"] = "logistic"


class LogNormalNoise(NoiseDeclaration):
    """The log-normal distribution, shifted and scaled to the given mean and variance; skewed to the right.

    shape  σ of the logarithm, above 0: the smaller, the nearer to normal
    """

    implementation: ClassVar[str] = "crlspec.models.noises:LogNormal"
    bounded: ClassVar[bool] = True
    kind: Literal["log-normal"] = "log-normal"
    shape: Annotated[Number, Field(gt=0, le=3)] = 0.5


class MixtureNoise(NoiseDeclaration):
    """A mixture of normal distributions, shifted and scaled to the given mean and variance.

    weights     of the components, above 0; divided by their sum
    means       of the components, deviations: their standard deviations, in a unit of their own
    """

    implementation: ClassVar[str] = "crlspec.models.noises:Mixture"
    kind: Literal["mixture"] = "mixture"
    weights: Annotated[Vector, Field(min_length=1, max_length=100)] = (0.5, 0.5)
    means: Vector = (-1.0, 1.0)
    deviations: Vector = (0.5, 0.5)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len({len(self.weights), len(self.means), len(self.deviations)}) > 1:
            raise PydanticCustomError("mixture", "weights, means and deviations must have one number each")
        if min(*self.weights, *self.deviations) <= 0:
            raise PydanticCustomError("mixture", "weights and deviations must be above 0")
        return self


class _MatrixMixing(MixingDeclaration):
    condition: Annotated[Number, Field(gt=1)] = 10.0
    length: Annotated[Number, Field(gt=0)] = 1.0
    matrix: Matrix | None = None

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

    matrix     G; by default normal entries, columns of the length below, drawn until the condition number is at most
    condition  this (where draws alone do not reach it, small singular values are raised)
    length     of the columns: the unit of x, and with it of its scores
    offset     x at z = 0, a number for each observed variable; 0 where it is left out
    """

    implementation: ClassVar[str] = "crlspec.models.mixings:LinearMap"
    mixing_class: ClassVar[Literal["linear", "glm", "general"]] = "linear"
    kind: Literal["linear"] = "linear"
    offset: Vector | None = None

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
    kind: Literal["glm"] = "glm"
    link: LinkName = "tanh"


class MlpMixing(MixingDeclaration):
    """x = σ(W_L … σ(W₁ z + b₁) … + b_L): an injective network; its implementation says why.

    layers      L, the number of layers
    activation  tanh, leaky-relu or silu
    strength    mild: wide layers, as in the papers (close to linear); strong: narrow layers with strong bends, of
                z twisted about the origin, which no linear map undoes
    weights     W₁ … W_L, by default well-conditioned; ``biases`` b₁ … b_L
    """

    implementation: ClassVar[str] = "crlspec.models.mixings:Mlp"
    mixing_class: ClassVar[Literal["linear", "glm", "general"]] = "general"
    kind: Literal["mlp"] = "mlp"
    layers: Annotated[Count, Field(le=50)] = 3
    activation: Literal["tanh", "leaky-relu", "silu"] = "tanh"
    strength: Literal["mild", "strong"] = "mild"
    weights: tuple[Matrix, ...] | None = None
    biases: tuple[Vector, ...] | None = None

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
