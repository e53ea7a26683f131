"""The analyses of the dual assessment's study, as pure functions of its runs: no torch, no files."""

from pixelproof.analysis.claim import Claim
from pixelproof.analysis.study.areas import NetworkArea, areas
from pixelproof.analysis.study.assessed import NORMS, ROLES, Assessed, Level, Plan, Role, in_role, level_runs, one_each
from pixelproof.analysis.study.claims import claims, claims_of_published
from pixelproof.analysis.study.class_maps import ClassMap, class_maps
from pixelproof.analysis.study.comparable import Difference, comparable, comparable_study
from pixelproof.analysis.study.correlation import spearman
from pixelproof.analysis.study.dualities import NetworkDuality, dualities, headline_networks, one_norm_only
from pixelproof.analysis.study.fast import FastRow, fast_rows
from pixelproof.analysis.study.main_table import Line, MainTable, main_table
from pixelproof.analysis.study.published import PUBLISHED, Beside, Published, beside, published_lines, published_name
from pixelproof.analysis.study.transfer import Answer, Answers, TransferCell, broken_diagonal, transfer_cells
from pixelproof.analysis.study.wins import Duel, Tally, duels, tally

__all__ = [
    "NORMS",
    "PUBLISHED",
    "ROLES",
    "Answer",
    "Answers",
    "Assessed",
    "Beside",
    "Claim",
    "ClassMap",
    "Difference",
    "Duel",
    "FastRow",
    "Level",
    "Line",
    "MainTable",
    "NetworkArea",
    "NetworkDuality",
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
