"""Calls that are nearly right are answered in good words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import crlspec
from crlspec.errors import CrlspecError, DataError, Issue, SettingMismatch


def test_without_a_command_the_help_is_shown(call) -> None:
    answer = call()
    assert answer.status == 0
    assert answer.out.startswith("usage: crlspec") and "crlspec new first.yaml" in answer.out


@pytest.mark.parametrize("command", ["replay", "report", "export"])
def test_a_spec_is_no_result(call, spec, command) -> None:
    answer = call(command, spec)
    assert answer.status == 2
    assert answer.err.strip() == (
        f"{spec} is a spec, and no result. Remedy: Give a result.nc, or the folder of a run; a spec is run by "
        f"crlspec run {spec}."
    )


def test_a_result_opens_by_its_folder(call, spec) -> None:
    call("run", spec, "--out", "done")
    assert crlspec.open_result("done").names == crlspec.open_result("done/result.nc").names
    with pytest.raises(DataError, match=r"nothing/result.nc|nothing: there is no such file\. Remedy: "):
        crlspec.open_result("nothing")


def test_a_message_ends_before_its_remedy_begins() -> None:
    assert str(CrlspecError("it is so", "mend it.")) == "it is so. Remedy: mend it."
    assert str(CrlspecError("It is so.", "mend it.")) == "It is so. Remedy: mend it."
    assert str(Issue("error", "it is so", "mend it.")) == "it is so. Remedy: mend it."
    assert str(CrlspecError("it is so")) == "it is so"
    reason = SettingMismatch("ica cannot take this: it inverts linear mixings", "a linear mixing")
    assert str(reason) == "ica cannot take this: it inverts linear mixings; expected a linear mixing."


TORCH = "import torch; print(torch.get_num_threads())"
BLAS = (
    "import numpy, threadpoolctl; "
    "print(*{one['num_threads'] for one in threadpoolctl.threadpool_info() if one['user_api'] == 'blas'})"
)


@pytest.mark.parametrize(
    ("given", "threads", "count"), [(None, "1", TORCH), (None, "1", BLAS), ("2", "2", BLAS)]
)
def test_the_program_computes_in_one_thread_unless_told_otherwise(given, threads, count) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    environment |= {} if given is None else {"OMP_NUM_THREADS": given}
    code = ("import sys; from crlspec.cli import main; sys.argv = ['crlspec', 'show']; main(); ") + count
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.splitlines()[-1] == threads
