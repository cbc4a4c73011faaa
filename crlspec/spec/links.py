"""Names and constants of element-wise functions, for specs and for all that carries them out. Nothing is imported.

A link is that of a generalised linear mixing x = link(G z + c); an activation is the bend of a network's layer.
"""

from typing import Literal

__all__ = ["ACTIVATION_LEAK", "LINK_LEAK", "Activation", "LinkName"]

LinkName = Literal["tanh", "leaky-relu", "sinh", "arcsinh"]
"""The links that a spec may name, each strictly increasing."""

LINK_LEAK = 0.2
"""Slope of the link leaky-relu for negative arguments."""

Activation = Literal["silu", "tanh", "leaky-relu"]
"""The activations of the networks of encoders and decoders."""

ACTIVATION_LEAK = 0.01
"""Slope of the activation leaky-relu for negative arguments: torch's default."""
