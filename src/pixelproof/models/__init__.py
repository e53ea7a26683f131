"""Models: the one protocol they are asked through, and the adapters that bring others to it."""

from pixelproof.models.adapter import settle_classes
from pixelproof.models.call import CallableClassifier
from pixelproof.models.classifier import Classifier, ScoreKind
from pixelproof.models.exported import ExportedClassifier, TorchScriptClassifier
from pixelproof.models.load import load_model
from pixelproof.models.normalise import Normalize
from pixelproof.models.scores import detect_kind, log_scores, probabilities, resolve_kind, settle_kind
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.models.weights import load_weights
from pixelproof.models.wrap import wrap_model

__all__ = [
    "CallableClassifier",
    "Classifier",
    "ExportedClassifier",
    "Normalize",
    "ScoreKind",
    "TorchClassifier",
    "TorchScriptClassifier",
    "detect_kind",
    "load_model",
    "load_weights",
    "log_scores",
    "probabilities",
    "resolve_kind",
    "settle_classes",
    "settle_kind",
    "wrap_model",
]
