"""Defences: what is done to images before a classifier sees them, what detects attacks, and training against them."""

from pixelproof.defences.adversarial_training import Adversary, fast, pgd
from pixelproof.defences.feature_squeezing import BitDepth, MedianFilter
from pixelproof.defences.preprocessed import PreprocessedClassifier
from pixelproof.defences.preprocessor import Chain, Preprocessor
from pixelproof.defences.spelling import defend, read_defence
from pixelproof.defences.squeezing_detector import SqueezingDetector
from pixelproof.defences.total_variation import TotalVariation

__all__ = [
    "Adversary",
    "BitDepth",
    "Chain",
    "MedianFilter",
    "PreprocessedClassifier",
    "Preprocessor",
    "SqueezingDetector",
    "TotalVariation",
    "defend",
    "fast",
    "pgd",
    "read_defence",
]
