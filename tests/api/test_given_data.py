"""Images and labels as people keep them: every form is the same image set."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import pixelproof as pp
from pixelproof.data.given import as_image_set

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 6, 5, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2] * 3)
NAMES = ("ant", "bee", "cat")


class Pairs(Dataset[Any]):
    """Pillow images with their labels, as a folder's dataset gives them."""

    classes = NAMES

    def __len__(self) -> int:
        return len(PIXELS)

    def __getitem__(self, k: int) -> tuple[Image.Image, int]:
        return Image.fromarray(PIXELS[k]), int(LABELS[k])


class Rows(Dataset[Any]):
    def __len__(self) -> int:
        return len(PIXELS)

    def __getitem__(self, k: int) -> dict[str, Any]:
        return {"img": torch.from_numpy(PIXELS[k]).permute(2, 0, 1) / 255, "fine_label": torch.tensor(LABELS[k])}


def tensors() -> TensorDataset:
    return TensorDataset(torch.from_numpy(PIXELS).permute(0, 3, 1, 2) / 255, torch.from_numpy(LABELS))


FORMS: dict[str, Any] = {
    "uint8, channels last": lambda: (PIXELS, LABELS),
    "uint8, channels first": lambda: (PIXELS.transpose(0, 3, 1, 2), LABELS),
    "floats, channels first": lambda: (PIXELS.transpose(0, 3, 1, 2) / 255, LABELS),
    "floats, channels last": lambda: ((PIXELS / 255).astype(np.float32), LABELS),
    "other whole numbers": lambda: (PIXELS.astype(np.int64), LABELS.astype(float)),
    "tensors": lambda: (torch.from_numpy(PIXELS), torch.from_numpy(LABELS)),
    "tensors with gradients": lambda: (torch.from_numpy(PIXELS / 255).requires_grad_(), LABELS[:, None]),
    "pictures": lambda: ([Image.fromarray(each) for each in PIXELS], LABELS.tolist()),
    "arrays": lambda: (list(PIXELS), tuple(LABELS)),
    "names": lambda: (PIXELS, [NAMES[k] for k in LABELS]),
    "an array of names": lambda: (PIXELS, np.array(NAMES)[LABELS]),
    "a column a class": lambda: (PIXELS, np.eye(3)[LABELS]),
    "a dataset of pairs": lambda: (Pairs(),),
    "a dataset of rows": lambda: (Rows(),),
    "a tensor dataset": lambda: (tensors(),),
    "a subset": lambda: (Subset(tensors(), range(9)),),
    "a loader": lambda: (DataLoader(tensors(), batch_size=4, shuffle=True),),
    "a loader of its own batches": lambda: (
        DataLoader(
            tensors(), batch_size=4, collate_fn=lambda rows: (torch.stack([r[0] for r in rows]), [r[1] for r in rows])
        ),
    ),
    "a loader of rows": lambda: (DataLoader(Rows(), batch_size=2),),
    "an image set": lambda: (pp.ImageSet(PIXELS, LABELS, NAMES),),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_images(form: str) -> None:
    data = as_image_set(*FORMS[form]())
    assert np.array_equal(data.images, PIXELS)
    assert np.array_equal(data.labels, LABELS)
    named = form in ("names", "an array of names", "a dataset of pairs", "an image set")
    assert data.class_names == (NAMES if named else ("class 0", "class 1", "class 2"))


def test_grey_pictures_stay_grey() -> None:
    grey = PIXELS[..., 0]
    for form in (grey, grey / 255, torch.from_numpy(grey), [Image.fromarray(each) for each in grey]):
        assert np.array_equal(as_image_set(form, LABELS).images, grey[..., None])


def test_a_dataset_of_the_hub_library() -> None:
    datasets = pytest.importorskip("datasets")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(NAMES))})
        rows = {"image": [Image.fromarray(each) for each in PIXELS], "label": LABELS.tolist()}
        data = as_image_set(datasets.Dataset.from_dict(rows, features))
        assert np.array_equal(data.images, PIXELS)
        assert np.array_equal(data.labels, LABELS)
        assert data.class_names == NAMES
        other = datasets.Dataset.from_dict(rows, features).rename_columns({"image": "scan", "label": "organ"})
        assert as_image_set(other, image_column="scan", label_column="organ").class_names == NAMES
        with pytest.raises(
            pp.DataError, match=r"no column image or img .* \(it has scan, organ\); name it with image_"
        ):
            as_image_set(other)


def test_class_names_number_the_names() -> None:
    names = [NAMES[k] for k in LABELS]
    data = as_image_set(PIXELS, names, ["cat", "bee", "ant", "dog"])
    assert np.array_equal(data.labels, 2 - LABELS)
    with pytest.raises(pp.DataError, match="The label 'cat' is none of the class names"):
        as_image_set(PIXELS, names, ["ant", "bee"])


def test_transparent_pictures_are_refused() -> None:
    clear = Image.new("RGBA", (4, 4), (1, 2, 3, 100))
    with pytest.raises(pp.DataError, match="transparent"):
        as_image_set([clear, clear], [0, 1])
