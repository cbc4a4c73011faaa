"""The picture of the README: what is observed while each latent of an image result moves alone, side by side.

    crlspec run robot/arm-3 --seed 7401 --out arm --set samples=2500 \\
      "estimator={kind: ropes, loss: structured-ratio, restarts: 2, steps: 700, encoder: {code: 16, steps: 900}}"
    python benchmarks/readme_picture.py arm --out docs/robot-arm.gif

Each panel is the decoder's image while one recovered latent goes from −2 to 2 standard deviations and back, and all
others rest at their mean; no label was used. An observed image stands first, at rest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

REACH, FRAMES, GAP = 2.0, 13, 2


def panels(result) -> np.ndarray:  # type: ignore[no-untyped-def]
    """(frame, row, column, 3): an observed image, then one image for each latent, a white gap between."""
    from crlspec.numerics.batches import unit_interval
    from crlspec.report.animations import frames
    from crlspec.report.images import beside, by_camera

    values = np.linspace(-REACH, REACH, FRAMES)
    values = np.concatenate([values, values[-2:0:-1]])
    cameras = len(result.provenance.get("cameras") or ["camera"])
    seen = unit_interval(result.diagnostics["example_images"].values[:1])
    still = np.repeat(beside(by_camera(seen, cameras)), len(values), axis=0)
    parts = [still, *(frames(result, latent, values) for latent in result.names)]
    gap = np.ones((len(values), still.shape[1], GAP, 3))
    return np.concatenate([one for part in parts for one in (gap, part)][1:], axis=2)


def main() -> None:
    import crlspec
    from crlspec.report.animations import gif

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", help="folder of a run, or its result.nc")
    parser.add_argument("--out", default="docs/robot-arm.gif")
    parser.add_argument("--side", type=int, default=128, help="pixels a side, about (default 128)")
    arguments = parser.parse_args()
    result = crlspec.open_result(arguments.result)
    content = gif(list(panels(result)), side=arguments.side)
    Path(arguments.out).write_bytes(content)
    print(f"{arguments.out}: {len(content) / 1000:.0f} kB; an observed image, then {', '.join(result.names)}")


if __name__ == "__main__":
    main()
