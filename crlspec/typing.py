"""Shapes as types (jaxtyping): the axis names used everywhere in the tensor code.

Importing this module loads torch: only modules that work with tensors do so.
"""

from jaxtyping import Float
from torch import Tensor

Latents = Float[Tensor, "*sample latent"]
"""Latent variables z, in the order of ``latents``."""

Node = Float[Tensor, "*sample"]
"""One latent variable."""

Parents = Float[Tensor, "*sample parent"]
"""The parents of one node, in the order of ``Mechanism.parents``; ``parent`` is 0 for a root."""

Columns = Float[Tensor, "latent sample"]
"""Latent variables with each of them contiguous in memory, in the order of ``latents``."""

LogDensity = Float[Tensor, "*sample"]
"""Log densities in nats."""

Observations = Float[Tensor, "*sample observed"]
"""Observed variables x = g(z)."""

Jacobian = Float[Tensor, "*sample observed latent"]
"""Derivatives of the observed with respect to the latent variables."""

__all__ = ["Columns", "Jacobian", "Latents", "LogDensity", "Node", "Observations", "Parents", "Tensor"]
