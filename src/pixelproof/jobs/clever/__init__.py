"""CLEVER: an estimate, from gradients alone, of how near the nearest image of another class is."""

from pixelproof.jobs.clever.score import CleverScore, clever
from pixelproof.results.rank_correlation import RankCorrelation, rank_correlation

__all__ = ["CleverScore", "RankCorrelation", "clever", "rank_correlation"]
