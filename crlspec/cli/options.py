"""Options that several commands share, as parents of their parsers, and what their values must be."""

from __future__ import annotations

import argparse

__all__ = [
    "debug", "device", "draw", "job_count", "labels", "out", "plugin", "progress",
    "result_argument", "scheduler", "seed_number", "seeds", "spec_argument", "whole_count", "whole_counts",
]  # fmt: skip


def labels(command: argparse.ArgumentParser, more: str = "") -> None:
    command.add_argument(
        "--labels", type=whole_counts, metavar="N1,N2,…",
        help=f"also train on so many labelled rows alone, e.g. 10,50,200,1000{more}",
    )  # fmt: skip


def seeds(command: argparse.ArgumentParser, count: str) -> None:
    command.add_argument("--seeds", type=whole_count, metavar="K", help=f"how many seeds (default {count})")
    command.add_argument("--first", type=seed_number, metavar="N", help="the first seed (default 0)")
    command.add_argument(
        "--jobs",
        type=job_count,
        default=1,
        metavar="J",
        help="runs at a time, or all: as many as cores (default 1)",
    )


def scheduler(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="run on the workers of a Dask scheduler instead of --jobs here, e.g. tcp://10.0.0.1:8786",
    )  # fmt: skip


def debug() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parent


def spec_argument(text: str = "a YAML file, or the name of a shipped spec") -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("spec", metavar="SPEC", nargs="?", help=text)
    parent.add_argument(
        "--set", dest="sets", action="extend", nargs="+", default=[], metavar="KEY=VALUE",
        help="replace a value of the spec, e.g. --set mixing.observed=10 estimator.alpha=0.001",
    )  # fmt: skip
    parent.add_argument(
        "--profile", metavar="NAME",
        help="one of the profiles of the spec, or none for the file as it stands (default: where the spec has them, "
        "quick on a CPU, full on a GPU); --set wins over it",
    )  # fmt: skip
    plugin(parent)
    return parent


def progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--progress", action="store_true", help="show progress even where stderr is no terminal"
    )


def device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda, cuda:1 … (default cpu)")


def plugin(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="MODULE",
        help="use mechanisms, mixings, estimators … of MODULE",
    )


def result_argument(name: str = "result", metavar: str = "RESULT") -> argparse.ArgumentParser:
    """A result, and the plug-ins that its spec needs."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(name, metavar=metavar, help="result.nc, or the run folder that holds it")
    plugin(parent)
    return parent


def draw() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(
        "--samples", type=whole_count, metavar="N", help="samples per environment, instead of the spec's"
    )
    parent.add_argument(
        "--seed", type=seed_number, default=0, metavar="N", help="seed of every random choice (default 0)"
    )
    device(parent)
    return parent


def out() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--out", metavar="DIR", help="the run folder (default runs/<name>-<seed>)")
    parent.add_argument("--force", action="store_true", help="replace a run that is in DIR")
    return parent


def job_count(text: str) -> int:
    return -1 if text == "all" else _whole(text, 1)


def whole_count(text: str) -> int:
    return _whole(text, 1)


def whole_counts(text: str) -> tuple[int, ...]:
    return tuple(whole_count(part.strip()) for part in text.split(","))


def seed_number(text: str) -> int:
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if number < least or number >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {least} or more")
    return number
