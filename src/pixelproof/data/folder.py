"""Images from a folder with one subfolder a class."""

from pathlib import Path

import numpy as np

from pixelproof.data.imageset import ImageSet
from pixelproof.data.limits import regular_file
from pixelproof.data.pictures import SUFFIXES, read_pictures
from pixelproof.errors import DataError

#: Images, but not read here.
_OTHER_SUFFIXES = (".avif", ".heic", ".jp2", ".jxl", ".pgm", ".ppm", ".tif", ".tiff")


def load_folder(folder: Path, size: int | None = None) -> ImageSet:
    """The images of ``folder/CLASS/FILE``: classes and files in sorted order, named by subfolder.

    PNG, JPEG, BMP, WebP and the first frame of a GIF are read, as stored (EXIF rotation is not applied); see
    ``read_pictures``, also for ``size``, which is done as with Imagenette and Imagewoof. Hidden files and files that
    are no images are passed over. Raises ``DataError`` as ``read_pictures`` does, naming the file, when a file is in
    the wrong place, and when a class folder has no image.
    """
    classes = _classes(folder)
    files = [(path, label) for label, each in enumerate(classes) for path in _images_in(each)]
    images = read_pictures([path for path, _ in files], size)
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
    for path in images:
        regular_file(path, "images only")
    if not images:
        raise DataError(
            f"The class folder {folder} has no images; expected {', '.join(SUFFIXES)}, so add some or remove it."
        )
    return images


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES
