"""ONNX files, run by ONNX Runtime: ``onnx:FILE``, a black box."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.extras import needed
from pixelproof.models.adapter import Adapter
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.fingerprint import file_fingerprint
from pixelproof.models.outputs import ask_in_batches
from pixelproof.models.spec import Given
from pixelproof.wording import first_line

Layout = Literal["nchw", "nhwc"]
_DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
_WHOLE = ("tensor(int64)", "tensor(int32)")
_CHANNELS = (1, 3, 4)


def load(given: Given) -> "OnnxClassifier":
    """``onnx:FILE``; ``layout=nchw`` or ``layout=nhwc`` where the file's shapes do not say it."""
    given.check("layout")
    layout = given.choose("layout", ("nchw", "nhwc"), "nchw") if "layout" in given.parameters else None
    return OnnxClassifier(Path(given.place).expanduser(), layout=layout, device=given.device)  # type: ignore[arg-type]


class OnnxClassifier(Adapter):
    """Scores from an ONNX graph of one input, images, whose first output of numbers N×K (or N) are the scores.

    A graph made for a fixed number of images is fed just that many, the last ones filled up by repeating the first;
    ``fixed_batch`` is that number, or None. ``layout``: the order of its input's axes. The fingerprint is the hash of
    the file. Raises ``ModelError`` for a file that cannot be read or takes something else than images.
    """

    differentiable = False

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        kind: ScoreKind | None = None,
        layout: Layout | None = None,
        device: torch.device | None = None,
    ) -> None:
        if not path.is_file():
            raise ModelError(f"There is no file {path}; expected an ONNX file, so check its path.")
        super().__init__(name or path.name, kind)
        self._session = _session(path, device)
        self.fingerprint = file_fingerprint(path)
        entry = _sole_input(self._session, path)
        self._input, self._dtype = entry.name, _DTYPES[entry.type]
        self.layout: Layout = layout or _layout(entry.shape, path)
        self.fixed_batch: int | None = entry.shape[0] if isinstance(entry.shape[0], int) else None
        self._output = _scores_output(self._session, path)

    def scores(self, images: Tensor) -> Tensor:
        """Scores float32 N×K on the device of ``images``, which are float32 N×C×H×W in [0, 1].

        Raises ``ModelError`` when the graph refuses images of this shape or answers with anything but N×K numbers.
        """
        ordered = images.detach().cpu()
        ordered = ordered.permute(0, 2, 3, 1) if self.layout == "nhwc" else ordered
        scores = ask_in_batches(self._run, ordered, self.fixed_batch, self)
        return scores.to(images.device, torch.float32)

    def _run(self, batch: Tensor) -> Tensor:
        values: npt.NDArray[Any] = np.ascontiguousarray(batch.numpy(), self._dtype)
        [scores] = self._session.run([self._output], {self._input: values})
        return torch.from_numpy(np.array(scores))


def _session(path: Path, device: torch.device | None) -> Any:
    runtime = needed("onnxruntime", "onnx", "An ONNX file")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors, which we say ourselves
    providers = ["CPUExecutionProvider"]
    if device is not None and device.type == "cuda":
        if "CUDAExecutionProvider" not in runtime.get_available_providers():
            raise ModelError(
                "ONNX Runtime has no CUDA here; expected onnxruntime-gpu, so install it or give --device cpu."
            )
        providers = ["CUDAExecutionProvider", *providers]
    try:
        return runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise ModelError(
            f"{path} cannot be loaded by ONNX Runtime ({first_line(error)}); expected a whole ONNX file."
        ) from error


def _sole_input(session: Any, path: Path) -> Any:
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shown = ", ".join(f"{each.name} {each.shape}" for each in inputs)
        raise ModelError(f"{path} takes {shown}; expected one input of images, N×C×H×W or N×H×W×C.")
    if inputs[0].type not in _DTYPES:
        raise ModelError(f"{path} takes {inputs[0].type}; expected floats, which images in [0, 1] are.")
    return inputs[0]


def _layout(shape: list[Any], path: Path) -> Layout:
    first, last = shape[1] in _CHANNELS, shape[3] in _CHANNELS
    if first == last:
        raise ModelError(
            f"The input of {path}, {shape}, does not say which axis holds the channels; add ,layout=nchw or "
            ",layout=nhwc after the file's name."
        )
    return "nchw" if first else "nhwc"


def _scores_output(session: Any, path: Path) -> str:
    """The first output of floats N×K, as a graph may give labels beside them; else the first of one number an image."""
    outputs = session.get_outputs()
    for types, axes in ((_DTYPES, 2), (_DTYPES, 1), (_WHOLE, 1), (_WHOLE, 2)):
        for each in outputs:
            if each.type in types and len(each.shape) == axes:
                return str(each.name)
    shown = ", ".join(f"{each.name} {each.type} {each.shape}" for each in outputs)
    raise ModelError(
        f"{path} gives {shown}; expected scores N×K, so export the graph with such an output (for scikit-learn without "
        "ZipMap)."
    )
