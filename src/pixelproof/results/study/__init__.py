"""The analyses of the dual assessment's study, as pure functions of its runs: no torch, no files."""

from pixelproof.results.claim import PaperClaim
from pixelproof.results.study.areas import NetworkArea, areas
from pixelproof.results.study.assessed import NORMS, ROLES, Assessed, Level, Plan, Role, in_role, level_runs, one_each
from pixelproof.results.study.claims import claims, claims_of_published
from pixelproof.results.study.class_maps import ClassMap, class_maps
from pixelproof.results.study.comparable import Difference, comparable, comparable_study
from pixelproof.results.study.correlation import spearman
from pixelproof.results.study.dualities import NetworkDuality, dualities, headline_networks, one_norm_only
from pixelproof.results.study.fast import FastRow, fast_rows
from pixelproof.results.study.main_table import Line, MainTable, main_table
from pixelproof.results.study.published import PUBLISHED, Beside, Published, beside, published_lines, published_name
from pixelproof.results.study.transfer import Answer, Answers, TransferCell, broken_diagonal, transfer_cells
from pixelproof.results.study.wins import Duel, Tally, duels, tally

__all__ = [
    "NORMS",
    "PUBLISHED",
    "ROLES",
    "Answer",
    "Answers",
    "Assessed",
    "Beside",
    "ClassMap",
    "Difference",
    "Duel",
    "FastRow",
    "Level",
    "Line",
    "MainTable",
    "NetworkArea",
    "NetworkDuality",
    "PaperClaim",
    "Plan",
    "Published",
    "Role",
    "Tally",
    "TransferCell",
    "areas",
    "beside",
    "broken_diagonal",
    "claims",
    "claims_of_published",
    "class_maps",
    "comparable",
    "comparable_study",
    "dualities",
    "duels",
    "fast_rows",
    "headline_networks",
    "in_role",
    "level_runs",
    "main_table",
    "one_each",
    "one_norm_only",
    "published_lines",
    "published_name",
    "spearman",
    "tally",
    "transfer_cells",
]
