"""What bootstraps agree on: frequencies of edges and orders with intervals, and how far latents move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from crlspec.numerics.rates import wilson
from crlspec.results.encoder import labels

if TYPE_CHECKING:
    import pandas as pd

    from crlspec.result import Result

__all__ = ["Stability", "frame"]

LEVEL = 0.95
TAILS = (0.025, 0.975)
ORDERS = 3


@dataclass(frozen=True, eq=False)
class Stability:
    """A result, and what bootstraps of it say; intervals are at 95 %.

    result    what they are held against
    runs      a row per bootstrap: ``status`` (failed: no result), ``order`` and ``edges`` as tuples of names,
              ``correlations`` and ``differences`` as tuples by latent, ``seconds``, ``message``
    resample  how rows were drawn: bootstrap, or half
    """

    result: Result
    runs: pd.DataFrame
    resample: str

    @property
    def failed(self) -> int:
        """How many bootstraps gave no result."""
        return int((self.runs["status"] == "failed").sum())

    @property
    def edges(self) -> pd.DataFrame:
        """A row per edge that the result or a bootstrap has: ``source``, ``target``, ``in_result``, ``count``,
        ``frequency`` among all bootstraps, failed ones too, and its Wilson interval ``low``, ``high``."""
        import pandas as pd

        names, counts = self.result.names, self._edge_counts()
        mine = {edge.pair for edge in self.result.edges}
        rows = [
            (a, b, (a, b) in mine, *self._rate(counts[i, j]))
            for i, a in enumerate(names)
            for j, b in enumerate(names)
            if counts[i, j] or (a, b) in mine
        ]
        columns = ["source", "target", "in_result", "count", "frequency", "low", "high"]
        found = pd.DataFrame(rows, columns=columns)
        return found.sort_values("frequency", ascending=False, kind="stable", ignore_index=True)

    @property
    def orders(self) -> pd.DataFrame:
        """A row per causal order found, the most frequent first: ``order``, ``in_result``, ``count``, ``frequency``,
        ``low``, ``high``. Orders that differ in latents without an edge between them are different here; see
        ``precedence`` in :meth:`dataset`."""
        import pandas as pd

        counts = self.runs.loc[self.runs["order"].map(len) > 0, "order"].value_counts(sort=True)
        rows = [(order, order == self.result.order, *self._rate(count)) for order, count in counts.items()]
        return pd.DataFrame(rows, columns=["order", "in_result", "count", "frequency", "low", "high"])

    @property
    def latents(self) -> pd.DataFrame:
        """A row per latent: mean |correlation| with its match on the same observations, and the percentile interval
        ``low``, ``high``; ``difference``, the mean root mean squared difference of the encoded values in standard
        deviations (how far the row of the encoder moves, in directions in which observations vary), and
        ``difference_high``, its 97.5 % percentile. Bootstraps that failed have no latents and are left out."""
        import pandas as pd

        values = self._by_latent("correlations"), self._by_latent("differences")
        rows = []
        for i, name in enumerate(self.result.names):
            shared, moved = (array[:, i] for array in values)
            low, high = np.quantile(shared, TAILS) if len(shared) else (np.nan, np.nan)
            top = np.quantile(moved, TAILS[1]) if len(moved) else np.nan
            rows.append((name, _mean(shared), low, high, _mean(moved), top))
        columns = ["latent", "correlation", "low", "high", "difference", "difference_high"]
        return pd.DataFrame(rows, columns=columns)

    def dataset(self) -> xr.Dataset:
        """All of it labelled: ``edge_frequency``, ``edge_low``, ``edge_high`` (source, target), ``precedence``
        (source, target), how often source comes first, and ``correlation`` and ``difference`` (bootstrap, latent),
        NaN for failed ones."""
        names, n = self.result.names, len(self.result.names)
        rates = np.array([[self._rate(count)[1:] for count in row] for row in self._edge_counts()]).reshape(
            n, n, 3
        )
        good = self.runs["status"] != "failed"
        by_latent = {}
        for key in ("correlations", "differences"):
            whole = np.full((len(self.runs), n), np.nan)
            whole[good.to_numpy()] = self._by_latent(key)
            by_latent[key.removesuffix("s")] = (("bootstrap", "latent"), whole)
        pair = ("source", "target")
        return xr.Dataset(
            {
                "edge_frequency": (pair, rates[..., 0]),
                "edge_low": (pair, rates[..., 1]),
                "edge_high": (pair, rates[..., 2]),
                "precedence": (pair, self._precedence()),
                "status": ("bootstrap", labels(tuple(self.runs["status"]))),
                **by_latent,
            },
            coords={
                "source": labels(names), "target": labels(names), "latent": labels(names),
                "bootstrap": self.runs["bootstrap"].to_numpy(),
            },
            attrs={"resample": self.resample, "level": LEVEL, "failed": self.failed},
        )  # fmt: skip

    def __repr__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"<Stability: {len(self.runs)} bootstraps of {len(self.result.names)} latents{failed}>"

    def _repr_html_(self) -> str:
        from crlspec.notebook import card, grid

        rows = [("rows drawn", "with replacement" if self.resample == "bootstrap" else "half of them each")]
        latents = [
            [one.latent, f"{one.correlation:.4f}", f"{one.low:.4f} to {one.high:.4f}"]
            for one in self.latents.itertuples()
        ]
        edges = [
            [f"{one.source} → {one.target}", f"{one.frequency:.2f}", f"{one.low:.2f} to {one.high:.2f}",
             "yes" if one.in_result else "no"]
            for one in self.edges.itertuples()
        ]  # fmt: skip
        parts = [
            grid(["latent", "|correlation|", "95 %"], latents),
            grid(["edge", "frequency", "95 %", "in the result"], edges),
        ]
        title = f"{len(self.runs)} bootstraps, {self.failed} failed"
        return card("Stability", title, rows, parts=parts, tone="bad" if self.failed else "plain")

    def __str__(self) -> str:
        total = len(self.runs)
        counts = self.runs["status"].value_counts()
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        drawn = "rows drawn with replacement" if self.resample == "bootstrap" else "half of the rows each"
        width = max((len(name) for name in self.result.names), default=0)
        lines = [
            f"{total} bootstraps, {drawn} within environments: {told}",
            "latents  |correlation|, 95 % of bootstraps",
        ]
        lines += [
            f"  {row.latent:<{width}}  {row.correlation:.4f} ({row.low:.4f} to {row.high:.4f})"
            for row in self.latents.itertuples()
        ]
        lines.append("edges    frequency (Wilson, 95 %), * in the result")
        lines += [
            f"  {row.source:<{width}} -> {row.target:<{width}}  {row.frequency:.2f} ({row.low:.2f} to {row.high:.2f})"
            f"{' *' if row.in_result else ''}"
            for row in self.edges.itertuples()
        ]
        lines.append("orders   frequency, * in the result")
        lines += [
            f"  {', '.join(row.order)}  {row.frequency:.2f} ({row.low:.2f} to {row.high:.2f})"
            f"{' *' if row.in_result else ''}"
            for row in self.orders.head(ORDERS).itertuples()
        ]
        reasons = self.runs.loc[self.runs["status"] == "failed", "message"].value_counts()
        return "\n".join([*lines, *(f"failed   {count}: {reason}" for reason, count in reasons.items())])

    def _rate(self, count: Any) -> tuple[int, float, float, float]:
        total = len(self.runs)
        return int(count), int(count) / total, *wilson(int(count), total, LEVEL)

    def _edge_counts(self) -> np.ndarray:
        place = {name: i for i, name in enumerate(self.result.names)}
        counts = np.zeros((len(place), len(place)), dtype=int)
        for edges in self.runs["edges"]:
            for a, b in edges:
                counts[place[a], place[b]] += 1
        return counts

    def _precedence(self) -> np.ndarray:
        place = {name: i for i, name in enumerate(self.result.names)}
        counts = np.zeros((len(place), len(place)))
        for order in self.runs["order"]:
            rank = [place[name] for name in order]
            for k, before in enumerate(rank):
                counts[before, rank[k + 1 :]] += 1
        return counts / len(self.runs)

    def _by_latent(self, key: str) -> np.ndarray:
        """(bootstrap that did not fail, latent)."""
        rows = self.runs.loc[self.runs["status"] != "failed", key]
        return np.array(list(rows), dtype=float).reshape(len(rows), len(self.result.names))


def frame(rows: Sequence[Mapping[str, Any]], numbers: range, latents: tuple[str, ...]) -> pd.DataFrame:
    """Rows of ``bootstraps.csv`` as a table, in order, values as values, positions as names."""
    import pandas as pd

    def of(row: Mapping[str, Any], key: str) -> list[str]:
        return str(row.get(key) or "").split()

    def edge(text: str) -> tuple[str, ...]:
        return tuple(latents[int(part)] for part in text.split(">"))

    mine = sorted(
        (row for row in rows if int(row["bootstrap"]) in numbers), key=lambda row: int(row["bootstrap"])
    )
    return pd.DataFrame(
        {
            "bootstrap": [int(row["bootstrap"]) for row in mine],
            "status": [str(row["status"]) for row in mine],
            "order": [tuple(latents[int(part)] for part in of(row, "order")) for row in mine],
            "edges": [tuple(edge(text) for text in of(row, "edges")) for row in mine],
            "correlations": [tuple(map(float, of(row, "correlations"))) for row in mine],
            "differences": [tuple(map(float, of(row, "differences"))) for row in mine],
            "seconds": [float(row["seconds"]) for row in mine],
            "message": [str(row.get("message") or "") for row in mine],
        }
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
