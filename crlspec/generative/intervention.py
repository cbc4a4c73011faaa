"""Interventions REPLACE mechanisms, rather than clamp values already drawn; they make the environments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import pyro.distributions as dist
import torch
from torch.distributions.transforms import AffineTransform, ComposeTransform, Transform

from crlspec.errors import CrlspecError
from crlspec.generative.drawing import named_seed
from crlspec.generative.scm import SCM, AdditiveMechanism, Distribution, Mechanism
from crlspec.handlers.changes import Moved
from crlspec.typing import Latents, LogDensity, Parents, Tensor

Kind = Literal["hard", "soft", "mixed", "none"]


class Constant(Mechanism):
    """do(v): the node is v, whatever its former parents. It has no density; the other nodes keep theirs."""

    clamped: ClassVar[bool] = True
    value: Tensor

    def __init__(self, value: float, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__(())
        self.register_buffer("value", torch.tensor(float(value), dtype=dtype, device=device))

    def distribution(self, parents: Parents) -> Distribution:
        return dist.Delta(self.value.expand(parents.shape[:-1]), validate_args=False)


class Shifted(Mechanism):
    """The value that ``base`` gives, plus ``amount``: z_i + c. Exact for every mechanism."""

    def __init__(self, base: Mechanism, amount: float) -> None:
        super().__init__(base.parents)
        self.base, self.amount = base, float(amount)

    @property
    def affine(self) -> bool:
        return self.base.affine

    def distribution(self, parents: Parents) -> Distribution:
        return Moved(self.base.distribution(parents), self.amount, 1.0)

    def explicit(self, parents: Parents) -> tuple[Distribution, Transform]:
        noise, response = self.base.explicit(parents)
        return noise, ComposeTransform([response, AffineTransform(self.amount, 1.0)])


class Scaled(Mechanism):
    """The noise of a location–scale mechanism times ``factor``, its location kept: loc + k (z_i − loc)."""

    def __init__(self, base: Mechanism, factor: float) -> None:
        super().__init__(base.parents)
        self.base, self.factor = base, float(factor)

    @property
    def affine(self) -> bool:
        return self.base.affine

    def distribution(self, parents: Parents) -> Distribution:
        base = self.base.distribution(parents)
        return Moved(base, self._fixed(base), self.factor)

    def explicit(self, parents: Parents) -> tuple[Distribution, Transform]:
        noise, response = self.base.explicit(parents)
        widened = AffineTransform(self._fixed(self.base.distribution(parents)), self.factor)
        return noise, ComposeTransform([response, widened])

    def _fixed(self, base: Distribution) -> Tensor:
        """What is added to factor · value, so that the location stays where it is."""
        location: Tensor = base.mean if isinstance(base, dist.Uniform) else base.loc
        return (1.0 - self.factor) * location


def scaled(mechanism: Mechanism, factor: float, node: str = "this latent") -> Mechanism:
    """scale(k): the noise deviation times ``factor``; the location (of additive noise: the mean) is kept.

    Raises:
        CrlspecError: the mechanism is of no location–scale family, or ``factor`` is not positive.
    """
    if factor <= 0:
        raise CrlspecError(
            f"scale({factor:g}) of {node} is not positive", remedy="give a factor above 0, or do(v)"
        )
    if isinstance(mechanism, AdditiveMechanism):
        return AdditiveMechanism(mechanism.function, mechanism.noise.scaled(factor), mechanism.parents)
    if not mechanism.location_scale:
        raise CrlspecError(
            f"scale({factor:g}) of {node}: its distribution has no location and scale",
            remedy="write the new equation in place of scale(…)",
        )
    return Scaled(mechanism, factor)


@dataclass(frozen=True, eq=False)
class Environment:
    """An SCM in which the mechanisms of some latents, the targets, were replaced.

    Attributes:
        name: its name in the data.
        targets: the latents whose mechanisms were replaced; empty for the observational environment.
        kind: ``hard`` (parents cut), ``soft`` (mechanism changed), ``mixed``, or ``none`` without targets.
        scm: the SCM after the replacement.
    """

    name: str
    targets: tuple[str, ...]
    kind: Kind
    scm: SCM

    @classmethod
    def of(
        cls, name: str, base: SCM, replacements: Mapping[str, Mechanism], kinds: Mapping[str, Kind]
    ) -> "Environment":
        """The environment in which ``replacements`` stand in place of the mechanisms of ``base``."""
        found = {kinds[latent] for latent in replacements}
        kind: Kind = "none" if not found else found.pop() if len(found) == 1 else "mixed"
        targets = tuple(latent for latent in base.latents if latent in replacements)
        return cls(name, targets, kind, base.replace(replacements) if replacements else base)

    def sample(self, n: int, seed: int = 0) -> Latents:
        """``n`` draws, shape (n, latent), from random streams of this environment's own."""
        return self.scm.sample(n, named_seed(seed, self.name))

    def log_density(self, z: Latents) -> LogDensity:
        """log p(z) in this environment, shape (*sample)."""
        return self.scm.log_density(z)

    def score(self, z: Latents) -> Latents:
        """∇ log p(z) in this environment, shape (*sample, latent)."""
        return self.scm.score(z)
