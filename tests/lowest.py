"""``python -m tests.lowest``: constraints for pip that hold every dependency at the lowest version it may have.

    python -m tests.lowest > lowest.txt && pip install -c lowest.txt -e '.[zarr,parquet,test]'

``--except NAME`` leaves a package out, e.g. torch where only a build of another version fits the machine.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
BOUND = re.compile(r"([A-Za-z0-9._-]+)>=([0-9][0-9.]*)")


def requirements() -> list[str]:
    """What the package asks for, extras included, each once; a bundle of its own extras is none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for group in project["optional-dependencies"].values() for one in group]
    own = project["name"]
    return list(dict.fromkeys(one for one in [*project["dependencies"], *extras] if not one.startswith(own)))


def constraints(left_out: tuple[str, ...] = ()) -> list[str]:
    """``name==version`` for every requirement that has a lowest version."""
    found = (BOUND.match(one) for one in requirements())
    return [f"{one[1]}=={one[2]}" for one in found if one is not None and one[1] not in left_out]


def main() -> int:
    """Print the constraints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--except", dest="left_out", action="append", default=[], metavar="NAME")
    print("\n".join(constraints(tuple(parser.parse_args().left_out))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
