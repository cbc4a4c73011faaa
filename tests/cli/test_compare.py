"""The command ``compare``: two runs, a run and its truth, and what it refuses."""

from __future__ import annotations

import json

from crlspec.data import read_data, write_data


def test_compare_two_runs_and_a_run_with_its_truth(call, spec):
    for seed in (0, 1):
        data = ("--seed", "0") if seed == 0 else ("--data", "data.nc", "--seed", "1")
        if seed == 1:
            assert call("sample", spec, "--out", "data.nc").status == 0
        assert call("run", spec, *data, "--out", f"run{seed}").status == 0
    told = call("compare", "run0", "run1", "--data", "data.nc")
    assert (told.status, told.err) == (0, "")
    assert "latents matched: 3" in told.out
    assert "SHD 0, of the closures 0; SID 0, the other way round 0" in told.out
    values = json.loads(call("compare", "run0", "--json").out)
    assert values["shd"] == 0
    assert set(values["matching"]) == {"a", "b", "c"}
    assert min(values["correlation"].values()) > 0.99
    without = read_data("data.nc").map_over_datasets(
        lambda node: node.drop_vars("z") if "z" in node else node
    )
    write_data(without, "bare.nc")
    refused = call("compare", "run0", "--data", "bare.nc")
    assert refused.status == 2
    assert refused.err.startswith("the data hold no true latents z")


def test_what_compare_refuses(call, own):
    assert call("compare", "nowhere").status == 2
    assert call("run", own, "--out", "own").status == 0
    refused = call("compare", "own")
    assert refused.status == 2
    assert refused.err == "own: no truth is known to compare with. Remedy: Name a second result.\n"
