"""The readers of YAML and of equations under atheris, where it is installed: inputs led by the code they reach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys, atheris
with atheris.instrument_imports(include=["crlspec.spec"]):
    from crlspec.spec.expression import ExpressionError, parse_replacement
    from crlspec.spec.yaml12 import read
    from crlspec.errors import SpecError
def one(data):
    text = atheris.FuzzedDataProvider(data).ConsumeUnicode(400)
    try:
        read(text, "text")
    except SpecError:
        pass
    try:
        parse_replacement(text, ("a",))
    except ExpressionError:
        pass
atheris.Setup([sys.argv[0], "-runs=20000", "-seed=1", "-timeout=2"], one)
atheris.Fuzz()
"""


@pytest.mark.slow
def test_readers_of_text_stand_up_to_guided_inputs() -> None:
    pytest.importorskip("atheris")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
