"""``python -m crlspec``: the command line."""

from crlspec.cli import main

raise SystemExit(main())
