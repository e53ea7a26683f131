"""Labels as people keep them: numbers, names, or one column a class."""

from collections.abc import Sequence
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelproof.data.imageset import Int64Array, default_class_names
from pixelproof.errors import DataError
from pixelproof.wording import shown

_DIGITS = 18  # of a class number: longer ones are names
_EXPECTED = "expected N class numbers, N class names, or N×K with a single 1 a row"


def read_labels(labels: object, class_names: Sequence[str] | None = None) -> tuple[Int64Array, tuple[str, ...]]:
    """Class numbers N, and the names of all classes, of ``labels`` in one of those three forms.

    Names are numbered by their place in ``class_names``, or in alphabetical order. Without ``class_names`` numbers
    are called ``class 0`` and so on. Raises ``DataError`` where labels are missing or of another form, and for a name
    that is not among those given.
    """
    if labels is None:
        raise DataError(f"The labels are missing; {_EXPECTED}, or a dataset that holds them beside its images.")
    if isinstance(class_names, str) or not isinstance(class_names, (Sequence, NoneType, np.ndarray)):
        raise DataError(f"class_names: a list of names was expected, not {shown(class_names)}.")
    if isinstance(labels, (list, tuple)):
        _check_kinds(labels)
    array = np.asarray(labels)
    if array.size == 0:
        raise DataError(f"There are no labels; {_EXPECTED}.")
    if array.dtype.kind == "O" and array.ndim == 1:
        array = np.array([each if each is None else getattr(each, "item", lambda each=each: each)() for each in array])
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        return _of_columns(array, class_names)
    if array.ndim == 1 and array.dtype.kind in "US":
        return _of_names(array, class_names)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "biuf":
        raise DataError(f"Labels are {array.dtype} of shape {array.shape}; {_EXPECTED}.")
    numbers = array.astype(np.int64)
    if not np.array_equal(numbers, array):
        raise DataError(f"Labels are {array.dtype} with fractions, such as {_odd(array)}; {_EXPECTED}.")
    return numbers, default_class_names(numbers) if class_names is None else tuple(class_names)


def _check_kinds(labels: Sequence[Any]) -> None:
    """A list may hold a hole, or names among numbers, which an array would hide."""
    for k, label in enumerate(labels):
        if label is None:
            raise DataError(f"The label of image {k} is None; {_EXPECTED}.")
        if isinstance(label, str) != isinstance(labels[0], str):
            raise DataError(f"Labels are names and numbers at once, {labels[0]!r} and {label!r}; {_EXPECTED}.")


def read_texts(texts: Sequence[str]) -> tuple[Int64Array, tuple[str, ...]]:
    """``read_labels`` of what is written in files: class numbers where all are whole numbers, else names."""
    numbered = all(text.isascii() and text.isdecimal() and len(text) < _DIGITS for text in texts)
    return read_labels([int(text) for text in texts] if numbered else texts)


def _of_columns(array: npt.NDArray[Any], class_names: Sequence[str] | None) -> tuple[Int64Array, tuple[str, ...]]:
    single = array.dtype.kind in "biuf" and np.isin(array, (0, 1)).all() and (array.sum(1) == 1).all()
    if not single or array.shape[1] < 2:
        raise DataError(f"Labels of shape {array.shape} have rows without a single 1 among zeros; {_EXPECTED}.")
    numbers = array.argmax(1).astype(np.int64)
    return numbers, default_class_names(numbers, array.shape[1]) if class_names is None else tuple(class_names)


def _of_names(array: npt.NDArray[Any], class_names: Sequence[str] | None) -> tuple[Int64Array, tuple[str, ...]]:
    names = tuple(sorted(set(array.tolist()))) if class_names is None else tuple(class_names)
    number = {name: k for k, name in enumerate(names)}
    if unknown := sorted(set(array.tolist()) - set(number)):
        raise DataError(
            f"The label {unknown[0]!r} is none of the class names ({', '.join(names[:10])}…); name every class."
        )
    return np.array([number[name] for name in array.tolist()], np.int64), names


def _odd(array: npt.NDArray[Any]) -> str:
    return f"{array[array != array.astype(np.int64)][0]:g}"
