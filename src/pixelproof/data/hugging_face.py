"""``hf:NAME_OR_FOLDER``: a dataset of the ``datasets`` library."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pixelproof.data.arrays import read_images
from pixelproof.data.given import IMAGE_COLUMNS, LABEL_COLUMNS, as_array, as_image_set, class_names_of, column_of
from pixelproof.data.imageset import ImageSet, UInt8Array
from pixelproof.data.labels import read_labels
from pixelproof.data.lazy import LazyImages, fits
from pixelproof.errors import DataError
from pixelproof.extras import needed
from pixelproof.wording import first_line


def load_hf_dataset(place: str, split: str = "test", image: str | None = None, label: str | None = None) -> ImageSet:
    """The ``split`` of a dataset by its name on the hub, or of a folder that ``save_to_disk`` wrote.

    ``image`` and ``label`` name the columns where their usual names are not used. Raises ``DataError`` where it cannot
    be loaded, and ``InputError`` without the library.
    """
    datasets = needed("datasets", "hf", f"hf:{place}")
    try:
        found: Any = (
            datasets.load_from_disk(place) if Path(place).is_dir() else datasets.load_dataset(place, split=split)
        )
    except Exception as error:
        raise DataError(
            f"hf:{place} cannot be loaded ({first_line(error)}); expected a name of the hub, or a folder written by "
            "save_to_disk."
        ) from error
    if isinstance(found, dict):
        if split not in found:
            raise DataError(f"hf:{place} has no split {split}, only {', '.join(found)}; add ,split=NAME.")
        found = found[split]
    picture = column_of(found.features, image, IMAGE_COLUMNS, "images")
    shape = _image(found, picture, None, 0).shape if len(found) else (0,)
    if fits((len(found), *shape)):
        return as_image_set(found, image_column=image, label_column=label)
    column = column_of(found.features, label, LABEL_COLUMNS, "labels")
    numbers, names = read_labels(list(found[column]), class_names_of(found, label))
    images = LazyImages(partial(_image, found, picture, shape), np.arange(len(found)), shape)
    return ImageSet(images, numbers, names, "dataset")


def _image(dataset: Any, column: str, shape: tuple[int, ...] | None, row: int) -> UInt8Array:
    """The image of a ``row`` as uint8 H×W×C. Raises ``DataError`` where it is not of ``shape``."""
    image: UInt8Array = read_images(as_array(dataset[row][column])[None])[0]
    if shape is not None and image.shape != shape:
        raise DataError(f"Images are of several shapes, {shape} and, in row {row}, {image.shape}; expected one.")
    return image
