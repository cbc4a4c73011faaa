"""The command line: ``parser`` reads the call by ``options``, one file a group of commands carries it out, ``call``
holds what they share.

Each command is given the parsed call and gives back an exit status; what it leaves on disk goes through
``run_folder``, and ``stopping`` says what follows when it is stopped. A call passes ``parser``, then the command's
own file (``specs``, ``run``, ``results``, ``power``, ``sweep``, ``stability``), then ``call`` and ``run_folder``.
"""

from crlspec.cli.parser import build_parser, main

__all__ = ["build_parser", "main"]
