"""``keras:FILE``: a Keras model on its torch backend, through which gradients flow."""

import os
import sys
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pixelproof.errors import InputError, ModelError
from pixelproof.extras import needed
from pixelproof.models.fingerprint import file_fingerprint
from pixelproof.models.spec import Given
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.wording import first_line


def load(given: Given) -> TorchClassifier:
    """``keras:FILE``, a .keras or .h5 file; add ``scale=255`` where it takes 0–255."""
    given.check()
    path = Path(given.place).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no file {path}; expected a Keras model, .keras or .h5, so check its path.")
    keras = _keras(given.spec)
    try:
        network = keras.saving.load_model(path, compile=False)
    except Exception as error:
        raise ModelError(
            f"{path} cannot be loaded by Keras ({first_line(error)}); expected a model that model.save() wrote."
        ) from error
    module = ChannelsFirst(network).eval()
    fingerprint = file_fingerprint(path)
    return TorchClassifier(module, name=path.name, device=given.device, fingerprint=fingerprint)


class ChannelsFirst(nn.Module):
    """A Keras model, which takes N×H×W×C as Keras does unless told otherwise, that takes N×C×H×W."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.network(x.permute(0, 2, 3, 1), training=False)
        return scores


def _keras(what: str) -> Any:
    """Keras on torch: the backend is chosen when Keras is first imported."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"
    keras = needed("keras", "keras", what)
    if keras.backend.backend() != "torch":
        raise InputError(
            f"Keras computes with {keras.backend.backend()} here; expected torch, so set KERAS_BACKEND=torch before "
            "Keras is imported, or hand over a function that calls the model."
        )
    if keras.config.image_data_format() != "channels_last":
        raise InputError("Keras is set to channels_first; expected channels_last, so change its image_data_format.")
    return keras
