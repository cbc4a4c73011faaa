"""One row of benchmarks/bench.py, measured in a process of its own, which prints it as JSON.

    python benchmarks/bench_rows.py solve linear/hard-5 samples=10000
    python benchmarks/bench_rows.py read 20000
    python benchmarks/bench_rows.py score 100000

Beside what crlspec takes stands what the machine takes, in the same process and thread, for the least that such a
task needs: one pass over the bytes with the products XᵀX of all environments, the same files through pandas, a score
written by hand.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

SEED = 7000
QUICK = 3.0
"""CPU seconds below which a solve is measured again, and the lesser time kept."""


def least(call: Callable[[], object], repeats: int = 3) -> float:
    """The least CPU seconds of some calls."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


def memory(key: str) -> float:
    """``VmRSS`` or ``VmHWM`` of this process in bytes; the peak alone where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(key))


def forget_peak() -> None:
    """From now on VmHWM is the peak of what follows, where the system can do that."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def solve(name: str, *sets: str) -> dict[str, Any]:
    """CPU seconds and peak memory of a solve, beside one pass over its data.

    cpu      of solving, the data in memory, everything loaded
    limit    of XᵀX of every environment, once
    bytes, flops  of that pass
    peak     bytes above those that the process held before solving, data included in these
    """
    import crlspec
    from crlspec.errors import CrlspecError

    spec = crlspec.load(name, sets=list(sets))
    with suppress(CrlspecError):  # it need not find anything: it loads what is needed
        small = crlspec.load(name, sets=[*sets, "samples=300"])
        crlspec.solve(small, crlspec.compile(small, seed=0).sample(seed=0), seed=0)
    model = crlspec.compile(spec, seed=SEED)
    data = model.sample(seed=SEED)
    arrays = [data[environment]["x"].values for environment in data.children]
    limit = least(lambda: [x.T @ x for x in arrays])
    spent, peak, result = [], 0.0, None
    while not spent or (len(spent) < 2 and spent[0] < QUICK):
        forget_peak()
        before, began = memory("VmRSS"), time.process_time()
        result = crlspec.solve(spec, data, seed=SEED, model=model)
        spent.append(time.process_time() - began)
        peak = max(peak, memory("VmHWM") - before)
    assert result is not None
    found = result.evaluate(model)
    return {
        "cpu": min(spent),
        "limit": limit,
        "bytes": sum(x.nbytes for x in arrays),
        "flops": sum(2.0 * len(x) * x.shape[1] ** 2 for x in arrays),
        "peak": peak,
        "mcc": float(found["mcc"]),
        "shd": int(found["shd"]),
    }


def read(samples: str) -> dict[str, Any]:
    """CPU seconds of reading a folder of CSV files, beside pandas on the same files."""
    import pandas as pd

    import crlspec

    model = crlspec.compile(crlspec.load("linear/hard-5", sets=[f"samples={samples}"]), seed=SEED)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "data"
        crlspec.write_data(model.sample(seed=SEED), folder)
        files = sorted(folder.glob("*.csv"))
        pd.read_csv(files[0])
        limit = least(lambda: [pd.read_csv(file) for file in files])
        cpu = least(lambda: crlspec.read_data(folder, observational="obs"))
        return {"cpu": cpu, "limit": limit, "bytes": sum(file.stat().st_size for file in files)}


def score(samples: str) -> dict[str, Any]:
    """Wall seconds of Model.score, beside a score written by hand."""
    from device import scored

    row = scored(int(samples), "cpu")
    return {"cpu": row["seconds"], "limit": row["seconds"] / row["ratio"], "difference": row["difference"]}


KINDS: dict[str, Callable[..., dict[str, Any]]] = {"solve": solve, "read": read, "score": score}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](*sys.argv[2:])))
