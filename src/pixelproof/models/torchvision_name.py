"""``torchvision:NAME``: a network of torchvision with its weights and their normalisation."""

from pathlib import Path
from typing import Any

from torch import nn

from pixelproof.errors import ModelError
from pixelproof.extras import needed
from pixelproof.models.normalise import STATISTICS, Normalisation, NormalisedModule
from pixelproof.models.spec import Given
from pixelproof.models.timm_name import class_count, fill
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.wording import first_line


def load(given: Given) -> TorchClassifier:
    """``torchvision:NAME``, its best published weights fetched by torchvision; ``weights=FILE`` and ``classes=K``."""
    given.check("weights", "classes")
    models = needed("torchvision.models", "torchvision", given.spec)
    file, options = given.parameters.get("weights"), class_count(given)
    try:
        chosen = None if file is not None else models.get_model_weights(given.place).DEFAULT
        module: nn.Module = models.get_model(given.place, weights=chosen, **options)
    except Exception as error:
        raise ModelError(
            f"torchvision does not bring {given.place} ({first_line(error)}); expected a name of "
            "torchvision.models.list_models() whose weights can be fetched, or weights=FILE."
        ) from error
    if file is not None:
        fill(module, Path(file).expanduser())
    if given.normalisation() is None:
        module = NormalisedModule(module, _own(chosen))
    return TorchClassifier(module.eval(), name=given.spec, kind="logits", device=given.device)


def _own(weights: Any) -> Normalisation:
    """What the weights were trained with; ImageNet's where they are a file."""
    if weights is None:
        return STATISTICS["imagenet"]
    preset = weights.transforms()
    return Normalisation(tuple(preset.mean), tuple(preset.std))
