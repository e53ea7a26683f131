"""Models by spec strings, as on the command line."""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch

from pixelproof.data.limits import check_classes
from pixelproof.errors import ModelError
from pixelproof.models.adapter import settle_classes
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.exported import ExportedClassifier, TorchScriptClassifier
from pixelproof.models.normalise import Normalisation, NormalisedClassifier, NormalisedModule
from pixelproof.models.spec import Given
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.models.user_code import built, check_trust
from pixelproof.models.wrap import wrap_model
from pixelproof.parameters import parsed
from pixelproof.wording import nearest_name, shown
from pixelproof.zoo import registry

SPECS = (
    "zoo:NAME, FILE.py:FUNCTION, PACKAGE.MODULE:FUNCTION, FILE.pt2 (torch.export), FILE.pt (TorchScript), onnx:FILE, "
    "timm:NAME, torchvision:NAME, hf:NAME, keras:FILE, sklearn:FILE, maite:MODULE:OBJECT, http(s)://ADDRESS or "
    "command:PROGRAM"
)
_SCRIPTS = (".pt", ".ts", ".torchscript")
_WEIGHTS = (".bin", ".ckpt", ".h5", ".npz", ".pth", ".safetensors")
#: By how a spec begins: the module with the adapter's ``load``. What it needs is imported when it is asked for.
ADAPTERS = {
    "onnx": "pixelproof.models.onnx_file",
    "timm": "pixelproof.models.timm_name",
    "torchvision": "pixelproof.models.torchvision_name",
    "hf": "pixelproof.models.hugging_face",
    "keras": "pixelproof.models.keras_file",
    "sklearn": "pixelproof.models.sklearn_file",
    "maite": "pixelproof.models.maite_object",
    "http": "pixelproof.models.http",
    "https": "pixelproof.models.http",
    "command": "pixelproof.models.command",
}


#: Kinds of models that are asked or fetched over the network.
_REMOTE = ("http", "https", "hf", "timm", "torchvision")


def is_remote(spec: str) -> bool:
    """Whether loading or asking the model that ``spec`` names may reach the network."""
    kind, colon, place = spec.partition(":")
    return bool(colon) and kind in _REMOTE and not (kind == "hf" and Path(parsed(place)[0]).is_dir())


def load_model(spec: str, *, trust_code: bool = False, device: torch.device | None = None) -> Classifier:
    """The model that ``spec`` names, computing on ``device`` (by default the CPU, or where a factory put it).

    ``zoo:NAME``: a network of the zoo. ``FILE.py:FUNCTION`` and ``PACKAGE.MODULE:FUNCTION``: what the
    function, called without arguments, returns (see ``wrap_model``), or a model of that name. ``FILE.pt2``: a
    torch.export program. ``FILE.pt``, ``.ts``, ``.torchscript``: TorchScript. ``onnx:FILE``, ``timm:NAME``,
    ``torchvision:NAME``, ``hf:NAME`` (a hub's name or a folder), ``keras:FILE``, ``sklearn:FILE``,
    ``maite:MODULE:OBJECT``, ``http://…``, ``https://…``, ``command:PROGRAM ARGUMENT …``: see the ``load`` of the
    adapter of that name. Parameters may follow, each after a comma: ``normalise=imagenet``, ``mean=0.5``,
    ``std=0.2:0.2:0.3``, ``scale=255``, ``kind=logits``, ``classes=10`` (of a model that answers with class numbers),
    and an adapter's own. What can run code while loading (Python files and modules, and both kinds of programs, whose
    loaders unpickle) needs ``trust_code``.
    Raises ``ModelError`` when ``spec`` is unknown or the model unusable, and ``InputError`` where a package is missing.
    """
    if not isinstance(spec, (str, Path)):
        raise ModelError(f"A model is named by a text, not {shown(spec)}; expected {SPECS}.")
    spec = str(spec)
    place, parameters = parsed(spec)
    kind, colon, name = place.partition(":")
    adapter = ADAPTERS.get(kind) if colon else None
    if colon and (near := _misspelt(kind)):
        raise ModelError(f"Unknown model {spec!r}; did you mean {near}:{name}?")
    if adapter is not None and not name:
        raise ModelError(f"{spec!r} names no model; expected {SPECS}, so add it after the colon.")
    whole = adapter is None or kind in ("http", "https")
    given = Given(spec, place if whole else name, parameters, device, trust_code)
    load: Callable[[Given], Classifier] = _plain if adapter is None else importlib.import_module(adapter).load
    found = load(given)
    return _described(_normalised(found, given.normalisation()), given)


def _misspelt(kind: str) -> str | None:
    """The kind of models that ``kind`` probably is, where it is neither one nor a module that is installed."""
    if kind in ADAPTERS or kind == "zoo" or not kind.isidentifier():
        return None
    near = nearest_name(kind, (*ADAPTERS, "zoo"))
    return near if near and importlib.util.find_spec(kind) is None else None


def _normalised(classifier: Classifier, normalisation: Normalisation | None) -> Classifier:
    if normalisation is None:
        return classifier
    if type(classifier) is TorchClassifier:
        kind = classifier.kind if classifier.kind_given else None
        return TorchClassifier(NormalisedModule(classifier.module, normalisation), name=classifier.name, kind=kind)
    return NormalisedClassifier(classifier, normalisation)


def _described(classifier: Classifier, given: Given) -> Classifier:
    if "kind" in given.parameters:
        kinds = get_args(ScoreKind)
        classifier.kind = given.choose("kind", kinds, kinds[0])  # type: ignore[assignment]
        classifier.kind_given = True  # type: ignore[attr-defined]
    if (classes := given.number("classes", None, whole=True)) is not None:
        check_classes(int(classes))
        settle_classes(classifier, int(classes))
    return classifier


def _plain(given: Given) -> Classifier:
    """A model of torch's own kinds, which need nothing else."""
    given.check()
    spec, trust_code, device = given.place, given.trust_code, given.device
    suffix = Path(spec).suffix
    if suffix == ".pt2" or suffix in _SCRIPTS:
        return _program(Path(spec).expanduser(), trust_code, device)
    if spec.startswith("zoo:"):
        network = registry.load(spec.removeprefix("zoo:"))
        return TorchClassifier(
            network.to(device=device, memory_format=torch.channels_last),  # type: ignore[call-overload]
            name=spec,
            kind="logits",
        )
    if (found := built(spec, trust_code)) is None:
        raise _unknown(spec)
    model, name = found
    return wrap_model(model, name=name, device=device)


def _program(path: Path, trust_code: bool, device: torch.device | None) -> Classifier:
    if not path.is_file():
        raise ModelError(f"There is no file {path}; expected {SPECS}, so check its path.")
    check_trust(str(path), trust_code)
    if path.suffix == ".pt2":
        return ExportedClassifier(path, name=path.name, device=device)
    return TorchScriptClassifier(path, name=path.name, device=device)


def _unknown(spec: str) -> ModelError:
    suffix = Path(spec).suffix
    if suffix in (".onnx", ".keras"):
        kind = suffix.removeprefix(".")
        return ModelError(f"{spec!r} is to be read as what it ends in; expected {kind}:FILE, so write {kind}:{spec}.")
    if suffix == ".py":
        return ModelError(f"{spec!r} names no function; expected FILE.py:FUNCTION, so add one that returns the model.")
    if suffix in _WEIGHTS:
        return ModelError(
            f"{spec!r} is no program that runs by itself; expected {SPECS}, so write a function that "
            "builds the network (pixelproof.models.load_weights reads its weights) and name it as "
            "FILE.py:FUNCTION."
        )
    return ModelError(f"Unknown model {spec!r}; expected {SPECS}, so spell it in one of these ways.")
