"""Heads of a structured ratio whose difference is monotone in the latent, so that no encoder can fold it.

Two free heads whose difference turns let an encoder take either branch in any region, and the log loss hardly sees
the seam. A difference that is monotone has one branch: the encoder is then a monotone function of the log ratio.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["MonotoneRatio"]

BENDS = 8
"""Sigmoids that bend each difference."""


class MonotoneRatio(nn.Module):
    """Keeps the mean of the two heads of a latent and sets their difference to β (h + tanh(a) log cosh h + Σ w²
    tanh(h − c)), up to a constant: its slope has the sign of β everywhere.

    monotone  (replica, latent): whether this is done
    flexible  with the sum, for noise that is not Gaussian; without it nearly a quadratic function about h = 0
    """

    chosen: Tensor

    def __init__(self, monotone: Tensor, flexible: bool) -> None:
        super().__init__()
        replicas, n = monotone.shape
        self.register_buffer("chosen", monotone[:, :, None, None])
        self.slope = nn.Parameter(torch.zeros(replicas, n, 1))
        self.constant = nn.Parameter(torch.zeros(replicas, n, 1))
        self.bend = nn.Parameter(torch.zeros(replicas, n, 1))
        self.sizes = nn.Parameter(torch.full((replicas, n, 1, BENDS), 0.1)) if flexible else None
        self.places = (
            nn.Parameter(torch.linspace(-2, 2, BENDS).expand(replicas, n, 1, BENDS).clone())
            if flexible
            else None
        )

    def difference(self, h: Tensor) -> Tensor:
        """The log ratio (replica, latent, sample) at the latents h likewise, monotone in each."""
        # The slope of h + tanh(bend) · log cosh h is 1 + tanh(bend) tanh h, which is above zero.
        bent = h + torch.tanh(self.bend) * (h.abs() + nn.functional.softplus(-2 * h.abs()))
        if self.sizes is not None and self.places is not None:
            bent = bent + (self.sizes**2 * torch.tanh(h[..., None] - self.places)).sum(-1)
        return self.slope * bent + self.constant

    def forward(self, heads: Tensor, h: Tensor) -> Tensor:
        """Heads (replica, latent, 2, sample) at the latents h (replica, latent, sample), the chosen ones replaced."""
        half = self.difference(h)[:, :, None] / 2
        replaced = heads.mean(2, keepdim=True) + torch.cat([half, -half], 2)
        return torch.where(self.chosen, replaced, heads)
