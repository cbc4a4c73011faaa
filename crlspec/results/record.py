"""The Record: recovered latents, their graph and encoder, and what it takes to trust, cite and keep them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr

from crlspec.data.lazily import table_of
from crlspec.data.prepare import Transform
from crlspec.errors import DataError, EstimationError
from crlspec.inference.check import Check
from crlspec.inference.estimate import AbsentEdge, Edge, Estimate, GraphKind, Stage, Status
from crlspec.provenance import versions
from crlspec.results import account, storage, texts
from crlspec.results.account import Accounts
from crlspec.results.calibration import Calibration
from crlspec.results.canonical import canonical
from crlspec.results.encoder import Decoder, Encoder, labels

if TYPE_CHECKING:
    from crlspec.data import Problem
    from crlspec.results.evaluate import Truth
    from crlspec.spec.setting import Setting
    from crlspec.spec.verdict import Verdict

__all__ = ["Record"]


@dataclass(frozen=True, eq=False, repr=False)
class Record(Accounts):
    """What was recovered from data, with labels, status and provenance. Built by :meth:`from_estimate`.

    Scale and sign of the latents, which no data can tell, follow one convention: in the observational
    environment each latent has mean 0 and variance 1, and the entry of largest magnitude in its column of the
    mixing (of its best linear stand-in, where it is not linear) is positive. Labels of a few rows give them units:
    see ``Result.calibrate``.

    estimate       the estimator's answer, in that convention
    observed       names of the observed variables
    latents        DataTree: one child per environment with ``z_hat`` (sample, latent), in units where labels gave
                   some
    observational  name of the environment without intervention
    identified     the theory's verdict as plain values: theorem, up to what, what is missing; may be empty
    assumed        the setting as plain values: mixing, design, targets, noise …; may be empty
    provenance     spec as YAML, seeds, versions and notes, as plain values
    calibration    what labels said of the latents; None without labels
    preparation    what every observed variable goes through before encoder and mixing; None where nothing does
    """

    estimate: Estimate
    observed: tuple[str, ...]
    latents: xr.DataTree
    observational: str
    identified: Mapping[str, Any] = field(default_factory=dict)
    assumed: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    preparation: Transform | None = None

    @classmethod
    def from_estimate(
        cls,
        estimate: Estimate,
        data: Problem | xr.DataTree,
        *,
        spec: Any = None,
        verdict: Verdict | Mapping[str, Any] | None = None,
        setting: Setting | None = None,
        provenance: Mapping[str, Any] | None = None,
        observational: str | None = None,
    ) -> Self:
        """A record from an estimate and the data that it was made from.

        data           a Problem, or a DataTree with x (sample, observed) per environment
        spec           a Spec or its YAML text, kept in the provenance unless that has one already
        verdict        a Verdict, or a mapping of plain values
        setting        what was known before any data were read; kept as plain values
        provenance     seeds, versions, notes; versions are added where they are missing
        observational  needed only if the data do not say

        Raises DataError if no environment is known to be the observational one.
        """
        observed, name, x = _data(data, observational)
        estimate = _labelled(canonical(estimate, x), observed)
        notes = dict(provenance or {})
        if spec is not None and "spec" not in notes:
            notes["spec"] = spec if isinstance(spec, str) else _dump(spec)
        notes.setdefault("versions", versions())
        return cls(
            estimate=estimate,
            observed=observed,
            latents=Encoder(estimate.encoder, observed, estimate.latents).of_all(data),
            observational=name,
            identified=_plain(_verdict(verdict)),
            assumed={} if setting is None else _plain(setting.as_values()),
            provenance=_plain(notes),
        )

    @property
    def status(self) -> Status:
        """Whether the data decided: ``ok``, ``undecided`` or ``refuted``, in words, with a remedy."""
        return self.estimate.status

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every claim and assumption that was held against the data; the status follows from them."""
        return self.estimate.checks

    @property
    def graph(self) -> GraphKind:
        """What the edges are: the ``exact`` graph, its ``transitive closure`` (ancestors), or ``not estimated``."""
        return self.estimate.graph

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges found, each with strength and p-value, in the order of the latents."""
        return self.estimate.edges

    @property
    def tested(self) -> tuple[Edge, ...]:
        """Every pair that was tested, found or not."""
        return self.estimate.tested

    @property
    def absent_edges(self) -> tuple[AbsentEdge, ...]:
        """Every pair that was tested and not found, with the smallest strength at which an edge would have been seen
        with power .8 (``detectable``, in the unit of the strengths; None where no power is known), and whether the
        edge is ``claimed`` absent above that. The others are open: not seen, and perhaps there."""
        return self.estimate.absent_edges

    @property
    def order(self) -> tuple[str, ...]:
        """A causal order of the latents, roots first."""
        return self.estimate.order

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the latents, in the order of the encoder's rows."""
        return self.estimate.latents

    @property
    def environment_of(self) -> Mapping[str, str]:
        """The environment that showed each latent."""
        return self.estimate.environment_of

    @property
    def signature(self) -> xr.DataArray | None:
        """(environment, latent) of 0 and 1: who is targeted where, as recovered; None where an estimator is told,
        or does not ask. How clear each entry is: ``diagnostics["signature_strength"]``."""
        return self.estimate.diagnostics.get("signature")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The steps of the estimation and where each left the answer."""
        return self.estimate.stages

    @property
    def diagnostics(self) -> Mapping[str, xr.DataArray]:
        """Labelled arrays; see :class:`~crlspec.inference.estimate.Estimate`."""
        return self.estimate.diagnostics

    @property
    def encoder(self) -> Encoder:
        """From observations, new ones too, to labelled latents, in units where labels gave some."""
        units = None if self.calibration is None else self.calibration.units(self.names)
        return Encoder(
            self.estimate.encoder, self.observed, self.names, self.estimate.code, units, self.preparation
        )

    @property
    def mixing(self) -> xr.DataArray:
        """(observed, latent) float64: x ≈ mixing · z + encoder.offset, in the units of x, or of what the transform of
        the data gives; z is in observational standard deviations, calibrated or not.

        Raises EstimationError where the recovered mixing is not linear.
        """
        if self.estimate.mixing is None:
            raise EstimationError(
                "the recovered mixing is not linear, and no matrix describes it",
                remedy="Take the decoder: result.reconstruct(z), or result.traverse(latent, values).",
            )
        coords = {"observed": labels(self.observed), "latent": labels(self.names)}
        return xr.DataArray(self.estimate.mixing, dims=("observed", "latent"), coords=coords, name="mixing")

    @property
    def decoder(self) -> Decoder:
        """From labelled latents to observations, images where those are observed.

        Raises EstimationError where the estimator gave none.
        """
        estimate = self.estimate
        if estimate.mixing is None and estimate.decoder is None:
            raise EstimationError(
                "this result has no decoder: its estimator learns the way from observations to latents alone",
                remedy="Use an estimator that reconstructs, such as estimator: {kind: gscale-i}.",
            )
        units = None if self.calibration is None else self.calibration.units(self.names)

        def decoded(z: np.ndarray) -> np.ndarray:
            x = np.asarray(estimate.decoded(z if units is None else units.inverse(z)))
            return x if self.preparation is None else self.preparation.undone(x)

        return Decoder(decoded, self.observed, self.names, estimate.code)

    def transform(self, x: np.ndarray | xr.DataArray) -> xr.DataArray:
        """Latents (…, latent) of observations: the encoder, applied. Images are taken in batches."""
        return self.encoder(x)

    def reconstruct(self, given: np.ndarray | xr.DataArray) -> xr.DataArray:
        """Observations (…, observed), or images (…, channel, row, column), as the decoder gives them.

        given  latents, labelled with the dimension ``latent``; or observations, which go by way of their latents
        """
        latents = isinstance(given, xr.DataArray) and "latent" in given.dims
        return self.decoder(given if latents else self.encoder(given))

    def traverse(self, latent: str, values: Sequence[float] | np.ndarray) -> xr.DataArray:
        """(value, observed), or images (value, channel, row, column): what is observed while one latent takes the
        values and all others stay at 0, their mean without intervention; values are in observational standard
        deviations, or in the unit of the labels of a calibrated latent.

        Raises DataError for a name that is no latent.
        """
        if latent not in self.names:
            raise DataError(
                f"there is no latent '{latent}'", remedy=f"Choose one of {', '.join(self.names)}."
            )
        z = np.zeros((len(values), len(self.names)))
        if self.calibration is not None:
            z = self.calibration.units(self.names)(z)
        z[:, self.names.index(latent)] = values
        coords = {"value": np.asarray(values, dtype=float), "latent": labels(self.names)}
        return self.decoder(xr.DataArray(z, dims=("value", "latent"), coords=coords))

    def calibrated(self, calibration: Calibration) -> Self:
        """This result with latents in the units of a calibration."""
        return replace(self, latents=calibration.in_units(), calibration=calibration)

    @property
    def standardised(self) -> Self:
        """This result with all latents in observational standard deviations, as they were recovered."""
        if self.calibration is None:
            return self
        return replace(self, latents=self.calibration.recovered, calibration=None)

    def status_json(self) -> str:
        """JSON text: ``{"status", "message", "remedy", "checks": [{"name", "consequence", "figure", …}, …]}``."""
        return texts.status_json(self.status, self.checks)

    def dag_json(self) -> str:
        """JSON text: ``{"nodes": [{"name", "environments", "variables": [[name, loading, standard error], …]}, …],
        "edges": [{"from", "to", "strength", "unit", "p_value", "interval"}, …], "absent": [{"source", "target",
        "detectable", "claimed"}, …]}``. ``interval`` is that of the strength, of 95 %; null where it is not known."""
        return texts.dag_json(
            account.nodes(self), self.edges, self.absent_edges, self.strength_unit, self.intervals
        )

    def dag_dot(self) -> str:
        """The graph in the DOT language of Graphviz."""
        return texts.dag_dot(self.names, self.edges)

    @property
    def setting(self) -> Setting | None:
        """What was known before any data were read; None where the result does not say."""
        from crlspec.spec.setting import Setting

        return Setting.from_values(self.assumed) if self.assumed else None

    def citation(self) -> str:
        """BibTeX of the theorem that covers this result, and of the method where that is another; may be empty."""
        found = [str(self.identified.get("citation", "")), str(self.provenance.get("citation", ""))]
        return "\n\n".join(dict.fromkeys(text for text in found if text))

    def evaluate(self, model: Truth, samples: int | None = None, seed: int = 0) -> xr.Dataset:
        """This result against the model that made its data, on ``samples`` fresh samples per environment: 10,000
        unless another number is given, of images 1,000.

        Each recovered latent is compared with the true latent that its environment targets, environments
        pooled.

        mcc, mcc_spearman        mean absolute Pearson (Spearman) correlation of the matched latents
        r2                       mean R² of each true latent on the recovered ones that identifiability allows
                                 to enter it: hard, its own alone; soft, its ancestors' too
        shd, shd_closure         structural Hamming distance of the graphs, of their transitive closures; a
                                 reversed edge counts once
        edge_precision, _recall  share of found edges that are true, of true edges that are found (against the
                                 true closure where ``graph`` is a closure); 1 for a share of none
        mixing_error             relative Frobenius distance of the mixings, up to the allowed indeterminacy;
                                 NaN unless the model's mixing and the encoder are linear
        signature_accuracy       share of the entries of the signature matrix that are right, and whether all are
        _exact                   (1 or 0); only where the estimator gives a signature
        score_error              relative L2 error of the estimated score differences at ``score_points``

        Per latent: correlation, rank_correlation, explained_variance, mixing_error_by_latent; the coordinate
        ``recovered`` names the recovered latent. Per environment: score_error_by_environment.
        Raises DataError where model and result do not belong together.
        """
        from crlspec.results.evaluate import evaluate

        return evaluate(self.estimate, self.observed, model, samples, seed)

    def metrics(
        self, truth: Truth | xr.Dataset, *, samples: int | None = None, seed: int = 0, **seconds: float
    ) -> dict[str, Any]:
        """The values of metrics.json: those of :meth:`evaluate`, and the seconds of each part of the run.

        truth    the model, or a Dataset that :meth:`evaluate` gave
        seconds  further parts, e.g. ``sample=0.2``

        A metric that does not apply is None.
        """
        found = truth if isinstance(truth, xr.Dataset) else self.evaluate(truth, samples, seed)
        return texts.metrics_of(found, {**self.estimate.seconds, **seconds})

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write everything into one NetCDF file, whole or not at all.

        Raises OutputExists unless ``force``.
        """
        facts = {
            "observational": self.observational,
            "identified": self.identified,
            "assumed": self.assumed,
            "provenance": self.provenance,
            **({} if self.preparation is None else {"transform": self.preparation.as_values()}),
        }
        recovered = self.standardised.latents
        tree = storage.tree_of(self.estimate, self.observed, recovered, facts, self.calibration)
        storage.write_tree(tree, Path(path), force)
        return Path(path)

    def __str__(self) -> str:
        told = texts.summary(self.estimate, self.identified, account.latent_lines(self), self.strength_unit)
        return "\n".join([told, f"method   {account.method_line(self)}", *self._calibration_lines()])

    def _calibration_lines(self) -> list[str]:
        if self.calibration is not None:
            return self.calibration.lines()
        refused = self.provenance.get("calibration_refused")
        return [f"labels   not used: {refused['message']}"] if refused else []

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}: {len(self.names)} latents, {len(self.edges)} edges ({self.graph}), "
            f"{len(self.observed)} observed, {len(self.latents.children)} environments, {self.status.code}>"
        )


def _data(data: Problem | xr.DataTree, observational: str | None) -> tuple[tuple[str, ...], str, Any]:
    """The observed names, the observational environment, its observations (sample, observed)."""
    from crlspec.data import observational_of

    if isinstance(data, xr.DataTree):
        name, there = observational or observational_of(data), tuple(data.children)
    else:
        name, there = observational or data.setting.observational, tuple(data.samples)
    if name is None or name not in there:
        raise DataError(
            f"the data do not say which environment is observational: {', '.join(there)}",
            remedy="Pass observational=, the name of the environment without intervention.",
        )
    if not isinstance(data, xr.DataTree):
        return data.observed, name, data.samples[name]
    table = data[name].to_dataset()["x"].transpose("sample", "observed")
    return tuple(str(value) for value in table["observed"].values), name, table_of(table)


def _labelled(estimate: Estimate, observed: tuple[str, ...]) -> Estimate:
    """The diagnostics with the names of latents and observed variables where they carry none."""
    names = {"latent": estimate.latents, "observed": observed}
    diagnostics = dict(estimate.diagnostics)
    for key, array in diagnostics.items():
        if missing := [str(d) for d in array.dims if d in names and d not in array.coords]:
            diagnostics[key] = array.assign_coords({d: labels(names[d]) for d in missing})
    return replace(estimate, diagnostics=diagnostics)


def _dump(spec: Any) -> str:
    from crlspec.spec.load import dump

    return dump(spec)


def _verdict(verdict: Verdict | Mapping[str, Any] | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    return dict(verdict) if isinstance(verdict, Mapping) else verdict.as_values()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back, so that a result is the same before saving and after opening."""
    plain: dict[str, Any] = json.loads(json.dumps(values, ensure_ascii=False, default=str))
    return plain
