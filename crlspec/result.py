"""The face of a result: what was recovered, with the questions that it can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.downstream.graph_questions import GraphQuestions
from crlspec.downstream.model_questions import ModelQuestions
from crlspec.results import storage
from crlspec.results.record import Record

if TYPE_CHECKING:
    from crlspec.results.evaluate import Truth

__all__ = ["Result", "open_result"]


@dataclass(frozen=True, eq=False, repr=False)
class Result(Record, GraphQuestions, ModelQuestions):
    """What was recovered from data, and what it can be asked; see :class:`~crlspec.results.record.Record`."""

    def report(self, path: str | Path, model: Truth | None = None, force: bool = False) -> Path:
        """Write report.html, one page that needs nothing else; with the model, beside the truth."""
        from crlspec.report.report import write_report

        return write_report(self, path, self.goodness_of_fit, model=model, force=force)


def open_result(path: str | Path) -> Result:
    """A Result from the NetCDF file that :meth:`Result.save` wrote, or from the run folder that holds ``result.nc``.

    Raises DataError if there is no such file or it holds no result.
    """
    file = Path(path) / "result.nc" if Path(path).is_dir() else Path(path)
    estimate, observed, latents, facts = storage.unpack(storage.read_tree(file), file)
    return Result(
        estimate,
        observed,
        latents,
        facts["observational"],
        facts["identified"],
        facts.get("assumed", {}),
        facts["provenance"],
    )
