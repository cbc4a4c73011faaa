"""What a spec may say about the shipped noises: closed, frozen declarations. No torch here."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crlspec.models.draws import Vector
from crlspec.registry import NoiseDeclaration, Number

__all__ = [
    "GumbelNoise", "LaplaceNoise", "LogNormalNoise", "LogisticNoise", "MixtureNoise", "NormalNoise", "StudentTNoise",
    "UniformNoise",
]  # fmt: skip


class NormalNoise(NoiseDeclaration):
    """The normal distribution of given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:Normal"
    gaussian: ClassVar[bool] = True
    examples = (
        "{kind: normal, mean: 0, variance: [0.5, 1.5]}",
        "{kind: normal, mean: 'Normal(0, 1)', variance: 'LogNormal(0, 0.5)'}",
    )

    kind: Literal["normal"] = "normal"


class LaplaceNoise(NoiseDeclaration):
    """The Laplace distribution of given mean and variance (scale √(variance/2))."""

    implementation: ClassVar[str] = "crlspec.models.noises:Laplace"
    examples = ("{kind: laplace, mean: 0, variance: 2}",)

    kind: Literal["laplace"] = "laplace"


class StudentTNoise(NoiseDeclaration):
    """Student's t with ``df`` > 2 degrees of freedom, scaled to the given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:StudentT"
    examples = ("{kind: student-t, df: 4, mean: 0, variance: 2}",)

    kind: Literal["student-t"] = "student-t"
    df: Annotated[
        Number, Field(gt=2, description="Degrees of freedom: the fewer, the heavier the tails.")
    ] = 5.0


class UniformNoise(NoiseDeclaration):
    """The uniform distribution on mean ± √(3 variance); its score is 0 inside and undefined outside."""

    implementation: ClassVar[str] = "crlspec.models.noises:Uniform"
    bounded: ClassVar[bool] = True
    examples = ("{kind: uniform, mean: 0, variance: 2}",)

    kind: Literal["uniform"] = "uniform"


class GumbelNoise(NoiseDeclaration):
    """The Gumbel distribution (of maxima, skewed to the right) of given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:Gumbel"
    examples = ("{kind: gumbel, mean: 0, variance: 2}",)

    kind: Literal["gumbel"] = "gumbel"


class LogisticNoise(NoiseDeclaration):
    """The logistic distribution of given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:Logistic"
    examples = ("{kind: logistic, mean: 0, variance: 2}",)

    kind: Literal["logistic"] = "logistic"


class LogNormalNoise(NoiseDeclaration):
    """The log-normal distribution, shifted and scaled to the given mean and variance; skewed to the right."""

    implementation: ClassVar[str] = "crlspec.models.noises:LogNormal"
    bounded: ClassVar[bool] = True
    examples = ("{kind: log-normal, shape: 0.8, mean: 0, variance: 1}",)

    kind: Literal["log-normal"] = "log-normal"
    shape: Annotated[
        Number, Field(gt=0, le=3, description="σ of the logarithm: the smaller, the nearer to normal.")
    ] = 0.5


class MixtureNoise(NoiseDeclaration):
    """A mixture of normal distributions, shifted and scaled to the given mean and variance."""

    implementation: ClassVar[str] = "crlspec.models.noises:Mixture"
    examples = (
        "{kind: mixture, weights: [0.7, 0.3], means: [-1, 2], deviations: [0.5, 1], mean: 0, variance: 1}",
    )

    kind: Literal["mixture"] = "mixture"
    weights: Annotated[
        Vector,
        Field(min_length=1, max_length=100, description="Of the components, above 0; divided by their sum."),
    ] = (0.5, 0.5)
    means: Annotated[Vector, Field(description="Of the components, in a unit of their own.")] = (-1.0, 1.0)
    deviations: Annotated[
        Vector, Field(description="Standard deviations of the components, in the same unit.")
    ] = (0.5, 0.5)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len({len(self.weights), len(self.means), len(self.deviations)}) > 1:
            raise PydanticCustomError("mixture", "weights, means and deviations must have one number each")
        if min(*self.weights, *self.deviations) <= 0:
            raise PydanticCustomError("mixture", "weights and deviations must be above 0")
        return self
