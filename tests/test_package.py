"""The wheel: what is in it, and what an installation of it finds."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import crlspec

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "crlspec", "models", "specs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources, so that nothing is left in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "project"
    copy.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(copy),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = folder.glob("crlspec-*.whl")
    return built


def test_the_wheel_holds_every_module_and_spec_and_nothing_at_the_top_but_crlspec(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"crlspec"}
    for source, target in (("crlspec", "crlspec"), ("models", "crlspec/models"), ("specs", "crlspec/specs")):
        for path in (ROOT / source).rglob("*"):
            if path.suffix in {".py", ".yaml"} or path.name == "py.typed":
                assert f"{target}/{path.relative_to(ROOT / source).as_posix()}" in names


def test_an_installed_wheel_finds_models_and_specs_and_no_top_level_models(
    wheel: Path, tmp_path: Path
) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, system_site_packages=False)
    python = home / "bin" / "python"
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--target",
        purelib,
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, text=True)
    # the dependencies come from the environment of the tests, after what is installed here
    others = [path for path in sys.path if path.endswith("site-packages")]
    code = (
        "import importlib.util, crlspec, crlspec.models, crlspec.specs\n"
        "from crlspec.spec.load import load, shipped\n"
        "from crlspec.registry import Registry\n"
        f"assert crlspec.__file__.startswith({purelib!r}), crlspec.__file__\n"
        "assert importlib.util.find_spec('models') is None\n"
        "assert 'linear/hard-5' in shipped()\n"
        "assert 'quadratic' in Registry.installed().kinds('mechanism')\n"
        "print(len(load('linear/hard-5').latents))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([purelib, *others]), "PYTHONNOUSERSITE": "1"}
    command = [python, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["5"]


@pytest.mark.slow
def test_a_users_script_is_strictly_typed_against_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    (purelib,) = home.glob("lib/python*/site-packages")
    install = [
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--target",
        str(purelib),
        str(wheel),
    ]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True, text=True)
    others = [path for path in sys.path if path.endswith("site-packages")]
    (purelib / "others.pth").write_text("\n".join(others) + "\n", encoding="utf-8")
    script = shutil.copy(ROOT / "tests" / "strict_user.py", tmp_path / "script.py")
    options = ["--strict", "--config-file=", "--python-executable", str(home / "bin" / "python")]
    command = [sys.executable, "-m", "mypy", *options, "--cache-dir", str(tmp_path / "cache"), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "Success: no issues found in 1 source file\n", done.stdout + done.stderr


def test_every_requirement_has_a_lowest_version_that_is_tried() -> None:
    from tests.lowest import constraints, requirements

    bare = {"types-PyYAML"}
    assert len(constraints()) == len(set(requirements()) - bare)
    assert "numpy==2.0" in constraints() and "torch==2.6" not in constraints(("torch",))
    assert "torch==2.6" in constraints()


def test_the_version_is_one_and_the_changes_begin_with_it() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert project["version"] == crlspec.__version__
    assert f"version: {crlspec.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert changes.splitlines()[2].startswith(f"## {crlspec.__version__}")
    assert "Typing :: Typed" in project["classifiers"]


def test_this_installation_finds_models_and_specs() -> None:
    from crlspec.registry import Registry
    from crlspec.spec.load import load, shipped

    assert importlib.util.find_spec("crlspec.models.declarations") is not None
    assert "linear" in Registry.installed().kinds("mixing")
    assert not Registry.installed().broken
    assert {"linear/hard-5", "light-tunnel/sensors"} <= set(shipped())
    assert all(load(name).name for name in shipped())


def test_the_public_face_names_what_is_there() -> None:
    for name in crlspec.__all__:
        assert getattr(crlspec, name) is not None
    with pytest.raises(AttributeError, match="compile"):
        crlspec.nothing  # noqa: B018
