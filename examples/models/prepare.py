"""Write what the example of one kind of model begins with: python prepare.py onnx_file, then python onnx_file.py.

Nothing is trained, so the labels in images.npz are the model's own answers. Files go to the current folder.
"""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mine import MaiteNet, classify, network

import pixelproof as pp
from pixelproof.models import wrap_model

IMAGES = pp.load_data("bundled").images[:12]
BATCH = torch.from_numpy(IMAGES.copy()).permute(0, 3, 1, 2) / 255


def torch_file() -> object:
    torch.save(network().state_dict(), "net.pth")
    return network()


def program_file() -> object:
    shapes = ({0: torch.export.Dim("batch")},)
    torch.export.save(torch.export.export(network(), (BATCH,), dynamic_shapes=shapes), "net.pt2")
    return network()


def onnx_file() -> object:
    shapes = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(network(), (BATCH,), "net.onnx", dynamo=True, dynamic_shapes=shapes, verbose=False)
    return network()


def jax_function() -> object:
    from jax_mine import classify

    return classify


def timm_name() -> object:
    import timm

    torch.save(timm.create_model("resnet10t", num_classes=5).state_dict(), "net.pth")
    return pp.load_model("timm:resnet10t,weights=net.pth,classes=5")


def torchvision_name() -> object:
    from torchvision.models import mobilenet_v3_small

    torch.save(mobilenet_v3_small(num_classes=5).state_dict(), "net.pth")
    return pp.load_model("torchvision:mobilenet_v3_small,weights=net.pth,classes=5")


def hugging_face() -> object:
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape: dict[str, Any] = {"intermediate_size": 16, "image_size": 32, "patch_size": 8, "num_labels": 5}
    ViTForImageClassification(ViTConfig(**sizes, **shape)).save_pretrained("net")
    ViTImageProcessor().save_pretrained("net")
    return pp.load_model("hf:net")


def keras_file() -> object:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3, strides=4, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(5)]
    keras.Sequential([keras.Input((32, 32, 3)), *layers]).save("net.keras")
    return pp.load_model("keras:net.keras")


def sklearn_file() -> object:
    from sklearn.linear_model import LogisticRegression
    from skops.io import dump

    data = pp.load_data("bundled")
    flat = data.images.reshape(len(data), -1) / 255
    dump(LogisticRegression(max_iter=10).fit(flat[100:400], data.labels[100:400]), "net.skops")
    return pp.load_model("sklearn:net.skops")


def command() -> object:
    return pp.load_model("command:python classify_files.py", trust_code=True)


#: By the name of the example: what writes its files and returns the model.
KINDS: dict[str, Callable[[], object]] = {
    "torch_file": torch_file,
    "program_file": program_file,
    "function": lambda: classify,
    "jax_function": jax_function,
    "onnx_file": onnx_file,
    "timm_name": timm_name,
    "torchvision_name": torchvision_name,
    "hugging_face": hugging_face,
    "keras_file": keras_file,
    "sklearn_file": sklearn_file,
    "maite_model": MaiteNet,
    "http_address": network,
    "command": command,
}


def prepare(kind: str) -> None:
    """Write the files of ``kind`` and images.npz."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of exporters and libraries
        labels = wrap_model(KINDS[kind]()).scores(BATCH).argmax(1)
    np.savez(Path("images.npz"), images=IMAGES, labels=labels.numpy())


if __name__ == "__main__":
    prepare(sys.argv[1])
