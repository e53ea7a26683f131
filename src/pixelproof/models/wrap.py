"""What people hand over in Python, made a classifier."""

from collections.abc import Mapping
from typing import get_args

import torch
from torch import Tensor, nn

from pixelproof.errors import ModelError
from pixelproof.models.call import CallableClassifier
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.maite_object import is_maite_model, maite_classifier
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.wording import shown

_EXPECTED = "expected a torch module, a Classifier, or a function from images N×C×H×W in [0, 1] to scores N×K"


def wrap_model(
    model: object,
    *,
    name: str | None = None,
    kind: ScoreKind | None = None,
    device: torch.device | None = None,
) -> Classifier:
    """``model`` as a ``Classifier``: a torch module, a MAITE model, a callable, or a classifier (returned as it is).

    ``kind`` says what the scores are; when ``None`` it is detected at the preflight. ``device`` is where a
    module shall compute (a copy goes there when it is elsewhere); by default it stays where it is. Raises
    ``ModelError`` when ``model`` is none of these, and when a class is given in place of a model.
    """
    if kind is not None and kind not in get_args(ScoreKind):
        raise ModelError(f"kind: scores are {', '.join(get_args(ScoreKind))}, not {shown(kind)}; None detects which.")
    if isinstance(model, type):
        raise ModelError(f"{model.__name__} is a class, not a model; {_EXPECTED}, so create one: {model.__name__}(…).")
    if isinstance(model, Classifier):
        return model
    if isinstance(model, nn.Module):
        return TorchClassifier(model, name=name, kind=kind, device=device)
    if is_maite_model(model):
        return maite_classifier(model, name, kind)
    if callable(model):
        return CallableClassifier(model, name=name, kind=kind)
    raise ModelError(f"What is of type {type(model).__name__} is no model; {_EXPECTED}{_instead(model)}.")


def _instead(model: object) -> str:
    """What to do with the usual things that hold a model, or belong to one."""
    if isinstance(model, Mapping) and any(isinstance(each, Tensor) for each in model.values()):
        return ", so build the network and let it load_state_dict() these weights"
    if isinstance(model, Mapping):
        return f", so take it out of the mapping ({', '.join(map(str, list(model)[:5]))})"
    if hasattr(model, "predict_proba"):
        return ", so save it by skops and name it as pp.load_model('sklearn:FILE')"
    return ""
