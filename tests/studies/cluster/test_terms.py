"""What a worker is refused for, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from crlspec.studies.cluster.terms import Terms, code, differences, refusal
from crlspec.studies.sweep.cases import cases_of, files_of
from tests.cli.conftest import OWN


def test_this_process_keeps_its_own_terms() -> None:
    assert refusal(Terms.here()) is None and differences(Terms.here()) == ()


def test_several_threads_are_refused() -> None:
    assert refusal(Terms.here(), threads=4) == (
        "runs tasks in 4 threads, and a run needs a process of its own",
        "Start workers with one thread each: dask worker ADDRESS --nworkers CORES --nthreads 1",
    )


def test_another_crlspec_is_refused_even_under_the_same_version() -> None:
    here = Terms.here()
    what, remedy = refusal(replace(here, version="9.9")) or ("", "")
    assert what == f"has crlspec {here.version}, and this call is made with 9.9"
    assert remedy == "Install the same version in both places, and start the workers again."
    what, remedy = refusal(replace(here, code="0" * 12)) or ("", "")
    assert what == f"has crlspec {here.version} with other source files (digest {code()}, here 000000000000)"
    assert remedy == "Install the same state of crlspec in both places, and start the workers again."


def test_other_packages_are_named_and_not_refused() -> None:
    here = Terms.here()
    mine = dict(here.packages)
    other = replace(here, packages=tuple((mine | {"numpy": "0.1"}).items()))
    assert refusal(other) is None and differences(other) == (f"numpy {mine['numpy']} (here 0.1)",)


def test_plug_ins_and_files_must_be_there(tmp_path: Path) -> None:
    assert refusal(Terms.here(("no_such_module",))) == (
        "does not find the plug-in no_such_module",
        "Install no_such_module where the workers run.",
    )
    gone = str(tmp_path / "gone")
    what, remedy = refusal(Terms.here((), (str(tmp_path), gone))) or ("", "")
    assert what == f"does not find {gone}" and "under the same path" in remedy


def test_the_files_of_a_spec_are_those_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN, encoding="utf-8")
    assert files_of(cases_of(path)) == (str(tmp_path / "data"),)
    assert files_of(cases_of("linear/hard-5")) == ()
