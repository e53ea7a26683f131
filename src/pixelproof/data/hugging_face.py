"""``hf:NAME_OR_FOLDER``: a dataset of the ``datasets`` library."""

from pathlib import Path
from typing import Any

from pixelproof.data.given import as_image_set
from pixelproof.data.imageset import ImageSet
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
    return as_image_set(found, image_column=image, label_column=label)
