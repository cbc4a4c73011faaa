"""Trying to refute a recovered graph on observations that it was not made from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crlspec.downstream.claims import Claim, claims_of
from crlspec.downstream.design import design_of
from crlspec.downstream.partial_correlation import holm, partial_correlation
from crlspec.downstream.pgmpy_graph import QuestionError, refuse_no_graph
from crlspec.downstream.seen_before import seen_before
from crlspec.errors import DataError, QuestionWarning

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from crlspec.results.record import Record

__all__ = ["MIXING", "Falsification", "falsify"]

MIXING = 0.05
"""Leftover mixing that is granted by default, in observational standard deviations."""
FEWEST = 50


@dataclass(frozen=True, eq=False)
class Falsification:
    """Every claim of a graph with what held-out latents say of it.

    table   a row per claim: ``kind``, ``first``, ``second``, ``given``, ``environments``, ``samples``;
            ``correlation``, the partial correlation, with its interval ``low``, ``high``; ``p_value`` of exact
            independence, ``p_adjusted`` for the number of claims (Holm); ``margin``, the most that the granted mixing
            could make of it; ``p_beyond``, adjusted, of a correlation within the margin; and ``verdict``: ``fails``
            (beyond the margin at level alpha), ``holds`` (the interval is within it), or ``undecided``
    mixing  how much of any other latent each may hold, in observational standard deviations
    alpha   the level, of the family of claims for ``fails``, of each interval for ``holds``
    note    where some rows are those that the result was made from; empty otherwise
    """

    table: pd.DataFrame
    mixing: float
    alpha: float
    note: str = ""

    @property
    def fails(self) -> pd.DataFrame:
        """The claims that fail."""
        return self.table[self.table["verdict"] == "fails"]

    @property
    def refuted(self) -> bool:
        """Whether some claim fails, so that graph, order or latents are wrong beyond the granted mixing."""
        return bool((self.table["verdict"] == "fails").any())

    def __str__(self) -> str:
        counts = self.table["verdict"].value_counts()
        told = ", ".join(f"{counts.get(key, 0)} {key}" for key in ("fails", "holds", "undecided"))
        noted = [f"note: {self.note}"] if self.note else []
        naive = int((self.table["p_adjusted"] < self.alpha).sum())
        lines = [
            *noted,
            f"{len(self.table)} claims at alpha {self.alpha:g}, mixing up to {self.mixing:g} granted: {told}",
            f"taken at their word, as if latents were exact, {naive} would be refuted",
        ]
        for row in self.table[self.table["verdict"] != "holds"].itertuples():
            claim = Claim(row.kind, row.first, row.second, row.given, row.environments)
            lines.append(
                f"  {row.verdict}: {claim}: {row.correlation:+.3f} ({row.low:+.3f} to {row.high:+.3f}), "
                f"margin {row.margin:.3f}"
            )
        return "\n".join(lines)


def falsify(
    result: Record, data: xr.DataTree, *, mixing: float = MIXING, alpha: float = 0.05
) -> Falsification:
    """Test what the graph claims, on latents of observations that the result was not made from.

    data    environments named as in the result, one or more of them
    mixing  leftover mixing that is granted: a latent may hold so much of any other, in standard deviations

    Recovered latents are never exact, and a few per cent of mixing is real dependence, which enough samples show in
    every absent edge. A claim fails only where no mixing of that size explains what is seen. Two kinds of claims, see
    :func:`~crlspec.downstream.claims.claims_of`; both are tested by partial correlations after smooth regression, so
    dependence that leaves these at zero is not seen. Rows that the result was made from are noted, with a
    QuestionWarning. Raises DataError where environments are not those of the result
    or have too few samples, QuestionError for numbers that are no share, EstimationError without a graph.
    """
    import pandas as pd

    refuse_no_graph(result)
    if not 0 <= mixing < 1 or not 0 < alpha < 1:
        raise QuestionError(
            f"mixing={mixing!r} and alpha={alpha!r} are no shares.", remedy="Give numbers from 0 to 1."
        )
    samples = _encoded(result, data)
    note = _seen(seen_before(samples, _known(result, samples)), samples)
    if note:
        warnings.warn(note, QuestionWarning, stacklevel=3)
    claims = claims_of(design_of(result), samples)
    place = {name: i for i, name in enumerate(result.names)}
    rows = []
    for claim in claims:
        z = np.concatenate([samples[name] for name in claim.environments])
        sizes = [len(samples[name]) for name in claim.environments]
        groups = np.repeat(np.arange(len(sizes)), sizes) if claim.kind == "randomised" else None
        given = tuple(place[name] for name in claim.given)
        found = partial_correlation(z, place[claim.first], place[claim.second], given, groups, mixing)
        low, high = found.interval(1 - alpha)
        rows.append((claim.kind, claim.first, claim.second, claim.given, claim.environments, len(z), found.value,
                     low, high, found.p_value, found.margin, found.p_beyond))  # fmt: skip
    columns = ["kind", "first", "second", "given", "environments", "samples", "correlation", "low", "high", "p_value",
               "margin", "p_beyond"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    table.insert(10, "p_adjusted", holm(table["p_value"].to_numpy(dtype=float)))
    table["p_beyond"] = holm(table["p_beyond"].to_numpy(dtype=float))
    within = (table["low"] > -table["margin"]) & (table["high"] < table["margin"])
    fails = (table["p_beyond"] < alpha) & ~within
    table["verdict"] = np.where(fails, "fails", np.where(within, "holds", "undecided"))
    return Falsification(table, mixing, alpha, note)


def _known(result: Record, samples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Environment → the latents (sample, latent) of the samples that the result was made from."""
    found = {name: result.latents[name]["z_hat"].transpose("sample", "latent").values for name in samples}
    return {name: np.asarray(z, dtype=float) for name, z in found.items()}


def _seen(counts: Mapping[str, int], samples: Mapping[str, np.ndarray]) -> str:
    """What is said of rows seen before; empty where there are none."""
    if not counts:
        return ""
    told = ", ".join(
        f"{count:,} of {len(samples[name]):,} rows of '{name}'" for name, count in counts.items()
    )
    return (
        f"the result was made from {told}. A graph fits its own data better than others, so claims that hold say "
        "little. Remedy: give observations that were held out."
    )


def _encoded(result: Record, data: xr.DataTree) -> dict[str, np.ndarray]:
    """Environment → (sample, latent), scaled as the result scales them."""
    found = {}
    for name, node in data.children.items():
        if name not in result.latents.children:
            raise DataError(
                f"environment '{name}' is none of the result's; there are {', '.join(result.latents.children)}.",
                remedy="Give held-out data of the same environments.",
            )
        z = result.encoder(node.to_dataset())["z_hat"].transpose("sample", "latent").values
        if len(z) < FEWEST:
            raise DataError(
                f"environment '{name}' has {len(z)} samples, which test nothing.",
                remedy=f"Give {FEWEST} or more, or leave the environment out.",
            )
        found[str(name)] = np.asarray(z, dtype=float)
    if not found:
        raise DataError(
            "the data hold no environment.", remedy="Give one or more environments of the result."
        )
    return found
