"""A package of somebody else (``acme``: a mechanism, scores, an estimator), installed or not; a shell to call in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

ACME = Path(__file__).parent / "acme"

DRIVER = """\
import contextlib, io, json, sys
from crlspec.cli import main
answers = sys.stdout
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(json.loads(line))
        except SystemExit as exit_:
            status = int(exit_.code or 0)
    print(json.dumps([status, out.getvalue(), err.getvalue()]), file=answers, flush=True)
"""

SPEC = """\
crlspec: 1
name: acme
latents: [a, b, c]
scm:
  graph: [a -> b, b -> c]
  mechanism: {kind: average, gain: [1.2, 1.6]}
  noise: {kind: normal}
mixing: {kind: linear, observed: 5}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}
samples: 2000
scores: {kind: shrunk}
estimator: {kind: roots-first, alpha: 0.001}
"""

OWN = """\
crlspec: 1
name: own
latents: 3
data: {path: data.nc, observational: obs}
assume:
  mixing: linear
  interventions: {design: single-node, kind: hard, targets: concealed}
scores: {kind: shrunk}
estimator: {kind: roots-first}
"""


class Shell:
    """A process of its own in a folder of its own, in which commands are called one after the other."""

    def __init__(self, folder: Path, python_path: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(python_path), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER], cwd=folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def __call__(self, *argv: object) -> Answer:
        """The answer of ``crlspec ARGV``."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(part) for part in argv]) + "\n")
        self.process.stdin.flush()
        answer = Answer(*json.loads(self.process.stdout.readline()))
        assert "Traceback" not in answer.err and "unexpectedly" not in answer.err, answer.err
        return answer

    def once(self, *argv: str) -> Answer:
        """The answer of ``python -m crlspec ARGV`` in one more process."""
        command = [sys.executable, "-m", "crlspec", *argv]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package is built and installed into, without network."""
    folder = tmp_path_factory.mktemp("acme")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    options = [
        "--no-index",
        "--no-build-isolation",
        "--no-compile",
        "--target",
        folder / "site",
        _copy(folder),
    ]
    subprocess.run([*pip, *map(str, options)], check=True, capture_output=True, text=True)
    return folder / "site"


def _copy(folder: Path) -> Path:
    """A copy of the source, so that nothing is left in the tree."""
    import shutil

    return Path(shutil.copytree(ACME, folder / "source", ignore=shutil.ignore_patterns("__pycache__")))


def written(folder: Path) -> Path:
    """The folder, with both specs in it."""
    (folder / "acme.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "own.yaml").write_text(OWN, encoding="utf-8")
    return folder
