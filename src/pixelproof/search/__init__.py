"""Batched ask/tell optimisers: many independent searches ("lanes") in one state. They never see a model."""

from pixelproof.search.brusle import BruSLe
from pixelproof.search.cma_es import CMAES
from pixelproof.search.de import DifferentialEvolution
from pixelproof.search.gradient_regression import GradientRegression
from pixelproof.search.pixel_process import PixelProcess
from pixelproof.search.search import Search
from pixelproof.search.segment_search import SegmentSearch
from pixelproof.search.sep_cma_es import SeparableCMAES
from pixelproof.search.sparse_random_search import SparseRandomSearch
from pixelproof.search.sparse_rs import SparseRS
from pixelproof.search.square_search import SquareSearch
from pixelproof.search.texture_search import TextureSearch

__all__ = [
    "CMAES",
    "BruSLe",
    "DifferentialEvolution",
    "GradientRegression",
    "PixelProcess",
    "Search",
    "SegmentSearch",
    "SeparableCMAES",
    "SparseRS",
    "SparseRandomSearch",
    "SquareSearch",
    "TextureSearch",
]
