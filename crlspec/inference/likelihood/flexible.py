"""The joint likelihood of all environments with smooth mechanisms and mixture noise, batched over candidates.

A causal order turns y into nested coordinates u = U y whose first k rows span the first k latents. Mechanisms
f_p are networks of u_before, which absorb any remixing of the predecessors, so that a mechanism's term depends on
the nesting alone; the latents z = (I + L) u then follow from hard interventions, under which z_p is independent of
u_before in its own environment. This splits the hard, flat directions of the problem from each other. Given a
graph, the same likelihood is taken over z itself with each mechanism seeing its parents alone (L = 0).

Networks follow AdamW; the linear parameters (U, L, linear skips, intercepts, and a linear map of each mechanism's
inputs) also take damped Newton steps with the empirical Fisher information, in which relative changes of U are the
natural gradient. The maps of inputs let U change and mechanisms stay the functions they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from crlspec.numerics.mixtures import GaussianMixture, either
from crlspec.numerics.networks import BatchedNetwork
from crlspec.numerics.sample import Sample

__all__ = ["FlexibleLikelihood"]

FLAT = 1e-3
"""Information added to that of maps of inputs: where a mechanism hardly depends on its inputs their map is noise."""

CHUNK = 4096
"""Samples, counted once a candidate, whose derivatives are held at a time."""


class FlexibleLikelihood(nn.Module):
    """Candidates (c) × latents by causal position (p): coordinates, mechanisms, noise and interventions.

    rows     (candidate, position, component): start of U, one candidate an order or a graph
    targets  (candidate, position): index of the environment that intervenes on the latent at this position; or
             (candidate, position, environment) bool: all those that do, by one and the same mechanism
    graph    (candidate, position, position) bool, ``[c, i, j]`` for j → i; None: every predecessor is an input
             and latents are read off the nested coordinates by L
    soft     interventions change a mechanism and keep its inputs: a second network stands in for the replaced
             one, L is its linear part, and nested coordinates are all that can be known
    """

    basis: Tensor
    targets: Tensor
    inputs: Tensor
    lower: Tensor
    driven: Tensor
    idle: Tensor
    owners: Tensor
    counted: Tensor
    eye: Tensor
    free: Tensor

    def __init__(
        self,
        rows: Tensor,
        targets: Tensor,
        generator: torch.Generator,
        *,
        graph: Tensor | None = None,
        soft: bool = False,
        width: int = 48,
    ) -> None:
        super().__init__()
        candidates, n, _ = rows.shape
        self.register_buffer("basis", rows.float().clone())
        self.register_buffer("targets", targets.clone())
        self.register_buffer("lower", self.basis.new_ones(n, n).tril(-1))
        self.nested, self.soft = graph is None, soft
        inputs = self.lower.expand(candidates, n, n) if graph is None else graph.float()
        self.register_buffer("inputs", inputs.clone())
        driven = inputs.reshape(candidates * n, n).bool().any(1)
        self.register_buffer("driven", driven.nonzero()[:, 0])
        self.register_buffer("idle", (~driven).nonzero()[:, 0])
        self.register_buffer("owners", self.driven // n)
        self.register_buffer("counted", self.inputs.reshape(-1, n)[self.driven])
        self.register_buffer("eye", torch.eye(n, dtype=self.basis.dtype))
        free = self.basis.new_ones(
            n, n
        )  # relative changes of U that matter: of the nesting, or all given a graph
        self.register_buffer("free", free.triu(1) if self.nested else free)
        self.change = nn.Parameter(self.basis.new_zeros(candidates, n, n))
        self.remix = nn.Parameter(self.basis.new_zeros(candidates, n, n), requires_grad=self.nested or soft)
        self.network = BatchedNetwork(candidates * n, n, width, generator)
        self.changed = BatchedNetwork(candidates * n, n, width, generator) if soft else None
        self.noise = GaussianMixture((candidates, n))
        self.replaced = GaussianMixture((candidates, n))
        self.to(rows.device)

    def groups(self, rate: float) -> list[dict[str, object]]:
        """Parameter groups of AdamW; the encoder moves at half the rate."""
        slow = [p for p in (self.change, self.remix) if p.requires_grad]
        densities = [*self.noise.parameters(), *self.replaced.parameters()]
        return [
            {"params": slow, "weight_decay": 0.0, "lr": rate / 2},
            *(group for network in self.networks for group in network.groups(1e-2)),
            {"params": densities, "weight_decay": 0.0},
        ]

    @property
    def shape(self) -> tuple[int, int]:
        """(candidates, latents)."""
        return self.basis.shape[0], self.basis.shape[1]

    @property
    def networks(self) -> list[BatchedNetwork]:
        """Of mechanisms, and of those that soft interventions put in their place."""
        return [self.network] if self.changed is None else [self.network, self.changed]

    def coordinates(self) -> Tensor:
        """U (candidate, position, component)."""
        return torch.bmm(self.eye + self.change * self.free, self.basis)

    def rows(self) -> Tensor:
        """Encoder rows H (candidate, position, component): z = H y; the nested coordinates where that is all."""
        if not self.nested or self.soft:
            return self.coordinates()
        return torch.bmm(self.eye + self.remix * self.inputs, self.coordinates())

    def shown(self, u: Tensor) -> Tensor:
        """Of u (candidate, sample, position) what each network with inputs (``driven``) is shown, whichever of it
        counts: (mechanism, sample, position)."""
        return u.index_select(0, self.owners)

    def _values(self, network: BatchedNetwork, shown: Tensor) -> Tensor:
        """Networks of all mechanisms (candidate, position, sample), without their linear skips; those without inputs
        are constants."""
        candidates, n = self.shape
        found = network.some(self.driven, shown, self.counted)
        still = network.some(self.idle, shown.new_zeros(len(self.idle), 1, n))
        values = found.new_zeros(candidates * n, shown.shape[1]).index_copy(0, self.driven, found)
        constant = network.constant[:, :, 0].index_add(0, self.idle, still)
        return (values + constant).view(candidates, n, -1)

    @property
    def slopes(self) -> Tensor:
        """Linear skips of all mechanisms (candidate, position, position), 0 where one is no input."""
        return self.network.linear.view_as(self.inputs) * self.inputs

    def terms(self, u: Tensor, shown: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """u (candidate, sample, position) → mechanism residuals and latents, (candidate, position, sample)."""
        shown = self.shown(u) if shown is None else shown
        transposed = u.transpose(1, 2)
        residuals = torch.bmm(self.eye - self.slopes, transposed) - self._values(self.network, shown)
        replaced = torch.bmm(self.eye + self.remix * self.inputs, transposed)
        if self.changed is not None:
            replaced = replaced - self._values(self.changed, shown)
        return residuals, replaced

    def hidden(self, u: Tensor, positions: Tensor) -> Tensor:
        """What the last layers of some mechanisms of the first candidate see, at u (sample, position): (some, sample,
        unit)."""
        return self.network.some_hidden(
            positions, u.expand(len(positions), -1, -1), self.inputs[0, positions]
        )

    def own(self, environment: Tensor) -> Tensor:
        """Whether each latent is targeted (candidate, position, sample)."""
        if self.targets.ndim == 3:
            return self.targets[:, :, environment]
        return environment[None, None, :] == self.targets[:, :, None]

    def log_terms(self, residuals: Tensor, latents: Tensor, environment: Tensor) -> Tensor:
        """Log density of each latent (candidate, position, sample), replaced in its own environment."""
        own = self.own(environment)
        return either(self.replaced, self.noise, torch.where(own, latents, residuals), own)

    def loss(self, sample: Sample) -> Tensor:
        """Negative log likelihood of each sample (candidate, sample), in nats."""
        matrix = self.coordinates()
        terms = self.log_terms(*self.terms(sample.y @ matrix.transpose(1, 2)), sample.environment)
        return -terms.sum(1) - torch.linalg.slogdet(matrix)[1][:, None]

    def newton(self, sample: Sample, cap: float = 0.2, damping: float = 1e-4) -> None:
        """One damped Newton step of the linear parameters, no entry of it above ``cap``."""
        total, information = torch.zeros(2, dtype=torch.float64, device=sample.y.device)
        size = max(1, CHUNK // self.shape[0])
        for index in torch.arange(len(sample), device=sample.y.device).split(size):
            scores = self.linear_scores(sample[index])
            total = total + scores.sum(2).double() / len(sample)
            information = information + torch.bmm(scores, scores.transpose(1, 2)).double() / len(sample)
        counts = self.counts.double()
        total, information = total * counts, information * counts[:, None] * counts[:, :, None]
        diagonal = information.diagonal(dim1=1, dim2=2)
        added = damping * diagonal + 1e-10 + (diagonal == 0)
        added[:, total.shape[1] - len(self._maps[0]) :] += FLAT
        step = torch.linalg.solve(information + torch.diag_embed(added), total)
        self.move(step * (cap / step.abs().amax(1, keepdim=True).clamp(min=cap)))

    def linear_scores(self, sample: Sample) -> Tensor:
        """Derivatives of each sample's log likelihood along :meth:`move` (candidate, parameter, sample).

        Parameters are entries of U, linear skips, intercepts, of L where it is free, and of the maps of inputs, be
        they among those that count (``counts``) or not.
        """
        candidates, n = self.shape
        with torch.no_grad():
            self.basis.copy_(self.coordinates())
            self.change.zero_()
            u = sample.y @ self.basis.transpose(1, 2)
        with held([*self.networks, self.noise, self.replaced]):
            shown = self.shown(u.requires_grad_(True))
            residuals, latents = self.terms(u, shown)
            total = self.log_terms(residuals, latents, sample.environment).sum()
            of_u, of_residuals, of_latents, of_shown = torch.autograd.grad(
                total, [u, residuals, latents, shown]
            )
        u, of_u = (one.detach().transpose(1, 2).contiguous() for one in (u, of_u))
        of_inputs = of_shown.new_zeros(candidates * n, n, len(sample))
        of_inputs = of_inputs.index_copy(0, self.driven, of_shown.transpose(1, 2)).view(candidates, n, n, -1)
        of_mean = -of_residuals
        of_inputs.addcmul_(self.slopes.detach()[..., None], of_mean[:, :, None])
        every, places = torch.ones_like(u[:, :1]), range(n)
        factors = [(of_u[:, i : i + 1], u[:, i + 1 if self.nested else 0 :]) for i in places]
        factors += [(of_mean[:, i : i + 1], u[:, :i]) for i in places] + [(of_mean, every)]
        if self.remix.requires_grad:
            factors += [(of_latents[:, i : i + 1], u[:, :i]) for i in places]
        factors += [(of_inputs[:, i, :i], u[:, :i]) for i in places]
        scores = u.new_empty(candidates, self.counts.shape[1], len(sample))
        rows = torch.split(scores, [one.shape[1] * other.shape[1] for one, other in factors], 1)
        for (one, other), some in zip(factors, rows, strict=True):
            out = some.view(candidates, one.shape[1], other.shape[1], len(sample))
            torch.mul(one[:, :, None], other[:, None], out=out)
        if not self.nested:
            scores[:, : n * n : n + 1] += 1
        return scores

    @property
    def counts(self) -> Tensor:
        """Which parameters of :meth:`move` count (candidate, parameter): effects of inputs that are there, and maps
        between them, beside all others."""
        lower = self.lower.nonzero().T
        mechanism, to, since = self._maps
        present = self.inputs[:, lower[0], lower[1]]
        ones = self.inputs.new_ones(self.shape[0], 1)
        parts = [ones.expand(-1, int(self.free.sum())), present, ones.expand(-1, self.shape[1])]
        parts += [present] * self.remix.requires_grad
        return torch.cat([*parts, self.inputs[:, mechanism, to] * self.inputs[:, mechanism, since]], 1)

    @property
    def _maps(self) -> tuple[Tensor, Tensor, Tensor]:
        """(mechanism, to, since): the entries of the linear maps of mechanisms' inputs."""
        lower = self.lower.bool()
        mechanism, to, since = (lower[:, :, None] & lower[:, None, :]).nonzero().T
        return mechanism, to, since

    @torch.no_grad()
    def move(self, step: Tensor) -> None:
        """Change the linear parameters by a step (candidate, parameter), in the order of :meth:`linear_scores`."""
        candidates, n = self.shape
        free, lower = self.free.nonzero().T, self.lower.nonzero().T
        mechanism, to, since = self._maps
        remixed = lower.shape[1] if self.remix.requires_grad else 0
        sizes = [free.shape[1], lower.shape[1], n, remixed, len(mechanism)]
        relative, linear, intercepts, remix, maps = torch.split(step.to(self.basis.dtype), sizes, dim=1)
        change = self.basis.new_zeros(candidates, n, n)
        change[:, free[0], free[1]] = relative
        self.basis.copy_(torch.bmm(self.eye + change, self.basis))
        mapped = self.eye.repeat(candidates, n, 1, 1)
        mapped[:, mechanism, since, to] += maps
        for network in self.networks:
            for weights in (network.first, network.linear):
                weights.copy_(mapped.flatten(0, 1) @ weights)
        self.network.linear.view(candidates, n, n)[:, lower[0], lower[1]] += linear
        self.network.constant.view(candidates, n)[:] += intercepts
        if self.remix.requires_grad:
            self.remix[:, lower[0], lower[1]] += remix

    def chosen(self, candidate: int, generator: torch.Generator) -> FlexibleLikelihood:
        """One candidate alone, as far as it has been fitted."""
        only = slice(candidate, candidate + 1)
        width = self.network.first.shape[-1]
        graph = None if self.nested else self.inputs[only].bool()
        other = FlexibleLikelihood(
            self.basis[only], self.targets[only], generator, graph=graph, soft=self.soft, width=width
        )
        mine = dict(self.named_parameters())
        with torch.no_grad():
            for name, parameter in other.named_parameters():
                size = len(parameter)
                parameter.copy_(mine[name][candidate * size : (candidate + 1) * size])
        return other

    def given(self, graphs: Tensor, generator: torch.Generator) -> FlexibleLikelihood:
        """One candidate continued under several graphs (graph, position, position), latents as coordinates."""
        assert self.nested and self.shape[0] == 1
        count, n = graphs.shape[0], self.shape[1]
        with torch.no_grad():
            back = self.eye
            if not self.soft:
                back = torch.linalg.inv(back + self.remix[0] * self.lower)
            other = FlexibleLikelihood(
                self.rows().expand(count, -1, -1),
                self.targets.expand(count, *self.targets.shape[1:]),
                generator,
                graph=graphs,
                width=self.network.first.shape[-1],
            )
            for (name, old), new in zip(
                self.network.named_parameters(), other.network.parameters(), strict=True
            ):
                value = torch.einsum("ji,pjk->pik", back, old) if name in ("first", "linear") else old
                if name == "linear":
                    value = value + (self.eye - back).reshape(n, n, 1)
                if name in ("first", "linear"):
                    value = value.repeat(count, 1, 1) * graphs.reshape(count * n, n, 1).float()
                else:
                    value = value.repeat(count, 1, 1)
                new.copy_(value)
            for mine, its in ((self.noise, other.noise), (self.replaced, other.replaced)):
                for old, new in zip(mine.parameters(), its.parameters(), strict=True):
                    new.copy_(old.expand_as(new))
        return other


@contextmanager
def held(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Nothing is differentiated in their parameters."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
