"""The command ``stability``: its files, going on, and what it refuses."""

from __future__ import annotations

import pandas as pd

import crlspec

FILES = {
    "bootstraps.csv",
    "result.nc",
    "edges.csv",
    "latents.csv",
    "orders.csv",
    "stability.nc",
    "stability.md",
}


def test_stability_leaves_its_files_and_goes_on(call, spec, tmp_path):
    quick = ("--set", "estimator={kind: lscale-i, refine: none}", "samples=1000")
    told = call("stability", spec, *quick, "--bootstraps", 2, "--out", "folder")
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith("2 bootstraps, half of the rows each within environments: ")
    folder = tmp_path / "folder"
    assert {entry.name for entry in folder.iterdir()} == FILES
    first = pd.read_csv(folder / "bootstraps.csv")
    assert call("stability", spec, *quick, "--bootstraps", 3, "--out", "folder").status == 0
    again = pd.read_csv(folder / "bootstraps.csv")
    assert len(again) == 3
    pd.testing.assert_frame_equal(again.head(2), first)
    assert crlspec.open_result(folder / "result.nc").names == ("a", "b", "c")
    assert set(pd.read_csv(folder / "latents.csv")["latent"]) == {"a", "b", "c"}
    other = call("stability", spec, *quick, "--bootstraps", 1, "--seed", 9, "--out", "folder")
    assert other.status == 2
    assert other.err.startswith(
        "folder/bootstraps.csv holds bootstraps of another spec, other data, or another seed."
    )


def test_what_stability_refuses(call, spec, own, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "note.txt").write_text("mine")
    refused = call("stability", spec, "--out", "taken")
    assert refused.status == 2
    assert refused.err.startswith("taken is not empty, and holds no bootstraps.csv to go on with.")
    assert call("stability", own, "--samples", 10).err.startswith("--samples is for sampled data")
    assert call("stability", spec, "--bootstraps", 0).status == 2


def test_only_failures_end_with_status_4(call, spec, monkeypatch):
    import crlspec.studies.stability.stability as module

    def failed(study, number):
        return {
            "bootstrap": number,
            "study": study.digest,
            "status": "failed",
            "message": "no",
            "seconds": 0.0,
        }

    monkeypatch.setattr(module, "bootstrap", failed)
    told = call(
        "stability",
        spec,
        "--set",
        "estimator={kind: lscale-i, refine: none}",
        "samples=1000",
        "--bootstraps",
        2,
    )
    assert told.status == 4
    assert "failed   2: no" in told.out
