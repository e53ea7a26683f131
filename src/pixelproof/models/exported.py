"""Programs in files as classifiers: torch.export archives (.pt2) and TorchScript (.pt, .ts, .torchscript)."""

import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from pixelproof.errors import ModelError
from pixelproof.models.adapter import Adapter
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.fingerprint import file_fingerprint
from pixelproof.models.outputs import ask_in_batches
from pixelproof.models.torch_module import ModuleClassifier
from pixelproof.wording import first_line

_TRAINING_ARGUMENT = {"aten.dropout.default": 2, "aten.batch_norm.default": 5}  # where "training" stands


class ExportedClassifier(Adapter):
    """Scores from a torch.export program of one input, images N×C×H×W, and one output N×K.

    A program exported for a fixed number of images is fed chunks of just that many, the last one filled up by
    repeating its first image; ``fixed_batch`` is that number, or ``None``. The fingerprint is the hash of the
    file.
    """

    differentiable = False

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        kind: ScoreKind | None = None,
        device: torch.device | None = None,
    ) -> None:
        program = _load_program(path)
        _check_evaluating(program, path)
        super().__init__(name or path.stem, kind)
        self.fingerprint = file_fingerprint(path)
        self.fixed_batch, self.dtype = _input(program, path)
        self.device = device or torch.device("cpu")
        if self.device.type != "cpu":
            program = move_to_device_pass(program, self.device)  # type: ignore[no-untyped-call,unused-ignore]
        self._module = program.module()

    def scores(self, images: Tensor) -> Tensor:
        """Scores float32 N×K on the device of ``images``, which are float32 N×C×H×W in [0, 1].

        Raises ``ModelError`` when the program refuses images of this shape or answers with anything but N×K
        numbers.
        """
        batch = images.detach().to(self.device, self.dtype, copy=True)
        with torch.inference_mode():
            scores = ask_in_batches(self._module, batch, self.fixed_batch, self)
        return scores.to(images.device, torch.float32)


class TorchScriptClassifier(ModuleClassifier):
    """Scores from a TorchScript file; it answers in evaluation mode where the script kept that choice."""

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        kind: ScoreKind | None = None,
        device: torch.device | None = None,
    ) -> None:
        module = _load_script(path)
        super().__init__(
            module.to(device) if device else module,
            name=name or path.stem,
            kind=kind,
            differentiable=False,
            fingerprint=file_fingerprint(path),
        )


def _load_program(path: Path) -> ExportedProgram:
    expected = "expected a torch.export archive, so write it with torch.export.save(program, FILE)"
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is not a torch.export program; {expected}.")
    try:
        return torch.export.load(path)
    except Exception as error:
        raise ModelError(f"{path} cannot be loaded ({first_line(error)}); {expected}.") from error


def _load_script(path: Path) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module: nn.Module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call,unused-ignore]
            return module
    except Exception as error:
        raise ModelError(
            f"{path} is not a TorchScript program ({first_line(error)}); weights alone need their network: "
            "write a function that builds it with pixelproof.models.load_weights, and name it as "
            "FILE.py:FUNCTION."
        ) from error


def _input(program: ExportedProgram, path: Path) -> tuple[int | None, torch.dtype]:
    """The fixed number of images (``None`` when free) and the dtype of the program's only input."""
    names = program.graph_signature.user_inputs
    values = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(values) != 1 or not isinstance(values[0], Tensor) or values[0].ndim != 4:
        raise ModelError(
            f"{path} takes {len(values)} inputs; expected one tensor of images N×C×H×W, so export the model "
            "with just that argument."
        )
    rows = values[0].shape[0]
    return (rows if isinstance(rows, int) else None), values[0].dtype


def _check_evaluating(program: ExportedProgram, path: Path) -> None:
    for node in program.graph.nodes:
        place = _TRAINING_ARGUMENT.get(str(node.target))
        if place is not None and len(node.args) > place and node.args[place] is True:
            raise ModelError(
                f"{path} was exported in training mode ({node.target} is set to train), which cannot be "
                "undone; export model.eval() instead."
            )
