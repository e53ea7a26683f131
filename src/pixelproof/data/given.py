"""Images and labels as people hand them over in Python, made an image set."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from pixelproof.data.arrays import read_images
from pixelproof.data.imageset import ImageSet
from pixelproof.data.labels import read_labels
from pixelproof.errors import DataError

#: What columns of images and of labels are called, the likeliest first.
IMAGE_COLUMNS, LABEL_COLUMNS = ("image", "img", "pixel_values", "images"), ("label", "labels", "fine_label", "target")


def as_image_set(
    images: object,
    labels: object = None,
    class_names: Sequence[str] | None = None,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
) -> ImageSet:
    """An ``ImageSet`` of what ``images`` is.

    Arrays and tensors: uint8 or floats in [0, 1], N×H×W×C, N×C×H×W or grey N×H×W. A list of Pillow images or of
    arrays, all of one size. A torch ``Dataset`` or ``DataLoader``, or a dataset of the ``datasets`` library: pairs, or
    rows with a column of images and one of labels, which are found by their usual names or named here. A ``Dataset``
    or ``DataLoader`` of MAITE's image classification protocols. An ``ImageSet`` comes back as it is. ``labels`` (not
    for datasets, which hold theirs): N class numbers, N names, or N×K with a single 1 a row. ``class_names``: K names.
    Raises ``DataError`` with one sentence for anything else.
    """
    if isinstance(images, ImageSet):
        return images
    if isinstance(images, (str, bytes)):
        raise DataError(f"Images are given as the text {images!r}; expected the images, as pp.load_data({images!r}).")
    if isinstance(images, Path):
        raise DataError(
            f"Images are given as the path {images}; expected the images, as pp.load_data('folder:{images}')."
        )
    if images is None:
        raise DataError("The images are missing; expected arrays, a list of pictures, or a dataset.")
    if isinstance(images, Mapping):
        raise DataError("Images are a mapping; expected arrays, a list of pictures, or one dataset.")
    name = "arrays"
    if labels is None and not isinstance(images, (np.ndarray, Tensor, list, tuple)):
        class_names = class_names_of(images, label_column) if class_names is None else class_names
        images, labels = _columns(images, image_column, label_column)
        name = "dataset"
    elif isinstance(images, (DataLoader, Dataset)) or hasattr(images, "column_names"):
        raise DataError(
            "Labels are given beside a dataset, which holds its own; expected one of the two, so leave one out."
        )
    elif isinstance(images, (list, tuple)):
        images = [as_array(each) for each in images]
    numbers, names = read_labels(_numbers(labels), class_names)
    array = _stacked(images)
    if np.ndim(array) == 3 and len(numbers) == 1 != len(array):
        raise DataError(
            f"One label is given for images of the shape {np.shape(array)}; expected N×H×W×C, so write image[None] "
            "where they are one image."
        )
    return ImageSet(read_images(array), numbers, names, name)


def _columns(data: Any, image_column: str | None, label_column: str | None) -> tuple[list[Any], list[Any]]:
    images, labels = [], []
    for item in _items(data):
        if isinstance(item, Mapping):
            images.append(item[column_of(item, image_column, IMAGE_COLUMNS, "images")])
            labels.append(item[column_of(item, label_column, LABEL_COLUMNS, "labels")])
        elif isinstance(item, (tuple, list)) and (len(item) == 2 or _is_maite_datum(item)):
            images.append(item[0])
            labels.append(item[1])
        else:
            raise DataError(
                f"The dataset gives a {type(item).__name__}; expected pairs of an image and its label, or rows with a "
                "column of each."
            )
    if not images:
        raise DataError("The dataset is empty; expected images with their labels.")
    return [as_array(each) for each in images], labels


def _items(data: Any) -> Iterator[Any]:
    """One image and its label after the other; of a loader in the order of its dataset, whatever it shuffles."""
    if isinstance(data, DataLoader):
        plain = data.collate_fn is default_collate
        if plain and data.batch_size is not None and not isinstance(data.dataset, IterableDataset):
            return _items(data.dataset)
        return _of_batches(data)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return (data[k] for k in range(len(data)))
    if not isinstance(data, Iterable):
        raise DataError(f"Images are a {type(data).__name__}; expected arrays, a list of pictures, or a dataset.")
    return chain.from_iterable(map(_data_of, data))


def _is_maite_datum(item: Sequence[Any]) -> bool:
    """Whether it is an image, its target and its metadata, as MAITE's datasets give them."""
    return len(item) == 3 and isinstance(item[2], Mapping)


def _data_of(item: Any) -> Iterable[Any]:
    """The data in one item of a loader: those of a batch where it is one of MAITE's, with a sequence of metadata."""
    triple = isinstance(item, (tuple, list)) and len(item) == 3 and isinstance(item[2], (tuple, list))
    batch = triple and all(isinstance(each, Mapping) for each in item[2])
    return zip(*item, strict=True) if batch else (item,)


def _of_batches(loader: Iterable[Any]) -> Iterator[Any]:
    for batch in loader:
        if isinstance(batch, Mapping):
            yield from (dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True))
        else:
            yield from zip(*batch, strict=True)


def column_of(item: Mapping[str, Any], named: str | None, usual: Sequence[str], what: str) -> str:
    """The column of ``item`` that is ``named``, or has one of the ``usual`` names. Raises ``DataError``."""
    found = [each for each in usual if each in item] if named is None else [each for each in (named,) if each in item]
    if not found:
        raise DataError(
            f"The dataset has no column {named or ' or '.join(usual)} of {what} (it has {', '.join(item)}); name it "
            f"with {what[:-1]}_column."
        )
    return found[0]


def class_names_of(data: Any, label_column: str | None = None) -> Sequence[str] | None:
    """The class names that a dataset knows of, as torchvision's, Hugging Face's and MAITE's do; None: none."""
    data = data.dataset if isinstance(data, DataLoader) else data
    features = getattr(data, "features", None) or {}
    for column in LABEL_COLUMNS if label_column is None else (label_column,):
        names = getattr(features.get(column), "names", None) if isinstance(features, Mapping) else None
        if names:
            return list(names)
    metadata = getattr(data, "metadata", None)  # MAITE's
    if isinstance(metadata, Mapping) and (by_number := metadata.get("index2label")):
        return [str(by_number.get(k, f"class {k}")) for k in range(max(by_number) + 1)]
    classes = getattr(data, "classes", None)
    return list(map(str, classes)) if isinstance(classes, (list, tuple)) and len(classes) > 1 else None


def as_array(image: object) -> Any:
    """One image as an array; palettes become colours, transparent pictures are refused."""
    if isinstance(image, (str, Path)):
        raise DataError(
            f"A picture is given as the path {str(image)!r}; expected the picture, as PIL.Image.open(path), or a "
            "table of paths, as pp.load_data('csv:FILE')."
        )
    if not isinstance(image, Image.Image):
        return np.asarray(_on_cpu(image))
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise DataError("A picture has transparent pixels; expected opaque images, so flatten it.")
    return np.asarray(image.convert("L" if image.mode in ("1", "L", "LA") else "RGB"))


def _stacked(images: object) -> Any:
    """One array of a list of them, which must be of one shape."""
    if not isinstance(images, list):
        return _on_cpu(images)
    shapes = list(dict.fromkeys(each.shape for each in images))
    if len(shapes) > 1:
        raise DataError(
            f"Images are of several shapes, {shapes[0]} and {shapes[1]}; expected one, so bring all to the size that "
            "the model takes, and to grey or to colour."
        )
    return np.stack(images) if images else np.empty(0)


def _numbers(labels: object) -> object:
    """``labels`` as an array, where they are a tensor, or as a list without tensors."""
    return [_on_cpu(each) for each in labels] if isinstance(labels, (list, tuple)) else _on_cpu(labels)


def _on_cpu(values: object) -> Any:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values
