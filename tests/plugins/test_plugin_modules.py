"""The same families from a module that is on the path and not installed: ``--plugin acme_crl``."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import crlspec
from crlspec.cli import main
from crlspec.downstream.pgmpy_graph import QuestionError
from tests.cli.conftest import Answer
from tests.plugins.conftest import ACME, written

PLUGIN = ("--plugin", "acme_crl")


class Here:
    """The command line in this process, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *argv: object) -> Answer:
        """The answer of ``crlspec ARGV``."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([str(part) for part in argv])
        assert "unexpectedly" not in err.getvalue(), err.getvalue()
        return Answer(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The command line where the package's source is on the path, in worker processes too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ACME)
        patch.setenv("PYTHONPATH", str(ACME))
        yield Here(written(tmp_path_factory.mktemp("calls")))


@pytest.fixture(scope="module")
def ran(call: Here) -> Answer:
    """A run of the spec that declares all three families, into the folder ``run``."""
    return call("run", "acme.yaml", "--seed", 3, "--out", "run", *PLUGIN)


def remedy(answer: Answer) -> list[str]:
    """The options that a refusal asks to add."""
    (options,) = re.findall(r"Remedy: Add (.+) to the call, if you trust those modules\.", answer.err)
    return options.split()


def test_without_the_plugin_a_spec_is_refused(call: Here) -> None:
    answer = call("run", "acme.yaml", "--out", "none")
    assert answer.status == 2
    assert "unknown mechanism kind 'average'" in answer.err
    assert "unknown scores kind 'shrunk'" in answer.err
    assert "unknown estimator kind 'roots-first'" in answer.err


def test_the_provenance_names_the_modules(call: Here, ran: Answer) -> None:
    assert ran.status == 4
    result = crlspec.open_result(call.folder / "run")
    assert result.provenance["plugins"] == ["acme_crl.declarations", "acme_crl.estimator"]


@pytest.mark.parametrize("command", ["report", "compare", "replay"])
def test_what_reads_the_spec_of_a_result_asks_for_the_plugins(call: Here, ran: Answer, command: str) -> None:
    out = () if command == "compare" else ("--out", f"{command}-out")
    refused = call(command, "run", *out)
    assert refused.status == 2
    assert refused.err.strip() == (
        "The result was made with the plug-ins acme_crl.declarations, acme_crl.estimator, and this call does not "
        "name them. Remedy: Add --plugin acme_crl.declarations --plugin acme_crl.estimator to the call, if you trust "
        "those modules."
    )
    answer = call(command, "run", *out, *remedy(refused))
    assert answer.status == (4 if command == "replay" else 0)
    assert command != "replay" or "The graph is the same as in" in answer.out
    assert command == "replay" or call(command, "run", *out, *PLUGIN) == answer


def test_what_reads_the_result_alone_takes_the_option_and_does_without(call: Here, ran: Answer) -> None:
    call("sample", "acme.yaml", "--samples", 50, "--out", "new.nc", *PLUGIN)
    for given in ((), PLUGIN):
        assert '"b" -> "c"' in call("export", "run", *given).out
        assert call("compare", "run", "run", *given).status == 0
        done = call("transform", "run", "--data", "new.nc", "--out", "z.csv", "--force", *given)
        assert done.out.startswith("z.csv is written: 200 rows, columns a, b, c.")


def test_stability_of_a_result_asks_for_the_plugins_too(call: Here, ran: Answer) -> None:
    result = crlspec.open_result(call.folder / "run")
    with pytest.raises(QuestionError, match=r"made with the plug-ins acme_crl\.declarations") as caught:
        crlspec.stability(result)
    assert "plugins=('acme_crl.declarations', 'acme_crl.estimator')" in str(caught.value.remedy)


def test_worker_processes_know_the_plugins(call: Here) -> None:
    common = ("acme.yaml", "--set", "samples=1000", "--jobs", 2, *PLUGIN)
    assert call("sweep", *common, "--seeds", 1, "--out", "sweep").status == 0
    (run,) = pd.read_csv(call.folder / "sweep" / "runs.csv").to_dict("records")
    assert (run["status"], run["graph_right"]) == ("undecided", 1)
    bootstrapped = call("stability", *common, "--bootstraps", 1, "--out", "stability")
    assert bootstrapped.out.startswith("1 bootstraps, half of the rows each within environments: 1 undecided")
    planned = call("check", *common, "--power", 500, "--seeds", 1, "--json")
    (rates,) = json.loads(planned.out)["plan"]["rates"]
    assert rates["failed"] == 0


def test_the_schema_lists_its_kinds(call: Here) -> None:
    with_plugin, without = (json.loads(call("schema", *given).out)["$defs"] for given in (PLUGIN, ()))
    assert set(with_plugin) - set(without) == {"AverageMechanism", "ShrunkScores", "RootsFirst"}
