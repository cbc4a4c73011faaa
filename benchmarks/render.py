"""What does an image cost? Milliseconds of each scene, rendered to uint8 in batches.

    python benchmarks/render.py [--images 1024] [--device cpu] [--threads 1] [--mujoco]

Prints a row for each scene and its rate. Exit status 1 where robot arms of three joints at 32 × 32 pixels come slower
than 500 a second.
"""

import argparse
import sys
import time

import torch

from crlspec.models.scene_declarations import BallsMixing, Nuisance, RobotArmMixing, SceneMixing

LEAST = 500.0
ON = Nuisance(light=0.2, background=0.3, jitter=1.0)


def scenes(mujoco: bool) -> dict[str, SceneMixing]:
    """What is measured; the first has a bound."""
    found: dict[str, SceneMixing] = {
        "robot-arm-3, 3x32x32": RobotArmMixing(size=32),
        "robot-arm-3, 3x32x32, nuisance": RobotArmMixing(size=32, nuisance=ON),
        "robot-arm-6, 6x32x32": RobotArmMixing(joints=6, size=32, cameras=2),
        "robot-arm-6, 6x64x64": RobotArmMixing(joints=6, size=64, cameras=2),
        "balls-2, 3x32x32": BallsMixing(count=2, size=32),
        "balls-3, 3x64x64": BallsMixing(count=3, size=64),
    }
    if mujoco:
        from crlspec.models.mujoco_declaration import MujocoMixing

        found["mujoco, 3x64x64"] = MujocoMixing(size=64)
    return found


def milliseconds(declaration: SceneMixing, images: int, device: str) -> float:
    """Of one image, the best of three rounds."""
    latents = tuple(f"z{k}" for k in range(declaration.needed))
    resolved = declaration.draw(None, latents)
    scene = resolved.implement()(resolved, latents, torch.float32, device)
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(images, len(latents), generator=generator)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        scene.render(z, generator).cpu()
        best = min(best, time.perf_counter() - start)
    return 1e3 * best / images


def main() -> int:
    """Run the benchmark; the exit status tells whether its bound holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mujoco", action="store_true", help="the simulator too (extra robot)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rates = {}
    for name, declaration in scenes(options.mujoco).items():
        cost = milliseconds(declaration, options.images, options.device)
        rates[name] = 1e3 / cost
        print(f"{name:32s} {cost:7.3f} ms an image, {rates[name]:7.0f} a second", flush=True)
    slow = next(iter(rates.values())) < LEAST
    print(
        f"robot-arm-3 at 32 x 32: {'below' if slow else 'at least'} {LEAST:.0f} images a second, {options.device}"
    )
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
