"""CLEVER: an estimate, from gradients alone, of how near the nearest image of another class is."""

from pixelproof.analysis.rank_correlation import RankCorrelation, rank_correlation
from pixelproof.clever.score import CleverScore, clever

__all__ = ["CleverScore", "RankCorrelation", "clever", "rank_correlation"]
