"""Families for crlspec. As a plug-in that is not installed: ``--plugin acme_crl``."""

from acme_crl.declarations import AverageMechanism, ShrunkScores
from acme_crl.estimator import RootsFirst

__all__ = ["AverageMechanism", "RootsFirst", "ShrunkScores"]
