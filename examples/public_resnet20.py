"""A stranger's network: a public CIFAR-10 ResNet-20 checkpoint, assessed without changing a line of pixelproof.

The checkpoint is `resnet20-12fca82f.th` of Yerlan Idelbayev's pytorch_resnet_cifar10 (published test error 8.27 %).
Its keys start with `module.`, its shortcuts are option A of He et al. (2016), and it expects inputs normalised with
the mean and standard deviation given below; so the normalisation goes inside the model.

    PIXELPROOF_CHECKPOINT=resnet20-12fca82f.th python examples/public_resnet20.py --data CIFAR10_ROOT --out run

measures the accuracy on the full test set and assesses the network. The command line does the same:

    PIXELPROOF_CHECKPOINT=resnet20-12fca82f.th pixelproof assess --model examples/public_resnet20.py:load \\
        --trust-code --data cifar10:CIFAR10_ROOT --out run
"""

import argparse
import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import pixelproof as pp
from pixelproof.jobs.train import accuracy

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Block(nn.Module):
    """Two 3×3 convolutions; the shortcut drops every other pixel and pads channels with zeros (option A)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.stride, self.pad = stride, (after - before) // 2

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(out + x)


class ResNet20(nn.Module):
    """The checkpoint's layout, with its normalisation in front."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1((x - self.mean) / self.std)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def load() -> nn.Module:
    """The network with the weights of the file that the environment variable PIXELPROOF_CHECKPOINT names."""
    network = ResNet20()
    network.load_state_dict(pp.load_weights(Path(os.environ["PIXELPROOF_CHECKPOINT"])))
    return network.eval()


def main() -> None:
    """Print the accuracy on the full test set, then the robustness levels."""
    parser = argparse.ArgumentParser(description="Assess a public CIFAR-10 ResNet-20.")
    parser.add_argument("--data", required=True, help="root folder of CIFAR-10 in its binary layout")
    parser.add_argument("--out", required=True, help="folder for the run")
    parser.add_argument("--preset", default="quick", help="quick, standard or paper")
    arguments = parser.parse_args()
    network, data = load(), pp.load_data(f"cifar10:{arguments.data}")
    print(f"accuracy on the {len(data)} test images: {100 * accuracy(network, data, torch.device('cpu')):.2f} %")
    result = pp.assess(
        network,
        data.images,
        data.labels,
        class_names=data.class_names,
        name="public ResNet-20",
        preset=arguments.preset,
        out=arguments.out,
    )
    print(result)
    print("report:", result.report(Path(arguments.out) / "report.html"))


if __name__ == "__main__":
    main()
