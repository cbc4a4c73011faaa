"""The workers that ``--scheduler`` names, and what is said of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crlspec.progress import ProgressLine
    from crlspec.studies.cluster.client import Cluster

__all__ = ["cluster_of"]


def cluster_of(address: str | None, line: ProgressLine) -> Cluster | None:
    """The cluster of an address, which tells its workers and dashboard on stderr, on a line of their own; None where
    no address is given."""
    if address is None:
        return None
    from crlspec.studies.cluster.client import Cluster

    def told(text: str) -> None:
        line.close()
        print(text, file=sys.stderr, flush=True)

    return Cluster(address, told)
