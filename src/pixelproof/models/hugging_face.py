"""``hf:NAME_OR_FOLDER``: an image classifier of the transformers library with its processor's normalisation."""

from typing import Any

from torch import Tensor, nn

from pixelproof.errors import ModelError
from pixelproof.extras import needed
from pixelproof.models.library import library_classifier
from pixelproof.models.normalise import Normalisation
from pixelproof.models.spec import Given
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.wording import first_line


def load(given: Given) -> TorchClassifier:
    """``hf:NAME_OR_FOLDER``: a name of the hub, or a folder that ``save_pretrained`` wrote."""
    given.check()
    transformers = needed("transformers", "hf", given.spec)
    try:
        network = transformers.AutoModelForImageClassification.from_pretrained(given.place)
    except Exception as error:
        raise ModelError(
            f"{given.place} cannot be loaded as an image classifier of transformers ({first_line(error)}); expected a "
            "name of the hub or a folder written by save_pretrained."
        ) from error
    return library_classifier(given, Logits(network), lambda: _of_processor(transformers, given))


class Logits(nn.Module):
    """The logits alone of a network that answers with more."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        answer: Any = self.network(pixel_values=x)
        logits: Tensor = answer.logits
        return logits


def _of_processor(transformers: Any, given: Given) -> Normalisation:
    """What the model's image processor does to values in [0, 1]; resizing and cropping are of the data."""
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(given.place)
    except Exception as error:
        raise ModelError(
            f"{given.place} has no image processor ({first_line(error)}), so its normalisation is not known; add "
            ",mean=…,std=… or ,normalise=imagenet after its name."
        ) from error
    rescaled = getattr(processor, "do_rescale", True)
    scale = 255 * float(getattr(processor, "rescale_factor", 1 / 255)) if rescaled else 255.0
    if not getattr(processor, "do_normalize", True):
        return Normalisation((0.0,), (1.0,), scale)
    return Normalisation(tuple(processor.image_mean), tuple(processor.image_std), scale)
