"""``timm:NAME``: a network of timm with its weights and its own normalisation."""

from torch import nn

from pixelproof.errors import ModelError
from pixelproof.extras import needed
from pixelproof.models.library import class_count, library_classifier
from pixelproof.models.normalise import Normalisation
from pixelproof.models.spec import Given
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.wording import first_line, meant


def load(given: Given) -> TorchClassifier:
    """``timm:NAME``, its published weights fetched by timm, or those of ``weights=FILE``; ``classes=K``."""
    given.check("weights")
    timm = needed("timm", "timm", given.spec)
    options = class_count(given)
    try:
        module: nn.Module = timm.create_model(given.place, pretrained="weights" not in given.parameters, **options)
        data = timm.data.resolve_model_data_config(module)
    except Exception as error:
        near = meant(given.place, timm.list_models())
        raise ModelError(
            f"timm does not bring {given.place}{near} ({first_line(error)}); expected a name of "
            "timm.list_models() whose weights can be fetched, or weights=FILE."
        ) from error
    return library_classifier(given, module, lambda: Normalisation(tuple(data["mean"]), tuple(data["std"])))
