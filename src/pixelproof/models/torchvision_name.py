"""``torchvision:NAME``: a network of torchvision with its weights and their normalisation."""

from typing import Any

from torch import nn

from pixelproof.errors import ModelError
from pixelproof.extras import needed
from pixelproof.models.library import class_count, library_classifier
from pixelproof.models.normalise import STATISTICS, Normalisation
from pixelproof.models.spec import Given
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.wording import first_line


def load(given: Given) -> TorchClassifier:
    """``torchvision:NAME``, its best published weights fetched by torchvision; ``weights=FILE`` and ``classes=K``."""
    given.check("weights")
    models = needed("torchvision.models", "torchvision", given.spec)
    options = class_count(given)
    try:
        chosen = None if "weights" in given.parameters else models.get_model_weights(given.place).DEFAULT
        module: nn.Module = models.get_model(given.place, weights=chosen, **options)
    except Exception as error:
        raise ModelError(
            f"torchvision does not bring {given.place} ({first_line(error)}); expected a name of "
            "torchvision.models.list_models() whose weights can be fetched, or weights=FILE."
        ) from error
    return library_classifier(given, module, lambda: _own(chosen))


def _own(weights: Any) -> Normalisation:
    """What the weights were trained with; ImageNet's where they are a file."""
    if weights is None:
        return STATISTICS["imagenet"]
    preset = weights.transforms()
    return Normalisation(tuple(preset.mean), tuple(preset.std))
