"""The scikit-learn estimator: its rules, and the same answer as ``crlspec.solve``."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import crlspec
from crlspec.errors import SpecError
from crlspec.sklearn import CRL, ValueDataError

SPEC = """
crlspec: 1
name: two
latents: [a, b]
scm: {graph: [a -> b], mechanism: {kind: linear, weight: [1.4, 1.5]}, noise: {kind: normal, variance: 1}}
mixing: {kind: linear, observed: 3}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 0.2}}}
samples: 3000
scores: {kind: gaussian}
estimator: {kind: lscale-i}
"""


@pytest.fixture(scope="module")
def model():
    return crlspec.compile(crlspec.loads(SPEC), seed=1)


@pytest.fixture(scope="module")
def table(model):
    """A table of all rows, and the environment of each."""
    tree = model.sample(seed=1)
    x = pd.concat(
        [pd.DataFrame(node["x"].values, columns=list(model.observed)) for node in tree.children.values()]
    )
    environments = np.repeat(list(tree.children), [node.sizes["sample"] for node in tree.children.values()])
    return x.reset_index(drop=True), environments


@pytest.fixture(scope="module")
def fitted(table):
    return CRL("lscale-i").fit(*table)


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8),
    reason="before 1.8 the data of the rules have no more rows of a label than variables",
)
@pytest.mark.parametrize("kind", ["pca", pytest.param("ica", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")
def test_the_rules_of_scikit_learn_hold_for_what_takes_any_data(kind):
    check_estimator(CRL(kind, latents="all", observational="first"), on_skip=None)


def test_latents_are_those_of_the_truth(fitted, model):
    tree = model.sample(2000, seed=5)
    z, found = (
        tree["obs"]["z"].values,
        fitted.transform(pd.DataFrame(tree["obs"]["x"].values, columns=model.observed)),
    )
    assert list(fitted.get_feature_names_out()) == ["do_a", "do_b"]
    assert abs(np.corrcoef(z.T, found.T)[:2, 2:]).diagonal().min() > 0.99


def test_graph_and_names_stand_where_pgmpy_has_them(fitted):
    assert list(fitted.causal_graph_.edges) == [("do_a", "do_b")]
    assert fitted.adjacency_.equals(pd.DataFrame([[0, 1], [0, 0]], ["do_a", "do_b"], ["do_a", "do_b"]))
    assert list(fitted.feature_names_in_) == list(fitted.result_.observed)
    assert fitted.n_features_in_ == 3


def test_the_way_back_gives_the_observations(fitted, table):
    x = table[0].iloc[:50]
    assert np.allclose(fitted.inverse_transform(fitted.transform(x)), x, atol=1e-8)
    with pytest.raises(ValueDataError) as caught:
        fitted.inverse_transform(np.zeros((2, 3)))
    assert caught.value.message == "X has 3 columns, and there are 2 latents."


def test_a_spec_gives_what_solve_gives(table, model):
    spec = crlspec.loads(SPEC)
    x, environments = table
    mine = CRL(spec, seed=3).fit(x, environments)
    theirs = crlspec.solve(spec, model.sample(seed=1), seed=3)
    assert np.allclose(mine.transform(x), theirs.transform(x.to_numpy()).values)
    assert mine.result_.edges == theirs.edges


def test_it_stands_in_a_pipeline_and_gives_tables(table):
    x, environments = table
    line = make_pipeline(FunctionTransformer(), CRL("lscale-i")).set_output(transform="pandas")
    found = line.fit(x, environments).transform(x)
    assert list(found.columns) == ["do_a", "do_b"]
    assert found.index.equals(x.index)


def test_latents_alone_have_no_graph(table):
    found = CRL("pca", latents=2).fit(*table)
    assert (found.causal_graph_, found.adjacency_) == (None, None)


def test_a_fitted_one_goes_through_pickle(fitted, table):
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.transform(table[0]), fitted.transform(table[0]))


def test_environments_by_name_and_what_is_refused(table, fitted):
    x, environments = table
    again = CRL("lscale-i").fit(x, environments=environments)
    assert np.array_equal(again.transform(x), fitted.transform(x))
    with pytest.raises(
        ValueError, match=r"Environments are given twice\. Remedy: Write fit\(X, environments\)\."
    ):
        CRL().fit(x, environments, environments=environments)
    with pytest.raises(ValueError, match="CRL requires y to be passed, but the target y is None"):
        CRL().fit(x)
    with pytest.raises(ValueDataError) as caught:
        CRL().fit(x, np.where(environments == "obs", "wild type", environments))
    assert str(caught.value) == (
        "it is not known which environment is observational: wild type, do_a, do_b. "
        "Remedy: Pass CRL(…, observational=NAME), the environment without intervention."
    )
    with pytest.raises(ValueDataError, match="X has 9000 rows, and there are 3 environments"):
        CRL().fit(x, environments[:3])
    with pytest.raises(SpecError, match="did you mean lscale-i"):
        CRL("lscale").fit(x, environments)
    with pytest.raises(NotFittedError):
        CRL().transform(x)


def test_crlspec_alone_does_not_load_scikit_learn():
    code = "import sys, crlspec; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
