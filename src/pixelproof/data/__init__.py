"""Images and labels: one form at rest, and the loaders that bring other forms into it."""

from pixelproof.data.bundled import load_bundled
from pixelproof.data.cifar10 import load_cifar10
from pixelproof.data.folder import load_folder
from pixelproof.data.idx import load_idx
from pixelproof.data.imageset import ImageSet, default_class_names
from pixelproof.data.load import load_data
from pixelproof.data.npz import load_npz

__all__ = [
    "ImageSet",
    "default_class_names",
    "load_bundled",
    "load_cifar10",
    "load_data",
    "load_folder",
    "load_idx",
    "load_npz",
]
