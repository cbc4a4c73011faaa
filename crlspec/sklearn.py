"""A scikit-learn estimator: latents and their graph from a table and the environment of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from crlspec.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from crlspec.result import Result
    from crlspec.spec.schema import Spec

__all__ = ["CRL", "ValueDataError"]

CONTROLS = ("obs", "observational", "control", "0")
"""Environments without intervention by their names, where none is named."""


class ValueDataError(DataError, ValueError):
    """Raised when X or the environments do not fit; a ValueError too, as scikit-learn wants it."""


class CRL(TransformerMixin, BaseEstimator):
    """Interventional causal representation learning in the manner of scikit-learn.

    Parameters
    ----------
    spec_or_kind   a Spec, whose assumptions, scores and estimator are taken; or the kind of an estimator
    latents        for a kind: how many, their names, ``from-environments``, ``auto``, or ``all`` variables
    mixing         for a kind: linear, glm or general
    design         for a kind: single-node, coupled, uncoupled, multi-node or observational
    interventions  for a kind: hard or soft
    observational  the environment without intervention; ``first``: that of the first row. None: the one called obs,
                   observational, control or 0
    seed           of every random choice
    device         where networks are trained, as torch names it

    Attributes
    ----------
    result_            the Result, with status, edges, encoder and all else
    causal_graph_      the graph as a pgmpy DAG; None where the estimator gives latents alone
    adjacency_         DataFrame of 0 and 1, from row to column; None likewise
    feature_names_in_  names of the columns, where X is a DataFrame
    n_features_in_     how many they are

    Look at ``result_.status`` before you use what was found: an undecided estimation is returned too.
    """

    def __init__(
        self,
        spec_or_kind: Spec | str = "lscale-i",
        *,
        latents: int | str | list[str] = "from-environments",
        mixing: str = "linear",
        design: str = "single-node",
        interventions: str = "hard",
        observational: Any = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.spec_or_kind = spec_or_kind
        self.latents = latents
        self.mixing = mixing
        self.design = design
        self.interventions = interventions
        self.observational = observational
        self.seed = seed
        self.device = device

    def fit(self, X: Any, y: Any = None, *, environments: Any = None) -> Self:
        """Recover the latents.

        X             (row, variable) of finite numbers: an array, or a DataFrame
        y             (row,): the environment of each row, ``fit(X, environments)``
        environments  the same by name

        Raises ValueDataError where environments are not given, none is known to be observational, or the data do not
        fit; SettingMismatch where the estimator cannot take the setting.
        """
        from crlspec.data import from_arrays
        from crlspec.solving import solve

        if y is not None and environments is not None:
            raise ValueDataError("Environments are given twice.", "Write fit(X, environments).")
        given = y if environments is None else environments
        if given is None:
            raise ValueDataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None",
                "Write fit(X, environments), with the environment of each row.",
            )
        x = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        labels = np.array([str(one) for one in column_or_1d(given, warn=True)], dtype=object)
        if len(labels) != len(x):
            raise ValueDataError(
                f"X has {len(x)} rows, and there are {len(labels)} environments.", "Give one for each row."
            )
        control = self._control(labels)
        names = [control, *(str(name) for name in dict.fromkeys(labels) if name != control)]
        samples = {name: x[labels == name] for name in names}
        spec = self._spec(control)
        try:
            data = from_arrays(samples, self._columns(), observational=control)
            self.result_: Result = solve(spec, data, self.seed, device=self.device)
        except DataError as error:
            raise ValueDataError(str(error.message), error.remedy) from error
        known = self.result_.graph != "not estimated"
        self.causal_graph_ = self.result_.dag if known else None
        self.adjacency_ = _adjacency(self.result_) if known else None
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Latents (row, latent) of observations (row, variable): the encoder, applied."""
        check_is_fitted(self, "result_")
        x = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.result_.transform(x).values)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Observations (row, variable) of latents (row, latent): the decoder, applied.

        Raises EstimationError where the estimator learns none.
        """
        import xarray as xr

        from crlspec.results.encoder import labels

        check_is_fitted(self, "result_")
        z, names = check_array(X, dtype=np.float64), self.result_.names
        if z.shape[1] != len(names):
            raise ValueDataError(f"X has {z.shape[1]} columns, and there are {len(names)} latents.")
        array = xr.DataArray(z, {"latent": labels(names)}, ("sample", "latent"))
        return np.asarray(self.result_.reconstruct(array).values)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the latents, in the order of the columns of :meth:`transform`; the argument is not used."""
        check_is_fitted(self, "result_")
        return np.array(self.result_.names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.one_d_labels = True
        return tags

    def _columns(self) -> tuple[str, ...]:
        names = getattr(self, "feature_names_in_", None)
        return tuple(f"x{k}" for k in range(self.n_features_in_)) if names is None else tuple(map(str, names))

    def _control(self, labels: np.ndarray) -> str:
        """The environment without intervention."""
        names = list(dict.fromkeys(labels))
        if self.observational is not None and str(self.observational) in names:
            return str(self.observational)
        if self.observational == "first":
            return str(labels[0])
        found = [name for name in CONTROLS if name in names]
        if self.observational is not None or not found:
            raise ValueDataError(
                f"it is not known which environment is observational: {', '.join(names[:12])}",
                "Pass CRL(…, observational=NAME), the environment without intervention.",
            )
        return found[0]

    def _spec(self, control: str) -> Spec:
        from crlspec.spec.load import loads
        from crlspec.spec.schema import Spec

        if isinstance(self.spec_or_kind, Spec):
            return self.spec_or_kind
        import yaml

        latents = self.n_features_in_ if self.latents == "all" else self.latents
        interventions = {"design": self.design, "kind": self.interventions, "targets": "concealed"}
        tree = {
            "crlspec": 1,
            "name": type(self).__name__,
            "latents": latents,
            "data": {"path": "in-memory", "observational": control},
            "assume": {"mixing": self.mixing, "interventions": interventions, "beyond_theory": True},
            "estimator": {"kind": self.spec_or_kind},
        }
        return loads(yaml.safe_dump(tree, allow_unicode=True), origin=f"{type(self).__name__}(…)")


def _adjacency(result: Result) -> pd.DataFrame:
    """(source, target) of 0 and 1."""
    import pandas as pd

    found = pd.DataFrame(0, index=list(result.names), columns=list(result.names), dtype=int)
    for edge in result.edges:
        found.loc[edge.source, edge.target] = 1
    return found
