"""The parser, with words of its own for a wrong call."""

from __future__ import annotations

import argparse
import re
from difflib import get_close_matches
from typing import NoReturn

__all__ = ["Parser", "choices_of"]

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
            hint = f"Did you mean {near[0]}? " if near and given[0] not in known else ""
            wrong = "is no option of this command" if given[0] in known else "means nothing here"
            self.exit(2, f"{given[0]} {wrong}. Remedy: {hint}crlspec help COMMAND says what it takes.\n")
        text = message[:1].upper() + message[1:].rstrip(".")
        command = self.prog.removeprefix("crlspec").strip()
        self.exit(2, f"{text}. Remedy: crlspec help{f' {command}' if command else ''} says what it takes.\n")


def choices_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Name → parser of every command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
