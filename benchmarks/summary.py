"""The board as tables of plain text: success beside the peers, ratios, and what is missed."""

from collections.abc import Sequence
from typing import Any

from benchmarks.options import Row


def text(board: dict[str, Any]) -> str:
    """Every table that has rows."""
    rows: list[Row] = board["rows"]
    tables = [
        ("Side by side: success %, queries and seconds an image", _beside(rows)),
        ("Ratios", [_cells(row) for row in rows if row["unit"] == "×"]),
        ("Missed", [_cells(row) for row in rows if row["holds"] is False]),
    ]
    shown = [f"\n{title}\n{_table(lines)}" for title, lines in tables if lines]
    judged = [row for row in rows if row["holds"] is not None]
    return "\n".join([*shown, f"\n{sum(row['holds'] for row in judged)} of {len(judged)} targets reached."])


def side_by_side(rows: Sequence[Row]) -> list[Row]:
    """The strength rows at 1,000 queries and the peers', by attack and threshold, strongest first."""
    chosen = [
        row
        for row in rows
        if row["part"].startswith(("strength/", "peers/"))
        and row["unit"] == "% of images fooled"
        and row.get("budget", 1_000) == 1_000
        and "attacked" in row
    ]
    return sorted(chosen, key=lambda row: (row["attack"], row["threshold"] or 10**6, -row["value"]))


def tool(row: Row) -> str:
    """Whose figure it is."""
    return f"{row['tool']} ({row['settings']})" if "tool" in row else f"pixelproof {row['search']}"


def _beside(rows: Sequence[Row]) -> list[list[str]]:
    return [
        [
            row["attack"],
            f"th={row['threshold'] or 'any'}",
            tool(row),
            f"{row['value']:g} %",
            f"of {row['attacked']}",
            f"{row['mean_queries']:,.0f} queries",
            f"{row['seconds_per_image']:.2f} s",
        ]
        for row in side_by_side(rows)
    ]


def _cells(row: Row) -> list[str]:
    target = "" if row["target"] is None else f"target {row['target']:g}"
    verdict = {True: "reached", False: "MISSED", None: ""}[row["holds"]]
    return [str(row["claim"]), f"{row['value']:g} {row['unit']}", target, verdict]


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
