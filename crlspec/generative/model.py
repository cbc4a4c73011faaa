"""compile(spec, seed) → Model: a spec carried out in torch and Pyro, on one device and in one dtype."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from crlspec.data.memory import refuse_too_large
from crlspec.data.tree import IMAGE
from crlspec.errors import CrlspecError
from crlspec.generative.drawing import named_generator
from crlspec.generative.equation import EquationMechanism
from crlspec.generative.in_parts import Part, drawn, parts
from crlspec.generative.intervention import Constant, Environment, Kind, Shifted, scaled
from crlspec.generative.mixing import Mixing
from crlspec.generative.program import NoiseSites, Program, abduct
from crlspec.generative.scm import SCM, AdditiveMechanism, Mechanism, draws_itself
from crlspec.registry import MechanismDeclaration, NoiseDeclaration
from crlspec.spec.expression import parse_expression, parse_replacement
from crlspec.spec.interventions import ReplacedMechanism
from crlspec.spec.required import require_spec
from crlspec.spec.resolve import resolve
from crlspec.spec.setting import Setting
from crlspec.typing import Latents, LogDensity, Tensor

if TYPE_CHECKING:
    import networkx as nx
    import xarray as xr

    from crlspec.spec.schema import Spec

Device = torch.device | str

COPIES = 3
"""Copies of the samples that are held while they are made."""
RENDERED = 2**22
"""Numbers of the images that are rendered at a time, about."""


@dataclass(frozen=True, eq=False)
class Model:
    """A compiled spec: the latent SCM, its environments and the mixing.

    Attributes:
        spec: the resolved spec; it holds no randomness, and compiling it again gives the same model.
        setting: the row of the theory's table that the spec declares.
        latents: names, in the order of the last axis of every z.
        observed: names, in the order of the last axis of every x.
        scm: the SCM without interventions.
        environments: name → environment, the observational one included.
        observational: name of the environment without interventions.
        mixing: x = g(z); a linear one has ``matrix`` (observed, latent).
        device: where densities and scores are computed.
        dtype: their floating-point type.

    Where the mixing declares ``noise``, samples and Pyro programs carry it on x; densities and scores are those of z.
    """

    spec: Spec
    setting: Setting
    latents: tuple[str, ...]
    observed: tuple[str, ...]
    scm: SCM
    environments: Mapping[str, Environment]
    observational: str
    mixing: Mixing
    device: torch.device
    dtype: torch.dtype
    _sampler: Model | None = field(default=None, repr=False)

    @property
    def observation_noise(self) -> float:
        """Standard deviation of the noise on every observed variable, in the units of x."""
        return 0.0 if self.spec.mixing is None else float(self.spec.mixing.noise)

    @property
    def graph(self) -> nx.DiGraph:
        """The causal graph without interventions: a node for each latent, also the isolated ones."""
        import networkx as nx

        graph = nx.DiGraph()
        graph.add_nodes_from(self.latents)
        graph.add_edges_from(self.edges)
        return graph

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """The edges of ``graph``, (cause, effect): by cause, then by effect, in the order of the latents."""
        parents = {name: self.scm.mechanisms[name].parents for name in self.latents}
        return tuple((a, b) for a in self.latents for b in self.latents if a in parents[b])

    def sample(self, n: int | Mapping[str, int] | None = None, seed: int = 0) -> xr.DataTree:
        """Draw from every environment.

        Args:
            n: samples in each environment; or a mapping environment → samples, which also selects
                environments; by default what the spec says.
            seed: each environment and latent has its own stream derived from it, so that the draws of one
                environment do not depend on which others there are. A GPU draws other numbers than the CPU, of the
                same distribution; the CPU draws in float64 whatever the dtype.

        Returns:
            A DataTree with a child for each environment: ``x`` (sample, observed) and the truth ``z``
            (sample, latent), both float64. Where the mixing renders images, ``image`` (sample, channel, row,
            column) in uint8 takes the place of ``x``; they are rendered on the model's device.

        Raises:
            CrlspecError: an unknown environment, a number of samples below 1 or beyond what memory holds, or
                observations that are not finite.
            SpecError: draws of a latent that are not finite, with its equation and place.
        """
        from crlspec.data import from_arrays

        counts = self._counts(self.spec.samples if n is None else n)
        self._refuse_too_many(counts)
        source = self if self._sampler is None else self._sampler
        truth, arrays, images = {}, {}, {}
        if self.mixing.image_shape is None:
            for part in parts(source, counts, seed):
                arrays[part.environment], truth[part.environment] = part.x, part.z
        else:
            with torch.no_grad():
                for name, count in counts.items():
                    z = drawn(source, name, count, seed)
                    truth[name] = z.double().cpu().numpy()
                    images[name] = self._rendered(z, named_generator(seed, "nuisance", name))
        observational = self.observational if self.observational in counts else None
        return from_arrays(
            arrays,
            self.observed,
            truth,
            observational,
            latents=self.latents,
            provenance=self.sampled(seed),
            images=images,
            cameras=self.mixing.cameras,
        )

    def parts(
        self, n: int | Mapping[str, int] | None = None, seed: int = 0, rows: int | None = None
    ) -> Iterator[Part]:
        """The same samples, ``rows`` at a time, for more of them than memory holds.

        Args:
            n, seed: as :meth:`sample` takes them.
            rows: samples in a part, at most; None: 10,000, and fewer where more than 200 variables are observed.

        Returns:
            Parts in the order of the environments: name, ``x`` and ``z``.

        Raises:
            CrlspecError: as :meth:`sample`, and where the mixing renders images.
        """
        counts = self._counts(self.spec.samples if n is None else n)
        if self.mixing.image_shape is not None:
            raise CrlspecError(
                "the mixing renders images, which lie on disk anyway.", remedy="call sample()."
            )
        most = max(counts.values())
        refuse_too_large(
            8 * COPIES * len(self.latents) * most, f"{most} samples of {len(self.latents)} latents"
        )
        rows = rows or max(1, 10_000 * 200 // max(200, len(self.observed)))
        return parts(self if self._sampler is None else self._sampler, counts, seed, rows)

    def sampled(self, seed: int) -> dict[str, Any]:
        """What samples of this model say of their origin."""
        return {"spec": self.spec.name, "seed": int(seed), **self._image()}

    def _refuse_too_many(self, counts: Mapping[str, int]) -> None:
        """Raises CrlspecError where so many samples cannot be held in memory; images lie on disk."""
        shape = self.mixing.image_shape
        width = len(self.latents) + (len(self.observed) if shape is None else 0)
        total = sum(counts.values())
        refuse_too_large(8 * COPIES * width * total, f"{total} samples of {width} numbers each")

    def _rendered(self, z: Tensor, chance: torch.Generator) -> np.ndarray:
        """Images (sample, channel, row, column) uint8 of latents, a batch at a time; many of them lie on disk."""
        from crlspec.data.images import empty_images

        mixing: Any = self.mixing
        shape = mixing.image_shape
        images = empty_images((len(z), *shape))
        step = max(1, RENDERED // int(np.prod(shape)))
        for start in range(0, len(z), step):
            batch = z[start : start + step].to(dtype=self.dtype, device=self.device)
            images[start : start + step] = mixing.render(batch, chance).cpu().numpy()
        return images

    def log_density(self, z: Latents | np.ndarray, environment: str | None = None) -> LogDensity:
        """log p(z) in an environment, in nats: (*sample, latent) → (*sample).

        Without ``environment`` that of the SCM without interventions. Where do() clamps a latent the density
        is that of the others. Works under ``torch.func`` transforms.
        """
        return self._scm(environment).log_density(self.tensor(z))

    def score(self, z: Latents | np.ndarray, environment: str | None = None) -> Latents:
        """∇ log p(z) in an environment: (*sample, latent) → (*sample, latent); 0 for a clamped latent."""
        return self._scm(environment).score(self.tensor(z))

    def pyro(self, environment: str | None = None, noise: NoiseSites = "implicit") -> Program:
        """A plain Pyro program of one environment, to condition, infer or predict with.

        The program takes the number of samples (by default 1) and returns (z, x). Its sites are the latents,
        under their names, inside the plate ``_samples``, and the deterministic site ``x`` with the observed
        variables in its event dimension (a sample site where the mixing declares noise). A latent clamped by
        do() is a deterministic site.

        With ``noise="explicit"`` the sample sites are the noise variables ``<latent>_noise``, standardised and
        independent of one another, and the latents are deterministic functions of them: the same joint
        distribution. Programs of several environments then share their noise (see :meth:`abduct`).

        Raises:
            CrlspecError: an unknown environment, or a mechanism without a form with explicit noise.
        """
        like = torch.empty(0, dtype=self.dtype, device=self.device)
        return Program(self._scm(environment), self.mixing, like, noise, self.observation_noise)

    def abduct(self, z: Latents | np.ndarray, environment: str | None = None) -> Mapping[str, Tensor]:
        """The noise that gave ``z`` (*sample, latent) in an environment: site → values (*sample).

        The first step of a counterfactual (abduction, action, prediction: Pearl, Causality, 2009, section 7.1);
        the others are to condition the explicit program of another environment on it:

            noise = model.abduct(z, "obs")
            counterfactual, _ = pyro.condition(model.pyro("do_z1", noise="explicit"), data=noise)(len(z))
        """
        return abduct(self._scm(environment), self.tensor(z))

    def __repr__(self) -> str:
        edges = sum(len(mechanism.parents) for mechanism in self.scm.mechanisms.values())
        return (
            f"<Model {self.spec.name!r}: {len(self.latents)} latents, {edges} edges, {len(self.observed)} observed, "
            f"{len(self.environments)} environments, {self.device}>"
        )

    def _repr_html_(self) -> str:
        from crlspec.notebook import card, grid

        edges = [f"{a} → {b}" for a, b in self.edges]
        rows = [
            ("latents", str(len(self.latents))),
            ("edges", ", ".join(edges[:20] + ["…"] * (len(edges) > 20)) or "none"),
            ("observed", f"{len(self.observed)}, {type(self.mixing).__name__}"),
            ("numbers", f"{str(self.dtype).removeprefix('torch.')} on {self.device}"),
        ]
        told = [[name, ", ".join(one.targets), one.kind] for name, one in self.environments.items()]
        return card("Model", self.spec.name, rows, parts=[grid(["environment", "targets", "kind"], told)])

    def _image(self) -> dict[str, list[int]]:
        """What data say of their pixels, where the mixing has a camera."""
        shape = None if self.spec.mixing is None else self.spec.mixing.image_shape
        return {} if shape is None else {IMAGE: list(shape)}

    def _scm(self, environment: str | None) -> SCM:
        return self.scm if environment is None else self.environments[self._known(environment)].scm

    def _known(self, environment: str) -> str:
        if environment not in self.environments:
            near = get_close_matches(environment, self.environments, n=1)
            raise CrlspecError(
                f"there is no environment {environment!r}; there are {', '.join(self.environments)}.",
                remedy=f"did you mean {near[0]!r}?" if near else "choose one of these.",
            )
        return environment

    def _counts(self, n: int | Mapping[str, int]) -> dict[str, int]:
        counts = dict(n) if isinstance(n, Mapping) else dict.fromkeys(self.environments, n)
        for name, count in counts.items():
            self._known(name)
            if count < 1:
                raise CrlspecError(f"{count} samples were asked for in {name}.", remedy="ask for at least 1.")
        return {name: int(counts[name]) for name in self.environments if name in counts}

    def tensor(self, z: Any) -> Tensor:
        """An array on the model's device and in its dtype; a tensor stays what and where it is."""
        return z if isinstance(z, torch.Tensor) else torch.as_tensor(z, dtype=self.dtype, device=self.device)


def compile(spec: Spec, seed: int = 0, device: Device = "cpu", dtype: torch.dtype = torch.float64) -> Model:
    """Carry a spec out.

    Args:
        spec: a spec that declares a model: equations or ``scm``, and ``mixing``.
        seed: of every draw that the spec leaves open (graph, weights, mixing, targets).
        device: where densities and scores are computed, and samples drawn.
        dtype: their floating-point type. The CPU draws samples in float64 whatever the dtype.

    Raises:
        CrlspecError: the spec declares data of one's own in place of a model.
        SpecError: a family cannot be drawn, e.g. fewer observed variables than latents.
        WrongType: what is given is no spec, but its name, its text or a mapping.
    """
    spec = require_spec(spec, "crlspec.compile({}, seed=0)")
    if spec.mixing is None or (spec.scm is None and spec.equations is None):
        raise CrlspecError(
            f"the spec {spec.name!r} declares no model to compile.",
            remedy="give `mixing`, and `scm` or equations under `latents`; own data need no compiling.",
        )
    setting, resolved = Setting.of(spec), resolve(spec, seed)
    place = torch.device(device)
    itself = draws_itself(place) or (place.type == "cpu" and dtype == torch.float64)
    sampler = None if itself else _assemble(resolved, setting, torch.device("cpu"), torch.float64, None)
    return _assemble(resolved, setting, place, dtype, sampler)


def _assemble(
    spec: Spec, setting: Setting, device: torch.device, dtype: torch.dtype, sampler: Model | None
) -> Model:
    assert spec.mixing is not None
    scm, environments = build(spec, device, dtype)
    mixing = spec.mixing.implement()(spec.mixing, spec.latents, dtype, device)
    observational = next((name for name, e in environments.items() if not e.targets), None)
    if observational is None:
        raise CrlspecError(
            f"the spec {spec.name!r} has no environment without interventions.",
            remedy="add one to `environments`, e.g. `obs: {}`.",
        )
    return Model(
        spec, setting, spec.latents, mixing.observed, scm, environments, observational, mixing, device, dtype,
        _sampler=sampler,
    )  # fmt: skip


def build(spec: Spec, device: torch.device, dtype: torch.dtype) -> tuple[SCM, dict[str, Environment]]:
    """The SCM of a resolved spec without interventions, and its environments."""
    builder = _Builder(spec, device, dtype)
    scm = builder.scm()
    environments = {}
    for name, replaced in (spec.environments or {"obs": {}}).items():
        pairs = {latent: builder.replacement(scm, latent, value) for latent, value in replaced.items()}
        mechanisms = {latent: mechanism for latent, (mechanism, _) in pairs.items()}
        kinds = {latent: kind for latent, (_, kind) in pairs.items()}
        environments[name] = Environment.of(name, scm, mechanisms, kinds)
    return scm, environments


class _Builder:
    """Mechanisms from the declarations and equations of a resolved spec."""

    def __init__(self, spec: Spec, device: torch.device, dtype: torch.dtype) -> None:
        self.spec, self.device, self.dtype = spec, device, dtype

    def scm(self) -> SCM:
        spec = self.spec
        if spec.equations is not None:
            mechanisms: dict[str, Mechanism] = {n: self.equation(text) for n, text in spec.equations.items()}
            return SCM(spec.latents, mechanisms)
        assert spec.scm is not None
        assert isinstance(spec.scm.graph, tuple)
        assert isinstance(spec.scm.mechanism, dict)
        assert isinstance(spec.scm.noise, dict)
        edges = set(spec.scm.graph)
        built: dict[str, Mechanism] = {}
        for name in spec.latents:
            parents = tuple(parent for parent in spec.latents if (parent, name) in edges)
            built[name] = self.additive(spec.scm.mechanism[name], spec.scm.noise[name], parents)
        return SCM(spec.latents, built)

    def replacement(self, base: SCM, latent: str, value: str | ReplacedMechanism) -> tuple[Mechanism, Kind]:
        """What stands in place of a latent's mechanism, and whether the intervention is hard."""
        if isinstance(value, ReplacedMechanism):
            assert value.noise is not None
            parents = () if value.kind == "hard" else base.mechanisms[latent].parents
            return self.additive(value.mechanism, value.noise, parents), value.kind
        parsed = parse_replacement(value, self.spec.latents)
        kind: Kind = "hard" if parsed.is_hard else "soft"
        if parsed.equation is not None:
            return EquationMechanism(parsed.equation, self.dtype, self.device), kind
        assert parsed.value is not None
        if parsed.kind == "do":
            return Constant(parsed.value, self.dtype, self.device), kind
        if parsed.kind == "shift":
            return Shifted(base.mechanisms[latent], parsed.value), kind
        return scaled(base.mechanisms[latent], parsed.value, latent), kind

    def equation(self, text: str) -> Mechanism:
        return EquationMechanism(parse_expression(text, self.spec.latents), self.dtype, self.device)

    def additive(
        self, mechanism: MechanismDeclaration | None, noise: NoiseDeclaration, parents: tuple[str, ...]
    ) -> Mechanism:
        function = None
        if parents:
            assert mechanism is not None
            function = mechanism.implement()(mechanism, parents, self.dtype, self.device)
        return AdditiveMechanism(function, noise.implement()(noise, self.dtype, self.device), parents)
