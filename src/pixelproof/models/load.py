"""Models by spec strings, as on the command line, and models built by a function, when trusted in a user's own file."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import torch

from pixelproof.errors import InputError, ModelError
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.exported import ExportedClassifier, TorchScriptClassifier
from pixelproof.models.normalise import Normalisation, NormalisedClassifier, NormalisedModule
from pixelproof.models.scores import settle_classes
from pixelproof.models.spec import Given
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.models.wrap import wrap_model
from pixelproof.parameters import parsed
from pixelproof.wording import first_line
from pixelproof.zoo import registry

SPECS = (
    "zoo:NAME, FILE.py:FUNCTION, PACKAGE.MODULE:FUNCTION, FILE.pt2 (torch.export), FILE.pt (TorchScript), onnx:FILE, "
    "timm:NAME, torchvision:NAME, hf:NAME, keras:FILE, sklearn:FILE, http(s)://ADDRESS or command:PROGRAM"
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
    "http": "pixelproof.models.http",
    "https": "pixelproof.models.http",
    "command": "pixelproof.models.command",
}


def load_model(spec: str, *, trust_code: bool = False, device: torch.device | None = None) -> Classifier:
    """The model that ``spec`` names, computing on ``device`` (by default the CPU, or where a factory put it).

    ``zoo:NAME``: a network of the zoo. ``FILE.py:FUNCTION`` and ``PACKAGE.MODULE:FUNCTION``: what the
    function, called without arguments, returns (see ``wrap_model``). ``FILE.pt2``: a torch.export program.
    ``FILE.pt``, ``.ts``, ``.torchscript``: TorchScript. ``onnx:FILE``, ``timm:NAME``, ``torchvision:NAME``,
    ``hf:NAME`` (a hub's name or a folder), ``keras:FILE``, ``sklearn:FILE``, ``http://…``, ``https://…``,
    ``command:PROGRAM ARGUMENT …``: see the ``load`` of the adapter of that name. Parameters
    may follow, each after a comma: ``normalise=imagenet``, ``mean=0.5``, ``std=0.2:0.2:0.3``, ``scale=255``,
    ``kind=logits``, ``classes=10`` (of a model that answers with class numbers), and an adapter's own. Files that can
    run code while loading (Python files, and both kinds of programs, whose loaders unpickle) need ``trust_code``.
    Raises ``ModelError`` when ``spec`` is unknown or the model unusable, and ``InputError`` where a package is missing.
    """
    place, parameters = parsed(spec)
    kind, colon, name = place.partition(":")
    adapter = ADAPTERS.get(kind) if colon else None
    if adapter is not None and not name:
        raise ModelError(f"{spec!r} names no model; expected {SPECS}, so add it after the colon.")
    whole = adapter is None or kind in ("http", "https")
    given = Given(spec, place if whole else name, parameters, device, trust_code)
    load: Callable[[Given], Classifier] = _plain if adapter is None else importlib.import_module(adapter).load
    found = load(given)
    return _described(_normalised(found, given.normalisation()), given)


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
        settle_classes(classifier, int(classes))
    return classifier


def _plain(given: Given) -> Classifier:
    """A model of torch's own kinds, which need nothing else."""
    given.check()
    spec, trust_code, device = given.place, given.trust_code, given.device
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
        raise ModelError(f"There is no file {path}; expected {SPECS}, so check its path.")
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


def build_from_file(path: Path, factory: str) -> object:
    """What ``factory()`` of the Python file ``path`` returns; the file may import its neighbours meanwhile.

    ``sys.path`` is as before afterwards. Raises ``ModelError`` when the file or the function is missing or
    fails.
    """
    if not path.is_file():
        raise ModelError(f"There is no file {path}; expected a Python file that defines {factory}, so check its path.")
    with _neighbours(path.resolve().parent):
        return _call(_run_file(path), factory, str(path))


def build_from_module(module: str, factory: str) -> object:
    """What ``factory()`` of the importable module ``module`` returns. Raises ``ModelError`` as for files."""
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if module == missing or module.startswith(f"{missing}."):
            raise ModelError(
                f"There is no module {missing} to import; expected an installed one, so install it, or name "
                "a file as FILE.py:FUNCTION."
            ) from error
        raise _failed(module, error) from error
    except Exception as error:
        raise _failed(module, error) from error
    return _call(loaded, factory, module)


def _run_file(path: Path) -> ModuleType:
    mark = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"pixelproof_user_{path.stem}_{mark}"  # stays in sys.modules, so that its classes pickle
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # a .py file always has a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _failed(str(path), error) from error
    return module


def _call(module: ModuleType, factory: str, where: str) -> object:
    function: Any = getattr(module, factory, None)
    if function is None:
        raise ModelError(
            f"{where} defines no {factory}; expected a function that returns the model, so add or rename it."
        )
    if not callable(function):
        raise ModelError(
            f"{factory} in {where} is a {type(function).__name__}; expected a function without arguments "
            "that returns the model, so name one."
        )
    try:
        return function()
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(
            f"{factory}() in {where} failed with {first_line(error)}; expected it to return a model without "
            "arguments, so try it alone in Python."
        ) from error


def _failed(where: str, error: BaseException) -> ModelError:
    return ModelError(
        f"{where} failed to load with {first_line(error)}; expected it to import cleanly, so try it alone in Python."
    )


@contextmanager
def _neighbours(folder: Path) -> Iterator[None]:
    """``folder`` first on the import path, its modules hiding others of the same name; undone afterwards.

    So two files in two folders may each have a neighbour ``net.py``, and each gets its own.
    """
    path = list(sys.path)
    names = {each.stem for each in folder.glob("*.py")} | {each.parent.name for each in folder.glob("*/__init__.py")}
    hidden = {key: module for key, module in sys.modules.items() if key.partition(".")[0] in names}
    hidden = {key: module for key, module in hidden.items() if not _lies_in(module, folder)}
    for key in hidden:
        del sys.modules[key]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        sys.modules.update(hidden)


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(folder)
