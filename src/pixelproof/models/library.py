"""What the networks of torch libraries share: weights from a file, the number of classes, their own normalisation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from pixelproof.errors import ModelError
from pixelproof.models.normalise import Normalisation, NormalisedModule
from pixelproof.models.spec import Given
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.models.weights import load_weights
from pixelproof.wording import first_line


def class_count(given: Given) -> dict[str, Any]:
    """The argument that says how many classes there are, where ``given`` does."""
    if (classes := given.parameters.get("classes")) is None:
        return {}
    if not classes.isdecimal() or int(classes) < 2:
        raise ModelError(f"classes={classes} in {given.spec!r} is no number of classes; expected 2 or more.")
    return {"num_classes": int(classes)}


def library_classifier(given: Given, module: nn.Module, own: Callable[[], Normalisation]) -> TorchClassifier:
    """``module`` with the weights of the file that ``given`` names, behind ``own`` normalisation unless it says one.

    Raises ``ModelError`` where the weights are another network's.
    """
    if (file := given.parameters.get("weights")) is not None:
        _fill(module, Path(file).expanduser())
    if given.normalisation() is None:
        module = NormalisedModule(module, own())
    return TorchClassifier(module.eval(), name=given.spec, kind="logits", device=given.device)


def _fill(module: nn.Module, path: Path) -> None:
    try:
        module.load_state_dict(load_weights(path))
    except RuntimeError as error:
        raise ModelError(
            f"The weights of {path} are not those of {type(module).__name__} ({first_line(error)}); expected a state "
            "dict of this very network, so check its name and its number of classes."
        ) from error
