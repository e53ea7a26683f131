"""How many queries one sample may cost at one level: what presets spend, and what verdicts ask for."""

from pixelproof.wording import FEW_PIXEL

QUICK, STANDARD = 1_000, 10_000
#: The searches of Vargas & Kotyan (arXiv:1906.06026); in many dimensions our CMA-ES keeps a diagonal covariance only.
PAPERS_SEARCHES = ("de", "cma-es", "sep-cma-es")
_GENERATIONS = 100


def papers_population(constraint: str) -> int:
    """The population of differential evolution (2019, table II)."""
    return 400 if constraint == FEW_PIXEL else 3072


def papers_budget(constraint: str, search: str) -> int:
    """The queries of the papers (2019, tables I and II) and one to verify; DE adds its initial population."""
    if search == "de":
        return papers_population(constraint) * (1 + _GENERATIONS) + 1
    return (40_000 if constraint == FEW_PIXEL else 39_200) + 1


def is_papers_protocol(constraint: str, search: str, queries: int) -> bool:
    """Whether a level was searched as in the papers: by one of their searches, with no fewer ``queries``."""
    return search in PAPERS_SEARCHES and queries >= papers_budget(constraint, search)
