"""An estimator that is none: its class lacks the base class."""

from typing import Literal

from acme_crl.estimator import RootsFirst


class NoEstimator(RootsFirst):
    """Names a class that crlspec cannot use."""

    kind: Literal["no-estimator"] = "no-estimator"
    implementation = "collections:Counter"
