"""Images from a folder with one subfolder a class."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pixelproof.data.imageset import ImageSet, UInt8Array
from pixelproof.errors import DataError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
_OTHER_SUFFIXES = (
    ".avif",
    ".heic",
    ".jp2",
    ".jxl",
    ".pgm",
    ".ppm",
    ".tif",
    ".tiff",
)  # images, but not read here
_GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA")


@dataclass(frozen=True)
class _Header:
    """What a file's header says: width × height in pixels, and Pillow's name of the pixel type."""

    path: Path
    size: tuple[int, int]
    mode: str


def load_folder(folder: Path, size: int | None = None) -> ImageSet:
    """The images of ``folder/CLASS/FILE``: classes and files in sorted order, named by subfolder.

    PNG, JPEG, BMP, WebP and the first frame of a GIF are read, as stored (EXIF rotation is not applied), 8
    bits a channel, all of one size; with a ``size``, of any, and then the middle square of each is resized to
    ``size``×``size`` (bilinear, antialiased), as is done with Imagenette and Imagewoof. They stay grey (C = 1)
    when all are, otherwise all become RGB. Hidden files and files that are no images are passed over. Raises
    ``DataError`` naming the file when one is corrupt, of another size, of more than 8 bits, transparent or in
    the wrong place, and when a class folder has no image.
    """
    classes = _classes(folder)
    files = [(path, label) for label, each in enumerate(classes) for path in _images_in(each)]
    headers = [_header(path) for path, _ in files]
    if size is None:
        _check_sizes(headers)
    width, height = headers[0].size if size is None else (size, size)
    grey = all(header.mode in _GREY for header in headers)
    images = np.empty((len(files), height, width, 1 if grey else 3), np.uint8)
    for place, header in zip(images, headers, strict=True):
        place[...] = _pixels(header.path, grey, (width, height))
    images.setflags(write=False)
    labels = np.array([label for _, label in files], np.int64)
    return ImageSet(images, labels, tuple(each.name for each in classes), folder.resolve().name)


def _classes(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; expected one with a subfolder of images for each class.")
    stray = [path for path in _visible(folder) if path.is_file() and _is_image(path)]
    if stray:
        raise DataError(f"{stray[0]} belongs to no class; expected {folder}/CLASS/{stray[0].name}, so move it there.")
    classes = [path for path in _visible(folder) if path.is_dir()]
    if len(classes) < 2:
        raise DataError(
            f"{folder} has {len(classes)} class folders; expected at least 2, so make one subfolder of images a class."
        )
    return classes


def _images_in(folder: Path) -> list[Path]:
    paths = _visible(folder)
    for path in paths:
        if path.is_dir():
            raise DataError(f"{path} is a folder inside a class; expected images only, so move its images up.")
        if path.suffix.lower() in _OTHER_SUFFIXES:
            raise DataError(f"{path} is of a kind that is not read; expected {', '.join(SUFFIXES)}, so convert it.")
    images = [path for path in paths if _is_image(path)]
    if not images:
        raise DataError(
            f"The class folder {folder} has no images; expected {', '.join(SUFFIXES)}, so add some or remove it."
        )
    return images


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _header(path: Path) -> _Header:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            header = _Header(path, image.size, image.mode)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error
    if header.mode not in _GREY + _COLOUR:
        raise DataError(f"{path} has {header.mode} pixels; expected grey or RGB with 8 bits a channel, so convert it.")
    return header


def _check_sizes(headers: list[_Header]) -> None:
    first = headers[0]
    for other in headers:
        if other.size != first.size:
            raise DataError(
                f"All images must have one size, but {first.path} is {first.size[0]}×{first.size[1]} and "
                f"{other.path} is {other.size[0]}×{other.size[1]}; resize them to what the "
                "model expects, or write folder:DIR,size=N."
            )


def _pixels(path: Path, grey: bool, size: tuple[int, int]) -> UInt8Array:
    """The pixels of ``path`` at ``size`` (W, H), uint8 H×W×C with C = 1 when ``grey``, else 3."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            image.load()
            if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (
                255,
                255,
            ):
                raise DataError(f"{path} has transparent pixels; expected opaque images, so flatten it.")
            pixels = np.asarray(_at(size, image.convert("L" if grey else "RGB")))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise _unreadable(path, error) from error
    return pixels[:, :, np.newaxis] if grey else pixels


def _at(size: tuple[int, int], image: Image.Image) -> Image.Image:
    """``image`` as it is where it has ``size`` (W, H), else its middle square resized to that."""
    if image.size == size:
        return image
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize(size, Image.Resampling.BILINEAR)


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as an image ({error}); expected a whole image, so replace or remove it.")
