"""Runs on the workers of a Dask scheduler: what a worker must have, and how rows come back."""

from crlspec.studies.cluster.client import Cluster, ClusterError

__all__ = ["Cluster", "ClusterError"]
