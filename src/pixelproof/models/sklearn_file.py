"""``sklearn:FILE``: a scikit-learn estimator that classifies flattened images."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.extras import needed
from pixelproof.models.call import CallableClassifier
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.fingerprint import file_fingerprint
from pixelproof.models.spec import Given
from pixelproof.wording import first_line

_PICKLES = (".pkl", ".pickle", ".joblib")


def load(given: Given) -> CallableClassifier:
    """``sklearn:FILE.skops``, or a pickle or joblib file with trust; add ``scale=16`` where pixels go up to 16."""
    given.check()
    path = Path(given.place).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no file {path}; expected an estimator as skops or pickle, so check its path.")
    needed("sklearn", "sklearn", given.spec)
    estimator = _pickled(path, given.trust_code) if path.suffix in _PICKLES else _skops(path, given)
    return estimator_classifier(estimator, name=path.name, fingerprint=file_fingerprint(path))


def estimator_classifier(estimator: Any, name: str, fingerprint: str | None = None) -> CallableClassifier:
    """A fitted classifier of scikit-learn's interface; pixels are flattened row by row, their channels last.

    It is asked for ``predict_proba``, else for ``decision_function``, else for ``predict``, whose labels tell a search
    nothing but whether it is through. Raises ``ModelError`` for what is no fitted classifier.
    """
    classes = getattr(estimator, "classes_", None)
    if classes is None or not hasattr(estimator, "predict"):
        raise ModelError(
            f"{name} holds a {type(estimator).__name__}; expected a fitted classifier with classes_ and predict."
        )
    method, kind = _method(estimator)
    call = getattr(estimator, method)

    def scores(images: Tensor) -> npt.NDArray[np.float64]:
        flat = images.permute(0, 2, 3, 1).reshape(len(images), -1).numpy()
        answer = np.asarray(call(flat))
        if method == "predict":
            answer = (answer[:, None] == np.asarray(classes)).astype(np.float64)
        return answer

    return CallableClassifier(scores, name=name, kind=kind, fingerprint=fingerprint)


def _method(estimator: Any) -> tuple[str, ScoreKind]:
    if hasattr(estimator, "predict_proba"):
        return "predict_proba", "probabilities"
    if hasattr(estimator, "decision_function"):
        return "decision_function", "logits"
    return "predict", "labels"


def _skops(path: Path, given: Given) -> Any:
    io = needed("skops.io", "sklearn", given.spec)
    try:
        unknown = io.get_untrusted_types(file=path)
        if unknown and not given.trust_code:
            raise ModelError(
                f"{path} holds types that skops does not know to be harmless ({', '.join(unknown)}); expected your "
                "word that you trust it, so pass --trust-code (trust_code=True in Python)."
            )
        return io.load(path, trusted=unknown)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} cannot be loaded by skops ({first_line(error)}); expected a file that skops.io.dump wrote, or a "
            "pickle that ends in .pkl or .joblib."
        ) from error


def _pickled(path: Path, trust_code: bool) -> Any:
    if not trust_code:
        raise ModelError(
            f"Loading {path} can run code from that file; expected your word that you trust it, so pass --trust-code "
            "(trust_code=True in Python), or save it with skops.io.dump."
        )
    try:
        if path.suffix == ".joblib":
            return needed("joblib", "sklearn", str(path)).load(path)
        with path.open("rb") as stream:
            return pickle.load(stream)  # noqa: S301  # of a file that was said to be trusted
    except Exception as error:
        raise ModelError(f"{path} cannot be unpickled ({first_line(error)}); expected a pickled estimator.") from error
