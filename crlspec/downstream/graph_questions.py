"""What a Record can be asked after recovery: thin methods, the work is in :mod:`crlspec.downstream`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import networkx as nx
    import xarray as xr
    from pgmpy.base import DAG
    from pgmpy.models import DiscreteBayesianNetwork, LinearGaussianBayesianNetwork

    from crlspec.downstream.bayesian_network import Do
    from crlspec.downstream.comparison import Comparison, Side
    from crlspec.downstream.equivalence import EquivalenceClass
    from crlspec.downstream.falsification import Falsification
    from crlspec.results.record import Record

__all__ = ["GraphQuestions"]


class GraphQuestions:
    """Methods of :class:`~crlspec.result.Result`; each raises EstimationError where it has no graph."""

    @property
    def dag(self) -> DAG:
        """The recovered graph as a pgmpy DAG: isolated nodes kept, every node in the role ``recovered``. Edges carry
        ``strength`` (as ``weight`` too), ``p_value``, and the ``environments`` that target their cause; nodes the
        ``environments`` that target them.

        None is in pgmpy's role ``latents``: that means nodes without values, and pgmpy would leave them out of
        every d-separation and adjustment set.
        """
        return self.causal_graph()

    def causal_graph(
        self,
        exposures: str | Iterable[str] = (),
        outcomes: str | Iterable[str] = (),
        unobserved: str | Iterable[str] = (),
    ) -> DAG:
        """:attr:`dag` with pgmpy's roles ``exposures``, ``outcomes`` and, for ``unobserved``, ``latents``."""
        from crlspec.downstream.pgmpy_graph import causal_graph

        return causal_graph(self._result, exposures, outcomes, unobserved)

    def adjustment_set(
        self, exposure: str, outcome: str, unobserved: str | Iterable[str] = ()
    ) -> tuple[str, ...] | None:
        """A minimal set of latents to adjust for, for the total effect of exposure on outcome; None if none.

        Warns (QuestionWarning) where the exposure is no cause of the outcome, so that the effect is none.
        """
        from crlspec.downstream.adjustment import adjustment_set, note_no_effect

        dag = self.causal_graph(exposure, outcome, unobserved)
        note_no_effect(dag, "adjustment_set")
        return adjustment_set(dag)

    def frontdoor_set(
        self, exposure: str, outcome: str, unobserved: str | Iterable[str] = ()
    ) -> tuple[str, ...] | None:
        """A front-door set of latents for the total effect of exposure on outcome, by pgmpy; None if none.

        Warns as :meth:`adjustment_set` does.
        """
        from crlspec.downstream.adjustment import frontdoor_set, note_no_effect

        dag = self.causal_graph(exposure, outcome, unobserved)
        note_no_effect(dag, "frontdoor_set")
        return frontdoor_set(dag)

    def bayesian_network(
        self, do: Do | None = None, *, discretize: int | None = None
    ) -> LinearGaussianBayesianNetwork | DiscreteBayesianNetwork:
        """A pgmpy network fitted on the recovered latents: linear-Gaussian, or of so many bins a latent.

        do  latent → value, or (mean, standard deviation): the network after this hard intervention

        A node is fitted on every environment that leaves its mechanism alone. Raises EstimationError for ``do``
        where the theory gives latents only up to mixing with others: setting one of these sets no latent.
        """
        from crlspec.downstream.bayesian_network import bayesian_network, intervened, refuse_mixed
        from crlspec.downstream.pgmpy_discrete import discrete_network

        if do:
            refuse_mixed(self._result)
        if discretize is not None:
            return discrete_network(self._result, discretize, do)
        network = bayesian_network(self._result)
        return intervened(network, do) if do else network

    def networkx(self) -> nx.DiGraph:
        """The graph as a networkx DiGraph, edges with ``strength`` and ``p_value``."""
        from crlspec.downstream.exports import to_networkx

        return to_networkx(self._result)

    def export(self, path: str | Path, format: str | None = None, force: bool = False) -> Path:
        """Write the graph for another program, by the suffix or by ``format``.

        ``networkx`` (node-link .json), ``gml``, ``graphml``, ``dot``, ``dagitty``, ``lavaan``, ``csv`` (adjacency
        matrix), ``bif`` (a discrete network of three bins a latent), and pictures: ``svg``, ``png``.
        Raises ExportError for a format or name that does not fit, OutputExists unless ``force``.
        """
        from crlspec.downstream.exports import export

        return export(self._result, path, format, force)

    def equivalence_class(self, targets: Iterable[Collection[str]] | None = None) -> EquivalenceClass:
        """The graphs that the interventions cannot tell apart: certain, either-way and possible edges.

        targets  latents of each intervention, instead of those of the result; ``[]`` for observational data alone
        """
        from crlspec.downstream.equivalence import equivalence_class

        return equivalence_class(self._result, targets)

    def compare(
        self, other: Side, data: xr.DataTree | None = None, matching: Mapping[str, str] | None = None
    ) -> Comparison:
        """Beside another result, the model that made the data, or a graph: latents matched, distances, edges."""
        from crlspec.downstream.comparison import compare

        return compare(self._result, other, data, matching=matching)

    def falsify(self, data: xr.DataTree, *, mixing: float = 0.05, alpha: float = 0.05) -> Falsification:
        """Which claims of the graph held-out observations refute, leftover ``mixing`` of the latents granted."""
        from crlspec.downstream.falsification import falsify

        return falsify(self._result, data, mixing=mixing, alpha=alpha)

    @property
    def _result(self) -> Record:
        return cast("Record", self).standardised
