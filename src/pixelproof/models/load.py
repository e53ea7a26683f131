"""Models by spec strings, as on the command line."""

from __future__ import annotations

from pathlib import Path

import torch

from pixelproof.errors import ModelError
from pixelproof.models.classifier import Classifier
from pixelproof.models.exported import ExportedClassifier, TorchScriptClassifier
from pixelproof.models.factory import build_from_file, build_from_module
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.models.wrap import wrap_model
from pixelproof.zoo import registry

SPELLINGS = "zoo:NAME, FILE.py:FUNCTION, PACKAGE.MODULE:FUNCTION, FILE.pt2 (torch.export) or FILE.pt (TorchScript)"
_SCRIPTS = (".pt", ".ts", ".torchscript")
_WEIGHTS = (".bin", ".ckpt", ".h5", ".keras", ".npz", ".onnx", ".pth", ".safetensors")


def load_model(spec: str, *, trust_code: bool = False, device: torch.device | None = None) -> Classifier:
    """The model that ``spec`` names, computing on ``device`` (by default the CPU, or where a factory put it).

    ``zoo:NAME``: a network of the zoo. ``FILE.py:FUNCTION`` and ``PACKAGE.MODULE:FUNCTION``: what the
    function, called without arguments, returns (see ``wrap_model``). ``FILE.pt2``: a torch.export program.
    ``FILE.pt``, ``.ts``, ``.torchscript``: TorchScript. Files that can run code while loading (Python files,
    and both kinds of programs, whose loaders unpickle) need ``trust_code``. Raises ``ModelError`` when
    ``spec`` is unknown or the model unusable.
    """
    suffix = Path(spec).suffix
    if suffix == ".pt2" or suffix in _SCRIPTS:
        return _program(Path(spec).expanduser(), trust_code, device)
    place, colon, function = spec.rpartition(":")
    if spec.startswith("zoo:"):
        network = registry.load(spec.removeprefix("zoo:"))
        return TorchClassifier(
            network.to(device=device, memory_format=torch.channels_last),  # type: ignore[call-overload]
            name=spec,
            kind="logits",
        )
    if not colon or not place or not function:
        raise _unknown(spec)
    if place.endswith(".py"):
        _check_trust(place, trust_code)
        path = Path(place).expanduser()
        return wrap_model(build_from_file(path, function), name=f"{path.name}:{function}", device=device)
    if not all(part.isidentifier() for part in place.split(".")):
        raise _unknown(spec)
    return wrap_model(build_from_module(place, function), name=spec, device=device)


def _program(path: Path, trust_code: bool, device: torch.device | None) -> Classifier:
    if not path.is_file():
        raise ModelError(f"There is no file {path}; expected {SPELLINGS}, so check its path.")
    _check_trust(str(path), trust_code)
    if path.suffix == ".pt2":
        return ExportedClassifier(path, name=path.name, device=device)
    return TorchScriptClassifier(path, name=path.name, device=device)


def _check_trust(file: str, trust_code: bool) -> None:
    if not trust_code:
        raise ModelError(
            f"Loading {file} can run code from that file; expected your word that you trust it, so pass "
            "--trust-code (trust_code=True in Python)."
        )


def _unknown(spec: str) -> ModelError:
    suffix = Path(spec).suffix
    if suffix == ".py":
        return ModelError(f"{spec!r} names no function; expected FILE.py:FUNCTION, so add one that returns the model.")
    if suffix in _WEIGHTS:
        return ModelError(
            f"{spec!r} is no program that runs by itself; expected {SPELLINGS}, so write a function that "
            "builds the network (pixelproof.models.load_weights reads its weights) and name it as "
            "FILE.py:FUNCTION."
        )
    return ModelError(f"Unknown model {spec!r}; expected {SPELLINGS}, so spell it in one of these ways.")
