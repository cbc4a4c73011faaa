"""Memory of many images: maps are read, digested and coded within a bound far below what they would fill."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "image_memory.py"


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_images():
    """3 × 64 × 64 pixels: 52,000 images are 0.6 GB in uint8, 4.8 GB in float64."""
    peaks = []
    for count in (26_000, 52_000):
        sizes = ["--images", str(count), "--channels", "3", "--size", "64"]
        done = subprocess.run([sys.executable, SCRIPT, *sizes], capture_output=True, text=True, check=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        assert figures["on_disk"] > 0.29 * count / 26_000
        peaks.append(figures["peak"] - figures["before"])
    assert peaks[1] < 0.65
    assert peaks[1] < peaks[0] + 0.1
