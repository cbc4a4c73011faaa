"""Rules that data must keep before any estimator sees them; each broken one is a Finding with its remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data.lazily import table_of
from crlspec.data.tree import listed, source_of
from crlspec.errors import DataError
from crlspec.numerics.kept import Table
from crlspec.numerics.rows import Rows, extremes

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Finding", "align", "faults_in", "inspect_constants", "inspect_samples", "raise_findings"]

ROUNDING = 1e-14  # a relative spread below this is rounding, not variation
SHOWN = 12  # findings listed in one error
NAMED = 50  # columns named in one finding


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
) -> tuple[tuple[str, ...], np.ndarray | Rows] | None:
    """(names, values (sample, observed)) with the columns as wanted; else None, and a finding.

    Where images are all that is observed there are no columns.
    """
    where = place(tree, environment)
    data = tree.children[environment].to_dataset(inherit=True)
    if "x" not in data and "image" in data and not wanted:
        return (), np.empty((data.sizes["sample"], 0))
    if "x" not in data or set(data["x"].dims) != {"sample", "observed"}:
        finding = Finding(
            f"{where}: there is no variable x (sample, observed).",
            "Build the data by from_arrays or read_data.",
        )
        if "x" not in data and "image" in data:
            finding = Finding(
                f"{where} has images alone, without the columns {listed(wanted or ())}.",
                "Give every environment the same columns beside its images, or none.",
            )
        findings.append(finding)
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
    values = table_of(x)
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
    values: np.ndarray | Rows,
    pixels: int = 0,
    latents: int = 0,
) -> list[Finding]:
    """Findings about the cells of one environment: not finite, too few.

    latents  how many there are, where that is known: so many principal components are proposed

    The first ``pixels`` columns are those of an image, of which there may be more than samples.
    """
    where = place(tree, environment)
    findings = []
    count = latents or max(1, min(20, len(values) // 5))
    if len(values) <= len(observed) and not pixels:
        findings.append(
            Finding(
                f"{where}: {len(values)} samples of {len(observed)} observed variables are too few to tell "
                "the variables apart.",
                f"Give at least {len(observed) + 1} samples (many more to learn from them), "
                f"or fewer variables. Or take principal components in their place: data: {{components: {count}}}.",
            )
        )
    bad, first = faults_in(values)
    for k in np.flatnonzero(bad):
        row = int(first[k])
        findings.append(
            Finding(
                f"{where}, column '{observed[k]}': sample {row + 1} is {values[row, k]} "
                f"({int(bad[k])} of {len(values)} samples are not finite).",
                "Fill in these cells or leave these samples out: data: {missing: drop-rows}.",
            )
        )
    return findings


def faults_in(values: np.ndarray | Rows) -> tuple[np.ndarray, np.ndarray]:
    """(column,) how many cells are not finite, and the first row with one."""
    if isinstance(values, Rows | Table):
        return values.scan.bad, values.scan.worst
    bad = ~np.isfinite(values)
    if not bad.any():
        return (np.zeros(values.shape[1], dtype=int),) * 2
    return bad.sum(axis=0), bad.argmax(axis=0)


def inspect_constants(
    tree: xr.DataTree,
    observed: tuple[str, ...],
    samples: Mapping[str, np.ndarray | Rows],
    latents: int,
    pixels: int = 0,
) -> list[Finding]:
    """One finding for all columns in which nothing varies within an environment, and what is left without them.

    samples  environment → (sample, observed), those in which every column should vary; columns of an image, the first
             ``pixels``, need not: dark corners are no fault
    """
    lines, names = [], set()
    for environment, values in samples.items():
        if len(values) < 2:
            continue
        low, high = extremes(values)
        known = np.isfinite(low) & np.isfinite(high)
        with np.errstate(invalid="ignore"):
            constant = known & (high - low <= ROUNDING * np.maximum(np.abs(low), np.abs(high)))
        constant[:pixels] = False
        found = [observed[k] for k in np.flatnonzero(constant)]
        if found:
            start = values[0][constant]
            same = np.ptp(start) == 0
            each = f"every sample is {start[0]:g}" if same else "nothing varies"
            column = f"column{'s' * (len(found) > 1)} {_quoted(found)}"
            lines.append(f"{place(tree, environment)}, {column}: {each}, so it says nothing.")
            names |= set(found)
    if not names:
        return []
    left = len(observed) - len(names)
    out = _quoted([name for name in observed if name in names])
    named = ", ".join(name for name in [one for one in observed if one in names][:NAMED])
    remedy = (
        f"Leave {out} out of every environment, data: {{variables: {{drop: [{named}]}}}}, or mend "
        f"{'its' if len(names) == 1 else 'their'} values."
    )
    if left < max(latents, 1):
        few = "no variable" if left == 0 else f"{left} variable{'s' * (left > 1)}"
        remedy = (
            f"Mend these values, or leave out the environments named: without {out} {few} would be left of "
            f"{len(observed)}, too few for the latents."
        )
    return [Finding("\n".join(lines[:SHOWN]), remedy)]


def _quoted(names: Sequence[str]) -> str:
    """The names in quotes; of very many the first ones, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:NAMED]) + more
