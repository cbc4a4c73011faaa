"""What a file may say of the mechanism ``average`` and the scores ``shrunk``."""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from crlspec.registry import Amount, MechanismDeclaration, ScoresDeclaration, draw_amount


class AverageMechanism(MechanismDeclaration):
    """f(pa) = gain · mean(pa); an interval of gains is drawn from uniformly."""

    implementation: ClassVar[str] = "acme_crl.average:Average"
    function: ClassVar[Literal["linear", "nonlinear"]] = "linear"

    kind: Literal["average"] = "average"
    gain: Amount = (1.0, 2.0)

    @property
    def is_resolved(self) -> bool:
        """An interval is left to draw."""
        return not isinstance(self.gain, tuple)

    def draw(self, rng: np.random.Generator, node: str, parents: tuple[str, ...]) -> Self:
        """One gain."""
        return self.model_copy(update={"gain": draw_amount(rng, self.gain)})

    def scaled(self, factor: float) -> Self:
        """The gain times a factor; both ends of an interval."""
        gain = (
            tuple(factor * end for end in self.gain) if isinstance(self.gain, tuple) else factor * self.gain
        )
        return self.model_copy(update={"gain": gain})


class ShrunkScores(ScoresDeclaration):
    """Gaussian scores whose covariances are shrunk towards a multiple of the unit matrix, by a share."""

    kind: Literal["shrunk"] = "shrunk"
    share: Annotated[float, Field(ge=0, lt=1)] = 0.001
    implementation = "acme_crl.shrunk:Shrunk"
