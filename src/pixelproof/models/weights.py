"""Reading checkpoints without running what is in them."""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.wording import first_line, shown

#: Where training scripts put the weights.
_ENTRIES = ("state_dict", "model", "model_state_dict", "net", "network")
_PREFIXES = ("module.", "_orig_mod.")  # put before every name by DataParallel and by torch.compile


def load_weights(path: Path) -> dict[str, Tensor]:
    """The weights in ``path`` by name, on the CPU, for ``network.load_state_dict``.

    Reads safetensors, and anything ``torch.save`` wrote as plain tensors: a state dict, or a dict that holds
    one under "state_dict", "model", "model_state_dict", "net" or "network". A prefix common to all names from
    DataParallel or torch.compile is taken off. Nothing is unpickled but tensors and plain containers. Raises
    ``ModelError`` when the file is missing, damaged, holds pickled objects or no weights.
    """
    if not isinstance(path, (str, Path)):
        raise ModelError(f"A checkpoint is named by its path, not {shown(path)}; expected a file of weights.")
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path}; expected a file of weights, so check its path.")
    content: Any = _safetensors(path) if path.suffix == ".safetensors" else _torch_file(path)
    for entry in _ENTRIES:
        if isinstance(content, dict) and isinstance(content.get(entry), dict):
            content = content[entry]
            break
    if not isinstance(content, dict) or not content or not all(isinstance(each, Tensor) for each in content.values()):
        raise ModelError(
            f"{path} holds no weights by name; expected a state dict, so save network.state_dict() and try again."
        )
    return _without_prefixes(content)


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is no safetensors file ({first_line(error)}); expected whole weights, so fetch or save it again."
        ) from error
    return weights


def _torch_file(path: Path) -> object:
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} holds pickled Python objects, which could run code and are not loaded; expected plain "
            "weights, so save network.state_dict() with safetensors or torch.save."
        ) from error
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read as a checkpoint ({first_line(error)}); expected weights written by "
            "safetensors or torch.save, so fetch or save it again."
        ) from error


def _without_prefixes(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES * 2:  # in either order
        if all(key.startswith(prefix) for key in weights):
            weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    return weights
