"""``timm:NAME``: a network of timm with its weights and its own normalisation."""

from pathlib import Path
from typing import Any

from torch import nn

from pixelproof.errors import ModelError
from pixelproof.extras import needed
from pixelproof.models.normalise import Normalisation, NormalisedModule
from pixelproof.models.spec import Given
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.models.weights import load_weights
from pixelproof.wording import first_line


def load(given: Given) -> TorchClassifier:
    """``timm:NAME``, its published weights fetched by timm, or those of ``weights=FILE``; ``classes=K``."""
    given.check("weights", "classes")
    timm = needed("timm", "timm", given.spec)
    file, options = given.parameters.get("weights"), class_count(given)
    try:
        module: nn.Module = timm.create_model(given.place, pretrained=file is None, **options)
        data = timm.data.resolve_model_data_config(module)
    except Exception as error:
        raise ModelError(
            f"timm does not bring {given.place} ({first_line(error)}); expected a name of timm.list_models() whose "
            "weights can be fetched, or weights=FILE."
        ) from error
    if file is not None:
        fill(module, Path(file).expanduser())
    if given.normalisation() is None:
        module = NormalisedModule(module, Normalisation(tuple(data["mean"]), tuple(data["std"])))
    return TorchClassifier(module.eval(), name=given.spec, kind="logits", device=given.device)


def class_count(given: Given) -> dict[str, Any]:
    """The argument that says how many classes there are, where ``given`` does."""
    if (classes := given.parameters.get("classes")) is None:
        return {}
    if not classes.isdecimal() or int(classes) < 2:
        raise ModelError(f"classes={classes} in {given.spec!r} is no number of classes; expected 2 or more.")
    return {"num_classes": int(classes)}


def fill(module: nn.Module, path: Path) -> None:
    """Put the weights of a file into ``module``. Raises ``ModelError`` where they are another network's."""
    try:
        module.load_state_dict(load_weights(path))
    except RuntimeError as error:
        raise ModelError(
            f"The weights of {path} are not those of {type(module).__name__} ({first_line(error)}); expected a state "
            "dict of this very network, so check its name and its number of classes."
        ) from error
