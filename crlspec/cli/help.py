"""The commands ``help`` and ``completion``."""

from __future__ import annotations

from argparse import Namespace
from difflib import get_close_matches

from crlspec.cli.call import CallError
from crlspec.cli.wrong_calls import choices_of

__all__ = ["completion", "show_help"]


def show_help(arguments: Namespace) -> int:
    """The help of a command, or of all."""
    from crlspec.cli.parser import build_parser

    parser = build_parser()
    if arguments.about is None:
        parser.print_help()
        return 0
    commands = choices_of(parser)
    if arguments.about not in commands:
        near = get_close_matches(arguments.about, commands, 1)
        raise CallError(
            f"There is no command '{arguments.about}'.",
            remedy=f"{f'Did you mean {near[0]}? ' if near else ''}crlspec help lists them.",
        )
    commands[arguments.about].print_help()
    return 0


def completion(arguments: Namespace) -> int:
    """A script that completes commands and options in a shell."""
    try:
        import shtab
    except ImportError:
        raise CallError(
            "Completion needs the package shtab, which is not installed.",
            remedy="pip install 'crlspec[completion]'.",
        ) from None
    from crlspec.cli.parser import build_parser

    print(shtab.complete(build_parser(), arguments.shell))
    return 0
