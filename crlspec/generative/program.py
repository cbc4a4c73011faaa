"""Pyro programs of one environment: latents as sites, or noise as sites and latents as functions of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import pyro
import torch
from torch.distributions.transforms import Transform

from crlspec.errors import CrlspecError
from crlspec.generative.drawing import drawing_from, named_generator
from crlspec.generative.mixing import Mixing
from crlspec.generative.scm import SCM, Distribution, Mechanism, gather
from crlspec.typing import Latents, Node, Observations, Parents, Tensor

Program = Callable[..., tuple[Latents, Observations]]
NoiseSites = Literal["implicit", "explicit"]


def program(
    scm: SCM,
    mixing: Mixing,
    like: Tensor,
    noise: NoiseSites = "implicit",
    deviation: float = 0.0,
    prefix: str = "",
) -> Program:
    """The program of ``scm`` seen through ``mixing``; ``like`` has its device and dtype.

    ``deviation`` is that of normal noise on every observed variable; x is a sample site where there is some.
    ``prefix`` goes before the names of all sites and of the plate.

    Raises:
        CrlspecError: ``noise`` is neither word, or explicit where a mechanism has no such form.
    """
    if noise not in ("implicit", "explicit"):
        raise CrlspecError(f"noise={noise!r} is unknown.", remedy="choose implicit or explicit.")
    node = _latent_site
    if noise == "explicit":
        node = _noise_site
        _require_explicit(scm, like)

    def run(n: int = 1) -> tuple[Latents, Observations]:
        columns: dict[str, Node] = {}
        with pyro.plate(f"{prefix}_samples", n, device=str(like.device)):
            for name in scm.order:
                mechanism = scm.mechanisms[name]
                seen = torch.broadcast_tensors(*(columns[p] for p in mechanism.parents))
                values = dict(zip(mechanism.parents, seen))
                parents = gather(values, mechanism.parents, like=like.new_empty(n))
                columns[name] = node(prefix + name, mechanism, parents)
            z = torch.stack(torch.broadcast_tensors(*(columns[name] for name in scm.latents)), dim=-1)
            if deviation > 0:
                x = pyro.sample(f"{prefix}x", pyro.distributions.Normal(mixing(z), deviation).to_event(1))
            else:
                x = pyro.deterministic(f"{prefix}x", mixing(z), event_dim=1)
        return z, x

    return run


def abduct(scm: SCM, z: Latents) -> Mapping[str, Tensor]:
    """The noise that gave ``z`` (*sample, latent): site of the explicit program → values (*sample).

    Raises:
        CrlspecError: a mechanism has no form with explicit noise.
    """
    columns = dict(zip(scm.latents, z.unbind(-1)))
    found = {}
    for name in scm.order:
        mechanism = scm.mechanisms[name]
        if not mechanism.clamped:
            _, response = _explicit(name, mechanism, gather(columns, mechanism.parents))
            found[noise_site(name)] = response.inv(columns[name])
    return found


def predict(scm: SCM, noise: Mapping[str, Tensor], like: Tensor, seed: int = 0) -> Latents:
    """What ``scm`` makes of noise, site → values (sample,): z (sample, latent), the last step of a counterfactual.

    It is the explicit program conditioned on the noise, without Pyro, whose handlers belong to the whole process. A
    site that ``noise`` lacks is drawn from a stream of its own; ``like`` (sample,) has the place and dtype.

    Raises:
        CrlspecError: a mechanism has no form with explicit noise.
    """
    columns: dict[str, Node] = {}
    for name in scm.order:
        mechanism, site = scm.mechanisms[name], noise_site(name)
        parents = gather(columns, mechanism.parents, like=like)
        if mechanism.clamped:
            columns[name] = mechanism.distribution(parents).mean
            continue
        free, response = _explicit(name, mechanism, parents)
        values = noise.get(site)
        if values is None:
            with drawing_from(named_generator(seed, site, device=like.device)):
                values = free.sample()
        columns[name] = response(values)
    return torch.stack(torch.broadcast_tensors(*(columns[name] for name in scm.latents)), dim=-1)


def noise_site(latent: str) -> str:
    """The name of the site that holds the noise of a latent."""
    return f"{latent}_noise"


def _latent_site(name: str, mechanism: Mechanism, parents: Parents) -> Node:
    distribution = mechanism.distribution(parents)
    if mechanism.clamped:
        value: Node = pyro.deterministic(name, distribution.mean, event_dim=0)
        return value
    drawn: Node = pyro.sample(name, distribution)
    return drawn


def _noise_site(name: str, mechanism: Mechanism, parents: Parents) -> Node:
    if mechanism.clamped:
        return _latent_site(name, mechanism, parents)
    # Noise reads no parents: where those come in several worlds, it is the same in all of them.
    noise, _ = _explicit(name, mechanism, parents.new_zeros(1, parents.shape[-1]))
    _, response = _explicit(name, mechanism, parents)
    value: Node = pyro.deterministic(name, response(pyro.sample(noise_site(name), noise)), event_dim=0)
    return value


def _explicit(name: str, mechanism: Mechanism, parents: Parents) -> tuple[Distribution, Transform]:
    try:
        return mechanism.explicit(parents)
    except CrlspecError as error:
        raise CrlspecError(f"{name}: {error.message}", remedy=error.remedy) from None


def _require_explicit(scm: SCM, like: Tensor) -> None:
    for name, mechanism in scm.mechanisms.items():
        if noise_site(name) in scm.mechanisms:
            message = f"the latent {noise_site(name)!r} has the name of the noise of {name!r}."
            raise CrlspecError(message, remedy="rename one of them.")
        if not mechanism.clamped:
            _explicit(name, mechanism, like.new_zeros(1, len(mechanism.parents)))
