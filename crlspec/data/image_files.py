"""Images of environments in a folder: ``NAME.npy`` (sample, channel, row, column), or a folder ``NAME`` of files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError

import numpy as np

from crlspec.data.images import empty_images
from crlspec.data.separators import suffix_of
from crlspec.data.strangers import account_for, require_regular, require_text_name
from crlspec.errors import DataError

__all__ = ["ARRAY", "image_sources", "read_images"]

ARRAY = ".npy"
PICTURES = (".png", ".jpg", ".jpeg")


def image_sources(folder: Path, passed_over: str) -> dict[str, Path]:
    """Environment → array file or folder of images, in the order of their names; empty where there are none.

    passed_over  the subfolder that is no environment

    Raises DataError where an environment has both, or a folder beside others with images holds none.
    """
    entries = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    for path in entries:
        require_text_name(path)
    arrays = {path.stem: path for path in entries if path.is_file() and path.suffix.lower() == ARRAY}
    folders = {path.name: path for path in entries if path.is_dir() and path.name != passed_over}
    full = {name: path for name, path in folders.items() if _pictures(path)}
    if twice := sorted(arrays.keys() & full.keys()):
        raise DataError(
            f"{folder}: environment '{twice[0]}' has {arrays[twice[0]].name} and a folder of images.",
            remedy="Keep one of them.",
        )
    tables = any(map(suffix_of, entries))
    if full or arrays or (folders and not tables):
        empty = [path for name, path in folders.items() if name not in full]
        if empty:
            raise DataError(
                f"{empty[0]}: there is no image in this folder.",
                remedy="Put a .png or .jpg file for each sample there, or remove the folder.",
            )
    return dict(sorted({**arrays, **full}.items()))


def read_images(sources: Mapping[str, Path]) -> dict[str, np.ndarray]:
    """Environment → images (sample, channel, row, column): array files as memory maps, image files as uint8.

    Raises DataError that names the file: no array, no image, an image of another size than the first.
    """
    return {
        name: _array(path) if path.is_file() else _stacked(_all_pictures(path))
        for name, path in sources.items()
    }


def _pictures(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PICTURES and path.is_file()]


def _all_pictures(folder: Path) -> list[Path]:
    """The images of a folder; DataError, or a LossWarning, for what else it holds."""
    found = _pictures(folder)
    account_for(folder, found)
    return found


def _array(path: Path) -> np.ndarray:
    require_regular(path)
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (
        OSError,
        ValueError,
        EOFError,
        SyntaxError,
        TokenError,
    ) as error:  # numpy parses a header as Python
        raise DataError(
            f"{path}: this is no array of numbers ({str(error).splitlines()[0]}).",
            remedy="Write it with numpy.save, as (sample, channel, row, column).",
        ) from None
    assert isinstance(found, np.ndarray)
    return found


def _stacked(files: list[Path]) -> np.ndarray:
    first = _pixels(files[0])
    images = empty_images((len(files), *first.shape))
    for k, path in enumerate(files):
        pixels = _pixels(path)
        if pixels.shape != first.shape:
            raise DataError(
                f"{path}: {_size(pixels)}, where {files[0].name} has {_size(first)}.",
                remedy="Give every sample an image of one size and one number of channels.",
            )
        images[k] = pixels
    return images


def _pixels(path: Path) -> np.ndarray:
    """An image file as uint8 (channel, row, column): one channel of grey, or three; transparency is left out."""
    try:
        from PIL import Image
    except ImportError:
        raise DataError(
            f"{path}: reading images needs Pillow, which is not installed.",
            remedy="pip install 'crlspec[images]', or give the images of each environment as NAME.npy.",
        ) from None
    require_regular(path)
    try:
        with Image.open(path) as opened:
            mode = opened.mode
            deep = mode.startswith(("I", "F"))
            pixels = np.asarray(
                opened if deep else opened.convert("L" if mode in ("1", "L", "LA") else "RGB")
            )
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path}: this image cannot be read ({str(error).splitlines()[0]}).",
            remedy="Save it again as PNG or JPEG, or leave the sample out.",
        ) from None
    if deep:
        raise DataError(
            f"{path}: its pixels have more than 8 bits (mode {mode}).",
            remedy="Save it with 8 bits a channel, or give float images from 0 to 1 as NAME.npy.",
        )
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _size(pixels: np.ndarray) -> str:
    channels, rows, columns = pixels.shape
    return f"{columns} × {rows} pixels of {channels} channel{'s' * (channels > 1)}"
