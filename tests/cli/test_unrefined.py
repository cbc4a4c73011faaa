"""Results without refinement, asked for by ``--set``: every command takes them; what run.log tells of packages."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from crlspec.errors import LossWarning
from tests.cli.conftest import Call, FixedEstimator


@pytest.mark.slow
def test_a_result_without_refinement_is_taken_by_every_command(call: Call, own: Path) -> None:
    answer = call("run", own, "--set", "estimator.refine=none", "--out", "first")
    assert answer.status in (0, 4), answer.err
    text = Path("first/spec.yaml").read_text(encoding="utf-8")
    assert "kind: lscale-i" in text and "refine: none" in text
    log = Path("first/run.log").read_text(encoding="utf-8")
    assert "Deprecat" not in log and "FutureWarning" not in log
    assert call("report", "first", "--out", "again.html").status == 0
    replayed = call("replay", "first", "--out", "second")
    assert replayed.status == answer.status and "The graph is the same as in" in replayed.out
    compared = call("compare", "first", "second")
    assert compared.status == 0 and "SHD 0" in compared.out
    assert call("transform", "first", "--data", "data", "--out", "z.csv").status == 0
    for suffix in ("json", "gml", "graphml", "dot", "dagitty", "lavaan", "csv", "bif", "svg", "png"):
        found = call("export", "first", "--out", f"dag.{suffix}")
        assert found.status == 0, found.err
        assert Path(f"dag.{suffix}").stat().st_size > 0


def test_run_log_tells_of_losses_and_not_of_what_packages_deprecate(
    call: Call, spec: Path, fixed_estimator, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    fixed_estimator()
    solve = FixedEstimator.solve

    def warning(*given, **named):  # type: ignore[no-untyped-def]
        for kind in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
            warnings.warn("a package will change", kind, stacklevel=1)
        warnings.warn("a file was left out", LossWarning, stacklevel=1)
        return solve(*given, **named)

    monkeypatch.setattr(FixedEstimator, "solve", warning)
    answer = call("run", spec, "--samples", 200, "--out", "out")
    log = Path("out/run.log").read_text(encoding="utf-8")
    assert "LossWarning: a file was left out" in log and "will change" not in log + answer.err
    assert "warning: a file was left out" in answer.err
