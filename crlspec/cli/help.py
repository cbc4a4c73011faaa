"""The commands ``help`` and ``completion``, and the parser's own words on a wrong call."""

from __future__ import annotations

import argparse
import re
from argparse import Namespace
from difflib import get_close_matches
from typing import NoReturn

from crlspec.cli.call import CallError

__all__ = ["Parser", "choices_of", "completion", "show_help"]

CHOICE = re.compile(r"argument (?P<what>[^:]+): invalid choice: '(?P<given>[^']*)'.*", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """A parser that answers a wrong call in one line, with what was meant and where all is listed."""

    def error(self, message: str) -> NoReturn:
        found = CHOICE.match(message)
        if found is not None and found["what"] == "COMMAND":
            near = get_close_matches(found["given"], choices_of(self), 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            self.exit(2, f"There is no command '{found['given']}'. Remedy: {hint}crlspec help lists them.\n")
        if message.startswith("unrecognized arguments:"):
            given = message.removeprefix("unrecognized arguments:").split()
            known = {option for one in choices_of(self).values() for option in one._option_string_actions}
            near = get_close_matches(given[0], known, 1, 0.7)
            hint = f"Did you mean {near[0]}? " if near else ""
            self.exit(
                2, f"{given[0]} means nothing here. Remedy: {hint}crlspec help COMMAND says what it takes.\n"
            )
        text = message[:1].upper() + message[1:].rstrip(".")
        command = self.prog.removeprefix("crlspec").strip()
        self.exit(2, f"{text}. Remedy: crlspec help{f' {command}' if command else ''} says what it takes.\n")


def choices_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Name → parser of every command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


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
