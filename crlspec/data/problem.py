"""The Problem that an estimator is given: observations and the design, less all that is concealed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.memory import refuse_too_large
from crlspec.data.tree import environments_of, listed, observational_of, pixels_of
from crlspec.data.validate import (
    Finding,
    align,
    inspect_constants,
    inspect_samples,
    place,
    raise_findings,
)
from crlspec.data.validate_images import equal_images, image_findings, images_of
from crlspec.errors import DataError
from crlspec.numerics.kept import Table
from crlspec.numerics.rows import Rows, Told, digest_of

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.spec.setting import Setting

__all__ = ["Problem", "Relabelling"]


@dataclass(frozen=True)
class Relabelling:
    """The way back: ``environments`` and ``latents`` map each opaque name to the original one."""

    environments: Mapping[str, str]
    latents: Mapping[str, str]

    @property
    def inverse(self) -> Relabelling:
        """From the original names to the opaque ones."""
        return Relabelling(
            {old: new for new, old in self.environments.items()},
            {old: new for new, old in self.latents.items()},
        )


@dataclass(frozen=True)
class Problem:
    """What an estimator may know. The truth is not in it.

    setting   mixing class, design, hard or soft, targets where they are not concealed
    observed  names of the observed variables, in the order of the columns; none where only images are observed
    samples   environment → (sample, observed) float64, finite, read-only; the observational one included. Data that
              do not fit are :class:`Rows`, which read a run of rows when they are asked for, others a :class:`Table`
    effective environment → effective number of samples, where rows of a file depend on each other; may be empty
    images    environment → (sample, channel, row, column), uint8 from 0 to 255 or float from 0 to 1, read-only,
              perhaps memory maps; empty where no images are observed
    code_size how many of the columns, the first ones, are a code of the images
    """

    setting: Setting
    observed: tuple[str, ...]
    samples: Mapping[str, np.ndarray]
    effective: Mapping[str, float] = field(default_factory=dict)
    images: Mapping[str, np.ndarray] = field(default_factory=dict)
    code_size: int = 0

    def size(self, environment: str) -> float:
        """Number of samples of an environment, the effective one where it is known."""
        return float(self.effective.get(environment, len(self.samples[environment])))

    @property
    def dependent(self) -> frozenset[str]:
        """Environments whose rows depend on each other, as far as it is known."""
        return frozenset(name for name in self.samples if self.size(name) < len(self.samples[name]))

    @property
    def observational(self) -> str:
        """Name of the environment without intervention."""
        assert self.setting.observational is not None
        return self.setting.observational

    @property
    def environments(self) -> tuple[str, ...]:
        """Names of the environments with interventions, in order."""
        return self.setting.environments

    @property
    def latents(self) -> tuple[str, ...]:
        """Names of the latents; with concealed targets they say how many there are and no more."""
        return self.setting.latents

    @property
    def environments_by_latent(self) -> tuple[str, ...]:
        """Single-node designs: the environment that intervenes on each latent, in the order of the latents."""
        targets = self.setting.targets
        if targets is None:
            return self.environments
        found = {targets[name][0]: name for name in self.environments}
        return tuple(found[latent] for latent in self.latents)

    @classmethod
    def from_data(cls, tree: xr.DataTree, setting: Setting, told: Told | None = None) -> Problem:
        """Take what an estimator may know out of data, and check it.

        told  called with numbers of rows while observations that are not in memory are read for the first time

        Raises DataError listing every fault with file, environment and column: no or an unknown
        observational environment, environments missing or unexpected, other column names than declared or
        than elsewhere, cells that are not finite, constant columns, fewer samples than dimensions, two
        environments of equal samples. Pixels of an image may be constant, and outnumber the samples. Images of
        another shape or type than elsewhere, out of range, or all the same; and images of which a mixing that is
        not general is said.
        """
        setting = _settled(tree, setting)
        names = environments_of(tree)
        findings: list[Finding] = _environment_findings(names, setting) + _known_findings(setting)
        setting = setting if findings else setting.tied
        known = (setting.observational, *setting.environments)
        images = {name: pictures for name, pictures in images_of(tree).items() if name in known}
        alone = bool(images) and not any("x" in tree.children[name].data_vars for name in names)
        wanted = () if alone else setting.observed
        samples: dict[str, Any] = {}
        pixels = pixels_of(tree)
        for name in names:
            if name not in known:
                continue
            aligned = align(tree, name, wanted, findings)
            if aligned is not None:
                wanted, samples[name] = aligned[0], _frozen(aligned[1])
                if told is not None and isinstance(aligned[1], Rows):
                    aligned[1].scanned(told)
                findings += inspect_samples(tree, name, wanted, samples[name], pixels, len(setting.latents))
        if wanted is not None:
            varied = {
                k: x for k, x in samples.items() if not setting.deterministic or k == setting.observational
            }
            findings += inspect_constants(tree, wanted, varied, len(setting.latents), pixels)
        findings += image_findings(images, {name: place(tree, name) for name in samples})
        if images:
            findings += _of_images(setting)
        elif wanted is not None and len(wanted) < len(setting.latents):
            findings.append(
                Finding(
                    f"{len(wanted)} observed variables cannot determine {len(setting.latents)} latents.",
                    "Observe at least as many variables as there are latents, or declare fewer latents.",
                )
            )
        findings += _twins(samples, images)
        raise_findings(findings)
        assert wanted is not None
        ordered = [str(name) for name in known]
        return cls(
            replace(setting, observed=wanted),
            wanted,
            {name: samples[name] for name in ordered},
            images={name: images[name] for name in ordered if name in images},
        )

    @property
    def rows_bytes(self) -> int:
        """Bytes that the observations which are not in memory would take there."""
        return sum(x.nbytes for x in self.samples.values() if isinstance(x, Rows))

    def in_memory(self, who: str) -> Problem:
        """The same problem with all observations in memory.

        who  needs them, as an error names it

        Raises CrlspecError where memory cannot hold them.
        """
        if not self.rows_bytes:
            return self
        refuse_too_large(
            self.rows_bytes,
            f"The observations, which {who} takes in memory,",
            "Use lscale-i or umni-crl (linear mixing), which read them as they go. Or give fewer samples, or use a "
            "machine with more memory.",
        )
        return replace(self, samples={name: _frozen(np.asarray(x)) for name, x in self.samples.items()})

    def coded(self, names: tuple[str, ...], encode: Callable[[np.ndarray], np.ndarray]) -> Problem:
        """The same problem with a code of its images as further columns, before the others; the images stay.

        names   of the columns of the code
        encode  images (sample, channel, row, column) → (sample, name)

        Raises DataError where a column has the name of one of the code.
        """
        if taken := [name for name in names if name in self.observed]:
            raise DataError(
                f"The observed variables {listed(taken)} have the names of the code of the images.",
                remedy="Rename these columns.",
            )
        samples = {
            name: _frozen(np.concatenate([encode(self.images[name]), x], axis=1))
            for name, x in self.samples.items()
        }
        observed = (*names, *self.observed)
        return replace(
            self,
            setting=replace(self.setting, observed=observed),
            observed=observed,
            samples=samples,
            code_size=len(names),
        )

    def shuffled(self, seed: int) -> tuple[Problem, Relabelling]:
        """The same problem with environments (``e1`` …) and latents (``u1`` …) renamed, in random order.

        So neither names nor order can tell an estimator the causal order. Deterministic given the seed.
        """
        rng = np.random.default_rng([seed, 0x5F1E])
        shuffled = [str(name) for name in rng.permutation(np.array(list(self.samples), dtype=object))]
        environments = {old: f"e{k + 1}" for k, old in enumerate(shuffled)}
        order = [str(name) for name in rng.permutation(np.array(list(self.latents), dtype=object))]
        latents = {old: f"u{k + 1}" for k, old in enumerate(order)}
        setting = _renamed(self.setting, environments, latents)
        samples = {environments[name]: self.samples[name] for name in shuffled}
        relabelling = Relabelling(environments, latents).inverse
        effective = {environments[name]: size for name, size in self.effective.items()}
        images = {environments[name]: self.images[name] for name in shuffled if name in self.images}
        renamed = Problem(setting, self.observed, samples, effective, images, self.code_size)
        return renamed, relabelling


def _frozen(values: np.ndarray | Rows) -> Any:
    if isinstance(values, Rows):
        return values
    return Table.of(values)


def _settled(tree: xr.DataTree, setting: Setting) -> Setting:
    """The setting with the environment names that only the data know."""
    names = environments_of(tree)
    observational = setting.observational or observational_of(tree)
    if observational is None or observational not in names:
        asked = f"'{observational}' " if observational else ""
        raise DataError(
            f"There is no observational environment {asked}among the data; there are {listed(names)}.",
            remedy="Add data without intervention, or name the environment that has none: "
            "key data.observational.",
        )
    environments = setting.environments
    if not environments and setting.pairs:
        environments = tuple(name for pair in setting.pairs for name in pair)
    if not environments and setting.targets:
        environments = tuple(name for name in setting.targets if name != observational)
    if not environments and setting.design != "observational":
        environments = tuple(name for name in names if name != observational)
    return replace(setting, observational=observational, environments=environments)


def _known_findings(setting: Setting) -> list[Finding]:
    """Names in what is known already that neither data nor setting have."""
    known = setting.known
    if known is None:
        return []
    targets = known.targets or {}
    told = {*known.latents, *(name for hit in targets.values() for name in hit)}
    return [
        Finding(
            f"assume.known names the environment '{name}', which is none of those with interventions: "
            f"{listed(setting.environments)}.",
            "Take the name from the data.",
        )
        for name in targets
        if name not in setting.environments
    ] + [
        Finding(
            f"assume.known names '{name}', which is no latent; there are {listed(setting.latents)}.",
            "Take the name of a latent.",
        )
        for name in sorted(told - set(setting.latents))
    ]


def _environment_findings(names: tuple[str, ...], setting: Setting) -> list[Finding]:
    expected = (setting.observational, *setting.environments)
    findings = [
        Finding(
            f"Environment '{name}' is missing from the data; they hold {listed(names)}.",
            "Add its samples, or leave the environment out of the spec.",
        )
        for name in expected
        if name not in names
    ]
    findings += [
        Finding(
            f"Environment '{name}' is unexpected; the spec speaks of {listed(expected)}.",
            "Declare it in the spec, or leave it out of the data.",
        )
        for name in names
        if name not in expected
    ]
    if setting.design != "observational" and not setting.environments:
        findings.append(
            Finding(
                f"Only the observational environment '{setting.observational}' is there.",
                "Add at least one environment with an intervention.",
            )
        )
    return findings


def _of_images(setting: Setting) -> list[Finding]:
    """What no setting may say of images."""
    findings = []
    if setting.mixing != "general":
        text = f"Images are observed, and the mixing is said to be {setting.mixing}, which that of images is not."
        findings.append(Finding(text, "Say mixing: general."))
    if not setting.latents:
        text = "The number of latents cannot be counted in images."
        findings.append(Finding(text, "Declare it, e.g. latents: 3."))
    return findings


def _twins(samples: Mapping[str, np.ndarray | Rows], images: Mapping[str, np.ndarray]) -> list[Finding]:
    """Environments with exactly the same samples: one file saved under two names."""
    seen: dict[bytes, str] = {}
    findings = []
    none = np.empty((0, 0))
    for name, values in samples.items():
        pictures = images.get(name, none)
        if not values.size and not pictures.size:
            continue
        first = [np.ascontiguousarray(some[:16]).tobytes() for some in (values, pictures)]
        key = hashlib.sha256(repr((values.shape, pictures.shape)).encode() + b"".join(first)).digest()
        if (
            key in seen
            and _equal(values, samples[seen[key]])
            and equal_images(pictures, images.get(seen[key], none))
        ):
            findings.append(
                Finding(
                    f"Environments '{seen[key]}' and '{name}' hold exactly the same samples.",
                    "Give each environment its own data.",
                )
            )
        seen.setdefault(key, name)
    return findings


def _equal(one: np.ndarray | Rows, other: np.ndarray | Rows) -> bool:
    if isinstance(one, Rows) or isinstance(other, Rows):
        return digest_of(one) == digest_of(other)
    return np.array_equal(one, other)


def _renamed(setting: Setting, environments: Mapping[str, str], latents: Mapping[str, str]) -> Setting:
    """The setting under other names, each list in the order of the new names."""

    def number(name: str) -> int:
        return int(name[1:])

    targets = setting.targets
    pairs = setting.pairs
    return replace(
        setting,
        latents=tuple(sorted(latents.values(), key=number)),
        observational=environments[str(setting.observational)],
        environments=tuple(sorted((environments[name] for name in setting.environments), key=number)),
        targets=None
        if targets is None
        else {
            environments[name]: tuple(sorted((latents[z] for z in targets[name]), key=number))
            for name in sorted(targets, key=lambda old: number(environments[old]))
        },
        pairs=None
        if pairs is None
        else tuple(
            sorted(((environments[a], environments[b]) for a, b in pairs), key=lambda pair: number(pair[0]))
        ),
        known=None if setting.known is None else setting.known.renamed(environments, latents),
    )
