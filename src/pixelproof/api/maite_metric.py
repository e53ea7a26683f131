"""An assessment as a metric of MAITE's image classification protocols, which are structural: MAITE is not imported."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pixelproof.api.result import Result
from pixelproof.data.given import as_image_set, class_names_of
from pixelproof.data.imageset import ImageSet
from pixelproof.errors import InputError


class MaiteMetric:
    """The robust accuracy of a model, as ``maite.tasks.evaluate`` asks for metrics.

    A metric is told of predictions and targets alone, so the ``dataset`` is given here, and ``assess`` with its model
    and its options, as ``functools.partial(pp.assess, model, levels=(1, 3))``. Images are found in the dataset by the
    ids of the metadata in ``update``; an augmentation in between is not seen. ``result`` is the ``Result`` of the last
    ``compute``.
    """

    def __init__(self, dataset: Any, assess: Callable[[ImageSet], Result]) -> None:
        self.metadata = {"id": "pixelproof"}
        self.result: Result | None = None
        self._dataset, self._assess = dataset, assess
        self._right: dict[int | str, bool] = {}

    def reset(self) -> None:
        """Forget all data."""
        self._right.clear()

    def update(
        self, pred_batch: Sequence[Any], target_batch: Sequence[Any], metadata_batch: Sequence[Mapping[str, Any]], /
    ) -> None:
        """Note a batch: predictions and targets, each one number a class, and the ids in the metadata."""
        for said, target, metadata in zip(pred_batch, target_batch, metadata_batch, strict=True):
            self._right[metadata["id"]] = int(np.argmax(said)) == int(np.argmax(target))

    def compute(self) -> dict[str, float | None]:
        """``accuracy`` of the predictions, and ``robust_accuracy/ATTACK/TH`` of the images considered, all in [0, 1].

        Attacks by name have no TH. Raises ``InputError`` where nothing was noted, or
        data that are not in the dataset, and as ``pp.assess`` does.
        """
        if not self._right:
            raise InputError("The metric was updated with no data; expected a batch at least, so call update first.")
        found: set[int | str] = set()
        data = as_image_set(self._noted(found), class_names=class_names_of(self._dataset))
        if unknown := set(self._right) - found:
            raise InputError(
                f"The metric was updated with {min(unknown, key=str)!r}, which is the id of nothing in its dataset; "
                "expected the data of that dataset, so give it the one that is evaluated."
            )
        self.result = self._assess(data)
        levels = {f"{row.attack}/{row.threshold}": row.robust.value for row in self.result.levels}
        named = {row.key: row.robust.value for row in self.result.attempts}
        robust = {f"robust_accuracy/{name}": value for name, value in (levels | named).items()}
        return {"accuracy": sum(self._right.values()) / len(self._right), **robust}

    def _noted(self, found: set[int | str]) -> Iterator[Any]:
        """The data that were noted, in the order of the dataset; their ids go into ``found``."""
        for k in range(len(self._dataset)):
            datum = self._dataset[k]
            if (identifier := datum[2]["id"]) in self._right:
                found.add(identifier)
                yield datum
