"""MAITE's protocols, the real ones: models and data in, an assessment out as a metric."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pixelproof as pp
from model_files import CLASSES, images, network
from pixelproof.errors import DataError, InputError, ModelError
from pixelproof.models import load_model, wrap_model

ic = pytest.importorskip("maite.protocols.image_classification")
tasks = pytest.importorskip("maite.tasks")

BATCH = images(9, seed=3)
CLASS = network()(BATCH).argmax(1)
NAMES = {0: "ant", 1: "bee", 2: "cat", 3: "dog"}
FEW: dict[str, Any] = {"attacks": "threshold", "levels": (1, 10), "search": "de", "max_queries": 60}


class Model:
    """A network as MAITE's tasks call it."""

    def __init__(self, seed: int = 0) -> None:
        self.metadata = {"id": "small"}
        self.network = network(seed)

    def __call__(self, batch: Sequence[Any]) -> Sequence[Any]:
        with torch.no_grad():
            return list(self.network(torch.stack([torch.as_tensor(np.asarray(each)) for each in batch])).numpy())


class Dataset:
    """Images C×H×W, one-hot targets, and an id each."""

    def __init__(self) -> None:
        self.metadata = {"id": "nine", "index2label": NAMES}

    def __len__(self) -> int:
        return len(BATCH)

    def __getitem__(self, k: int) -> tuple[Any, Any, Any]:
        if k >= len(self):
            raise IndexError(k)
        return BATCH[k].numpy(), np.eye(CLASSES)[CLASS[k]], {"id": f"image {k}"}


class Loader:
    """Batches of four."""

    def __iter__(self) -> Any:
        data = [Dataset()[k] for k in range(len(BATCH))]
        return (tuple(map(list, zip(*data[k : k + 4], strict=True))) for k in range(0, len(data), 4))


def test_these_are_what_the_protocols_ask_for() -> None:
    assert isinstance(Model(), ic.Model)
    assert isinstance(Dataset(), ic.Dataset)
    assert isinstance(Loader(), ic.DataLoader)
    assert isinstance(pp.MaiteMetric(Dataset(), partial(pp.assess, Model())), ic.Metric)


@pytest.mark.parametrize("data", [Dataset(), Loader()], ids=["dataset", "loader"])
def test_data(data: Any) -> None:
    found = pp.as_image_set(data)
    assert np.array_equal(found.images, (BATCH * 255).round().byte().permute(0, 2, 3, 1).numpy())
    assert np.array_equal(found.labels, CLASS.numpy())
    named = isinstance(data, Dataset)
    assert found.class_names == (tuple(NAMES.values()) if named else ("class 0", "class 1", "class 2", "class 3"))


def test_a_soft_target_is_refused() -> None:
    data = Dataset()
    data.__class__ = type("Soft", (Dataset,), {"__getitem__": lambda _, k: (BATCH[k], np.full(4, 0.25), {"id": k})})
    with pytest.raises(DataError, match="without a single 1"):
        pp.as_image_set(data)


def test_a_model_from_python() -> None:
    model = wrap_model(Model())
    assert (model.name, model.differentiable) == ("small", False)
    assert torch.allclose(model.scores(BATCH), network()(BATCH), atol=1e-6)
    assert model.fingerprint == wrap_model(Model()).fingerprint != wrap_model(Model(seed=1)).fingerprint
    records = [pp.assess(each, Dataset(), **FEW).run.records() for each in (Model(), network())]
    assert [(r.sample, r.success, r.queries) for r in records[0]] == [
        (r.sample, r.success, r.queries) for r in records[1]
    ]


def test_a_model_by_its_place(tmp_path: Path) -> None:
    """An object, or a function that returns one; a file needs trust, and what is no such model is refused."""
    tests = Path(__file__).parent
    file = tmp_path / "mine.py"
    file.write_text(
        f"import sys\nsys.path[:0] = [{str(tests)!r}, {str(tests.parent)!r}]\n"
        "from test_maite import Model, network\nmodel = Model()\nwithout = network()\n"
    )
    for name in ("model", "Model"):
        found = load_model(f"maite:{file}:{name}", trust_code=True)
        assert torch.allclose(found.scores(BATCH), network()(BATCH), atol=1e-6)
    scaled = load_model(f"maite:{file}:model,mean=0.5,std=0.5", trust_code=True)
    assert torch.allclose(scaled.scores(BATCH), network()(BATCH * 2 - 1), atol=1e-5)
    with pytest.raises(ModelError, match="can run code from there"):
        load_model(f"maite:{file}:model")
    with pytest.raises(ModelError, match=r"is a Small; expected maite:MODULE:OBJECT .* metadata that hold an id"):
        load_model(f"maite:{file}:without", trust_code=True)
    with pytest.raises(ModelError, match="names no object; expected maite:MODULE:OBJECT"):
        load_model("maite:mine")
    with pytest.raises(ModelError, match="There is no module no_such_package"):
        load_model("maite:no_such_package.models:model", trust_code=True)


def test_an_assessment_is_a_metric() -> None:
    """MAITE's own evaluation reports what ``pp.assess`` does, of the data that it went through."""
    data, model = Dataset(), Model()
    metric = pp.MaiteMetric(data, partial(pp.assess, model, **FEW))
    found, _, _ = tasks.evaluate(model=model, dataset=data, metric=metric, batch_size=4)
    expected = pp.assess(model, data, **FEW)
    assert found == {
        "accuracy": 1.0,
        "robust_accuracy/threshold/1": expected.robust_accuracy(1, "linf"),
        "robust_accuracy/threshold/10": expected.robust_accuracy(10, "linf"),
    }
    assert metric.result is not None
    assert metric.result.run.manifest.data.class_names == tuple(NAMES.values())

    metric.reset()
    with pytest.raises(InputError, match="was updated with no data"):
        metric.compute()
    one_hot = np.eye(CLASSES)[CLASS]
    metric.update(one_hot[:3], one_hot[[0, 0, 0]], [{"id": f"image {k}"} for k in range(3)])
    some = metric.compute()
    assert some["accuracy"] == np.mean([CLASS[k] == CLASS[0] for k in range(3)])
    assert metric.result.run.manifest.selection.considered == 3
    metric.update(one_hot[:1], one_hot[:1], [{"id": "another"}])
    with pytest.raises(InputError, match="updated with 'another', which is the id of nothing in its dataset"):
        metric.compute()
