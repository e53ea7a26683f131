"""Defences: what is done to images before a classifier sees them or to its scores, detectors, and hardened training."""

from pixelproof.defences.adversarial_training import Adversary, fast, pgd
from pixelproof.defences.bpda import Bpda
from pixelproof.defences.differentiable import make_adaptive
from pixelproof.defences.eot import ExpectedClassifier
from pixelproof.defences.feature_squeezing import BitDepth, MedianFilter
from pixelproof.defences.gaussian_noise import GaussianNoise
from pixelproof.defences.high_confidence import HighConfidence
from pixelproof.defences.jpeg import Jpeg
from pixelproof.defences.masked import MaskedClassifier
from pixelproof.defences.masks import Masks
from pixelproof.defences.measure import Cost, measure
from pixelproof.defences.output_defence import OutputDefence
from pixelproof.defences.output_noise import OutputNoise
from pixelproof.defences.parse import defend, parse_defence, parse_masked, undefended
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Chain, Preprocessor
from pixelproof.defences.reverse_sigmoid import ReverseSigmoid
from pixelproof.defences.rounding import Rounding
from pixelproof.defences.spatial_smoothing import SpatialSmoothing
from pixelproof.defences.squeezing_detector import SqueezingDetector
from pixelproof.defences.thermometer import Thermometer
from pixelproof.defences.total_variation import TotalVariation

__all__ = [
    "Adversary",
    "BitDepth",
    "Bpda",
    "Chain",
    "Cost",
    "ExpectedClassifier",
    "GaussianNoise",
    "HighConfidence",
    "Jpeg",
    "MaskedClassifier",
    "Masks",
    "MedianFilter",
    "OutputDefence",
    "OutputNoise",
    "PreprocessedClassifier",
    "Preprocessor",
    "ReverseSigmoid",
    "Rounding",
    "SpatialSmoothing",
    "SqueezingDetector",
    "Thermometer",
    "TotalVariation",
    "defend",
    "fast",
    "make_adaptive",
    "measure",
    "parse_defence",
    "parse_masked",
    "pgd",
    "undefended",
]
