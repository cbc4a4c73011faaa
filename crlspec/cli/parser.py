"""The command line: what it takes, and how it answers. The work is in the files beside it.

Exit status: 0 done; 2 the spec or the call is wrong; 3 the data do not fit the spec; 4 the estimation could
not decide (what it has is written all the same); 1 a fault of the program, with a report of it; 130 interrupted, 143
ended by SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module

from crlspec import __version__
from crlspec.cli.endings import discard_stdout, explain
from crlspec.cli.loading import loading
from crlspec.cli.options import (
    debug,
    device,
    draw,
    job_count,
    labels,
    out,
    plugin,
    progress,
    result_argument,
    scheduler,
    seed_number,
    seeds,
    spec_argument,
    whole_count,
)
from crlspec.cli.stopping import stoppable, stopped_with
from crlspec.cli.terminal import plain_where_needed
from crlspec.cli.wrong_calls import Parser

__all__ = ["build_parser", "main"]

EPILOG = """\
exit status: 0 done; 2 the spec or the call is wrong; 3 the data do not fit the spec; 4 the estimation
could not decide (what it has is written all the same); 1 a fault of the program; 130 interrupted (143
by SIGTERM).

start here:  crlspec new first.yaml && crlspec check first.yaml && crlspec run first.yaml
shipped:     crlspec show                     (lists the specs that come along, e.g. linear/hard-5)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; argparse itself exits with 2 on a wrong call.

    As a program (``argv`` None) it computes in one thread, unless OMP_NUM_THREADS says otherwise: the work is many
    small matrices, and threads that wait for each other cost more than they give.
    """
    if argv is None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch and BLAS, which are not loaded yet
    plain_where_needed()
    parser = build_parser()
    arguments = _settled(parser.parse_args(argv))
    arguments.alone = argv is None
    if not hasattr(arguments, "command"):
        parser.print_help()
        return 0
    received: list[KeyboardInterrupt] = []
    try:
        with stoppable(received) if argv is None else nullcontext():
            module, _, name = arguments.command.partition(":")
            with loading(arguments.alone):
                command = getattr(import_module(module), name)
            status = command(arguments)
            if sys.stdout is not None:  # None: it was closed by the caller
                sys.stdout.flush()
            return int(status)
    except BrokenPipeError:
        discard_stdout()
        return 0
    except KeyboardInterrupt as stopped:
        return stopped_with(stopped)
    except Exception as error:
        if received:  # packages that are interrupted while they are loaded make another error of it
            return stopped_with(received[-1])
        if arguments.debug:
            raise
        return explain(error, arguments, sys.argv[1:] if argv is None else argv)


def _settled(arguments: argparse.Namespace) -> argparse.Namespace:
    """``--set a=1 b=2 SPEC`` and ``--power SPEC`` too: what is no KEY=VALUE after --set, or no number after --power,
    is the spec, if none was named."""
    sets = getattr(arguments, "sets", [])
    strays = [text for text in sets if "=" not in text]
    if len(strays) == 1 and arguments.spec is None:
        arguments.spec = strays[0]
        arguments.sets = [text for text in sets if "=" in text]
    power = getattr(arguments, "power", None)
    if power is not None and arguments.spec is None and not power[:1].isdigit():
        arguments.spec, arguments.power = power, "own"
    return arguments


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog="crlspec",
        description="Interventional causal representation learning: from a YAML file to latents and graph.",
        epilog=EPILOG,
        formatter_class=raw,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"crlspec {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, target: str, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            parents=[*parents, debug()],  # type: ignore[list-item]
            allow_abbrev=False,
        )
        command.set_defaults(command=target)
        return command

    _specs(add)
    _runs(add)
    about = add("help", "crlspec.cli.help:show_help", "show the help of a command")
    about.add_argument("about", metavar="COMMAND", nargs="?", help="which one; all, where it is left out")
    shell = add(
        "completion", "crlspec.cli.help:completion", "print a script that completes commands in a shell"
    )
    shell.add_argument(
        "shell", choices=("bash", "zsh", "fish"), help="eval it, or save it where the shell looks"
    )
    return parser


def _specs(add) -> None:  # type: ignore[no-untyped-def]
    """The commands about specs."""
    new = add("new", "crlspec.cli.specs:new", "write a first spec to edit")
    new.add_argument("file", metavar="FILE", help="where to write it, e.g. first.yaml")
    new.add_argument(
        "--kind", choices=("designed", "equations", "data"), default="designed",
        help="designed: a random model and design (default); equations: all mechanisms written out; data: your own",
    )  # fmt: skip
    new.add_argument(
        "--from", dest="source", metavar="NAME", help="copy a shipped spec instead, e.g. linear/hard-5"
    )
    new.add_argument(
        "--data",
        metavar="PATH",
        help="look at these data, and write a spec for them: what was found, what you decide",
    )
    new.add_argument(
        "--environment",
        metavar="COLUMN",
        help="with --data: the column, or obs key, that names each row's environment",
    )
    new.add_argument("--force", action="store_true", help="replace FILE")
    check = add(
        "check",
        "crlspec.cli.specs:check",
        "say what the theory promises for a spec, and what is wrong in it",
        spec_argument(),
    )
    check.add_argument("--json", action="store_true", help="verdict and issues as JSON on stdout")
    _power(check)
    show = add(
        "show",
        "crlspec.cli.specs:show",
        "show a spec with its random parts drawn, or without SPEC list the shipped specs",
        spec_argument(),
    )
    show.add_argument(
        "--seed", type=seed_number, default=0, metavar="N", help="draws the random parts (default 0)"
    )
    show.add_argument("--json", action="store_true", help="the resolved spec, or the list, as JSON on stdout")
    show.add_argument("--yaml", action="store_true", help="only the resolved spec, as YAML that runs again")
    schema = add("schema", "crlspec.cli.specs:schema", "print the JSON Schema of specs, for editors")
    plugin(schema)
    schema.add_argument("--out", metavar="FILE", help="write it to FILE instead")


def _power(check: argparse.ArgumentParser) -> None:
    """What simulation needs to know."""
    check.add_argument(
        "--power", nargs="?", const="own", metavar="N1,N2,…",
        help="simulate how often order and graph are right with so many samples per environment (default: the number "
        "in the spec or its data)",
    )  # fmt: skip
    seeds(check, "40; this and the options below are for --power")
    scheduler(check)
    device(check)
    check.add_argument(
        "--out", metavar="DIR", help="keep the runs in DIR, so that an interrupted call goes on there"
    )
    progress(check)


def _runs(add) -> None:  # type: ignore[no-untyped-def]
    """The commands that sample, run and read results."""
    sample = add("sample", "crlspec.cli.sample:sample", "sample data from a spec", spec_argument(), draw())
    sample.add_argument(
        "--out",
        required=True,
        metavar="PATH",
        help="data.nc, data.zarr, or a name without suffix for a folder of tables",
    )
    sample.add_argument(
        "--table",
        choices=("csv", "parquet"),
        default="csv",
        help="format of the tables in a folder (default csv)",
    )
    sample.add_argument("--force", action="store_true", help="replace PATH")
    run = add(
        "run",
        "crlspec.cli.run:run",
        "sample or read data, estimate latents and graph, write result and report",
        spec_argument(),
        draw(),
        out(),
    )
    run.add_argument(
        "--data",
        metavar="PATH",
        help="NetCDF, Zarr, AnnData, one table, or a folder of tables, one an environment",
    )
    run.add_argument(
        "--ceiling", action="store_true",
        help="measure what a supervised network reaches, and claim nothing of latents that it does not see; needs "
        "their true values",
    )  # fmt: skip
    run.add_argument(
        "--yardsticks", action="store_true",
        help="the same, and what simpler ways reach: no contrast, log ratios alone, 10, 50, 200 and 1000 labels",
    )  # fmt: skip
    labels(run, ", with --ceiling or --yardsticks")
    run.add_argument(
        "--json", action="store_true", help="status, latents, edges and metrics as JSON on stdout"
    )
    progress(run)
    _ceiling(add)
    _sweep(add)
    replay = add(
        "replay",
        "crlspec.cli.run:replay",
        "run the spec.yaml of a run folder again, with its seed",
        result_argument("run", "DIR"),
        out(),
    )
    device(replay)
    progress(replay)
    transform = add(
        "transform",
        "crlspec.cli.results:transform",
        "apply the encoder of a result to observations",
        result_argument(),
    )
    transform.add_argument(
        "--data",
        required=True,
        metavar="PATH",
        help="new observations: as for run; of one table or AnnData file all rows, in their order",
    )
    transform.add_argument(
        "--out", required=True, metavar="FILE",
        help="z.csv or z.parquet: one column a latent, a row a sample; or cells.h5ad: the data with latents in obsm",
    )  # fmt: skip
    transform.add_argument("--environment", metavar="NAME", help="only this environment of the data")
    transform.add_argument("--force", action="store_true", help="replace FILE")
    report = add(
        "report", "crlspec.cli.results:report", "write the report of a result again", result_argument()
    )
    report.add_argument(
        "--out", metavar="FILE", help="default: report.html beside the result, which it replaces"
    )
    _answers(add)


def _answers(add) -> None:  # type: ignore[no-untyped-def]
    """The commands that ask finished results."""
    export = add(
        "export",
        "crlspec.cli.results:export",
        "write the graph of a result for another program",
        result_argument(),
    )
    export.add_argument(
        "--format", choices=("networkx", "gml", "graphml", "dot", "dagitty", "lavaan", "csv", "bif", "svg", "png"),
        help="default: by the suffix of FILE, or dot; networkx is node-link JSON, csv the adjacency matrix, bif a "
        "discrete network, svg and png pictures",
    )  # fmt: skip
    export.add_argument("--out", metavar="FILE", help="where to write it, e.g. dag.gml (default: print it)")
    export.add_argument("--force", action="store_true", help="replace FILE")
    compare = add(
        "compare",
        "crlspec.cli.results:compare",
        "put two results side by side",
        result_argument("first", "A"),
    )
    compare.add_argument(
        "second",
        metavar="B",
        nargs="?",
        help="another result (default: the truth that the spec of A declares)",
    )
    compare.add_argument("--data", metavar="PATH", help="observations to match latents on, as for run")
    compare.add_argument("--json", action="store_true", help="everything as JSON on stdout")
    further = add(
        "next",
        "crlspec.cli.next:propose_next",
        "say which further rows or environment would decide an undecided result",
        result_argument(),
    )
    further.add_argument(
        "--rows", type=whole_count, metavar="N", help="new rows (default: those of the middle environment)"
    )
    further.add_argument(
        "--draws", type=whole_count, default=20, metavar="S", help="simulated data sets of each (default 20)"
    )
    further.add_argument(
        "--seed", type=seed_number, default=0, metavar="N", help="of the simulation (default 0)"
    )
    further.add_argument("--json", action="store_true", help="all proposals as JSON on stdout")
    progress(further)
    stability = add(
        "stability",
        "crlspec.cli.stability:stability",
        "solve a spec again on resampled rows, and count how often each edge returns; an interrupted call goes on",
        spec_argument(),
        draw(),
    )
    stability.add_argument("--data", metavar="PATH", help="observations, as for run")
    stability.add_argument(
        "--bootstraps", type=whole_count, default=100, metavar="B", help="how many resamples (default 100)"
    )
    stability.add_argument(
        "--resample", choices=("half", "bootstrap"), default="half",
        help="half: half of the rows without replacement; bootstrap: all with replacement (default half)",
    )  # fmt: skip
    stability.add_argument(
        "--jobs", type=job_count, default=1, metavar="J", help="runs at a time, or all (default 1)"
    )
    scheduler(stability)
    stability.add_argument("--json", action="store_true", help="latents, edges and orders as JSON on stdout")
    stability.add_argument("--out", metavar="DIR", help="where the files go (default runs/<name>-stability)")
    stability.add_argument("--force", action="store_true", help="forget the bootstraps in DIR and start anew")
    progress(stability)


def _ceiling(add) -> None:  # type: ignore[no-untyped-def]
    """What others reach with labels."""
    ceiling = add(
        "ceiling",
        "crlspec.cli.ceiling:ceiling",
        "say what a supervised network reaches for each latent from the same observations, and which latents nobody "
        "can see",
        spec_argument(),
        draw(),
    )
    ceiling.add_argument("--data", metavar="PATH", help="observations and their true latents, as for run")
    labels(ceiling)
    ceiling.add_argument("--json", action="store_true", help="everything as JSON on stdout")
    ceiling.add_argument("--out", metavar="DIR", help="write ceiling.json there")
    ceiling.add_argument("--force", action="store_true", help="replace what is in DIR")
    progress(ceiling)


def _sweep(add) -> None:  # type: ignore[no-untyped-def]
    """Many runs."""
    sweep = add(
        "sweep",
        "crlspec.cli.sweep:sweep",
        "run a spec, or a table of specs, over many seeds; an interrupted call goes on",
        spec_argument(
            "a spec or a table: a YAML file, or a shipped name; --set key=1,2,3 runs every alternative"
        ),
    )
    seeds(sweep, "20, or what the table says")
    sweep.add_argument("--only", action="append", default=[], metavar="TEXT",
                       help="only the settings of a table with TEXT in their names; may be repeated")  # fmt: skip
    scheduler(sweep)
    device(sweep)
    sweep.add_argument("--out", metavar="DIR", help="where runs.csv goes (default runs/<name>-sweep)")
    sweep.add_argument("--force", action="store_true", help="forget the runs in DIR and start anew")
    progress(sweep)
