"""``python -m crlspec``: the command line."""

from crlspec.cli.parser import main

raise SystemExit(main())
