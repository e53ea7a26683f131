"""Encodings (genome ⇄ image inside the constraint) and what a search minimises."""

from pixelproof.attacks.encoding import Encoding
from pixelproof.attacks.few_pixel import FewPixel
from pixelproof.attacks.fitness import FitnessName, fitness
from pixelproof.attacks.goal import fooled
from pixelproof.attacks.threshold import Threshold

__all__ = ["Encoding", "FewPixel", "FitnessName", "Threshold", "fitness", "fooled"]
