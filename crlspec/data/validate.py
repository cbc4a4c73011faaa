"""Rules that data must keep before any estimator sees them; each broken one is a Finding with its remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data.tree import listed, source_of
from crlspec.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Finding", "align", "inspect_samples", "raise_findings"]

ROUNDING = 1e-14  # a relative spread below this is rounding, not variation
SHOWN = 12  # findings listed in one error


@dataclass(frozen=True)
class Finding:
    """One thing wrong with the data, and what mends it."""

    message: str
    remedy: str


def raise_findings(findings: Sequence[Finding]) -> None:
    """Raise one DataError for all findings; do nothing where there is none."""
    if not findings:
        return
    if len(findings) == 1:
        raise DataError(findings[0].message, remedy=findings[0].remedy)
    lines = [f"{finding.message} Remedy: {finding.remedy}" for finding in findings[:SHOWN]]
    if len(findings) > SHOWN:
        lines.append(f"… and {len(findings) - SHOWN} more.")
    raise DataError("\n".join(lines))


def place(tree: xr.DataTree, environment: str) -> str:
    """``file: environment 'name'`` for the start of an error."""
    source = source_of(tree, environment)
    return f"{source}: environment '{environment}'" if source else f"Environment '{environment}'"


def align(
    tree: xr.DataTree, environment: str, wanted: tuple[str, ...] | None, findings: list[Finding]
) -> tuple[tuple[str, ...], np.ndarray] | None:
    """(names, values (sample, observed)) with the columns as wanted; else None, and a finding."""
    where = place(tree, environment)
    data = tree.children[environment].to_dataset(inherit=True)
    if "x" not in data or set(data["x"].dims) != {"sample", "observed"}:
        findings.append(
            Finding(
                f"{where}: there is no variable x (sample, observed).",
                "Build the data by from_arrays or read_data.",
            )
        )
        return None
    x = data["x"].transpose("sample", "observed")
    labelled = "observed" in x.coords
    if not labelled and wanted is not None and len(wanted) == x.sizes["observed"]:
        names = wanted
    elif labelled:
        names = tuple(str(name) for name in x["observed"].values)
    else:
        names = tuple(f"x{k + 1}" for k in range(x.sizes["observed"]))
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        findings.append(
            Finding(
                f"{where}: column name {listed(twice)} stands twice.",
                "Give each observed variable its own name.",
            )
        )
        return None
    values = np.asarray(x.values, dtype=np.float64)
    if wanted is None or names == wanted:
        return names, values
    missing, extra = [n for n in wanted if n not in names], [n for n in names if n not in wanted]
    if missing or extra:
        parts = [f"lacks column {listed(missing)}"] if missing else []
        parts += [f"has column {listed(extra)}, which is not expected"] if extra else []
        findings.append(
            Finding(
                f"{where} {' and '.join(parts)}.", f"Every environment needs the columns {listed(wanted)}."
            )
        )
        return None
    return wanted, values[:, [names.index(name) for name in wanted]]


def inspect_samples(
    tree: xr.DataTree,
    environment: str,
    observed: tuple[str, ...],
    values: np.ndarray,
    constant_allowed: bool,
    pixels: int = 0,
) -> list[Finding]:
    """Findings about the cells of one environment: not finite, constant, too few.

    The first ``pixels`` columns are those of an image: dark corners are no fault, nor are more pixels than samples.
    """
    where = place(tree, environment)
    findings = []
    if len(values) <= len(observed) and not pixels:
        findings.append(
            Finding(
                f"{where}: {len(values)} samples of {len(observed)} observed variables are too few to tell "
                "the variables apart.",
                f"Give at least {len(observed) + 1} samples (many more to learn from them), "
                "or fewer variables.",
            )
        )
    bad = ~np.isfinite(values)
    for k in np.flatnonzero(bad.any(axis=0)):
        row = int(np.flatnonzero(bad[:, k])[0])
        findings.append(
            Finding(
                f"{where}, column '{observed[k]}': sample {row + 1} is {values[row, k]} "
                f"({int(bad[:, k].sum())} of {len(values)} samples are not finite).",
                "Fill in these cells or leave these samples out.",
            )
        )
    if len(values) > 1 and not constant_allowed:
        constant = ~bad.any(axis=0) & (np.ptp(values, axis=0) <= ROUNDING * np.abs(values).max(axis=0))
        constant[:pixels] = False
        findings += [
            Finding(
                f"{where}, column '{observed[k]}': every sample is {values[0, k]:g}, so it says nothing.",
                "Leave this variable out of every environment, or mend its values.",
            )
            for k in np.flatnonzero(constant)
        ]
    return findings
