"""Rewrite the marked blocks of README.md and docs/ from results/, the zoo's cards and the command line itself.

Usage: python tools/readme.py [--check]

A block stands between `<!-- results:NAME -->` and `<!-- end -->`. With --check nothing is written; the exit code is 1
where they and the results disagree.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pixelproof.jobs.verify.meaning import DERIVED, NEVER, OUTSIDE, REPLAYED
from pixelproof.results.gate.measure import TERMS
from pixelproof.zoo.registry import ZOO

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
WEIGHTS = ROOT / "src" / "pixelproof" / "zoo" / "weights"
ATTACKS = {"few-pixel": "few-pixel (L0)", "threshold": "threshold (L∞)"}
NETWORK = "public-resnet20"  # of results/bench.json, on which tools are compared
KNOWLEDGE = "knowledge/"  # parts of results/bench.json about attackers who have more than scores
NORMS = {"few-pixel": "L0", "threshold": "L∞"}
EXAMPLES = ROOT / "examples" / "models"
LEVEL = re.compile(r"(?P<preset>\w+): (?P<attack>\S+) by (?P<search>\S+), th = (?P<th>\d+)")

Rows = list[dict[str, Any]]


def results() -> Rows:
    """The rows of results/public_resnet20.json; none before it is there."""
    path = ROOT / "results" / "public_resnet20.json"
    return json.loads(path.read_text("utf-8"))["rows"] if path.exists() else []


def levels(preset: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """The level rows of one preset, each with the parts of its claim."""
    found = [(LEVEL.fullmatch(row["claim"]), row) for row in results()]
    return [(match.groupdict(), row) for match, row in found if match and match["preset"] == preset]


def accuracy() -> str:
    """What the example shows first."""
    return "\n".join(
        f"`{row['command']}` shows **{row['value']:.2f} %** on the 10,000 test images."
        for row in results()
        if row["claim"].startswith("accuracy")
    )


def quick() -> str:
    """The level table of the quick run."""
    rows = levels("quick")
    if not rows:
        return ""
    lines = [f"`{rows[0][1]['command']}` ({rows[0][1]['seconds']} s):", ""]
    lines += [
        "| attack | th | fooled | 95 % interval | robust accuracy | mean queries |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for part, row in rows:
        low, high = row["interval"]
        lines.append(
            f"| {ATTACKS[part['attack']]}, {part['search']} | {part['th']} | {row['fooled']}/{row['attacked']} = "
            f"{row['value']} % | [{low}, {high}] | {row['robust']} % | {row['mean_queries']:,} |"
        )
    return "\n".join(lines)


def paper() -> str:
    """The paper runs' rows beside the papers'."""
    rows = levels("paper")
    groups = dict.fromkeys((part["attack"], part["search"], row["command"]) for part, row in rows)
    if not groups:
        return ""
    thresholds = list(dict.fromkeys(part["th"] for part, _ in rows))
    lines = ["| % of 100 fooled | " + " | ".join(f"th = {th}" for th in thresholds) + " |"]
    lines.append("|---|" + "---:|" * len(thresholds))
    for attack, search, _ in groups:
        chosen = {p["th"]: row for p, row in rows if (p["attack"], p["search"]) == (attack, search)}
        name = f"{ATTACKS[attack]}, {search}"
        lines.append(f"| {name}: this run | " + " | ".join(f"**{chosen[th]['value']:g}**" for th in thresholds) + " |")
        lines.append(f"| {name}: the papers | " + " | ".join(f"{chosen[th]['target']:g}" for th in thresholds) + " |")
    commands = "\n".join(f"{command}" for *_, command in groups)
    reason = "Hours, and CIFAR-10 in ROOT"
    return "\n".join([*lines, "", f'``` {{ .sh .norun title="{reason}" }}', commands, "```"])


def zoo() -> str:
    """Accuracy and size of the bundled networks, from their cards."""
    lines = ["| network | parameters | test set | right | command |", "|---|---:|---|---:|---|"]
    remarks = []
    for path in sorted(WEIGHTS.glob("*.json")):
        card = json.loads(path.read_text("utf-8"))
        precision = " --full-precision" if card["precision"] == "float32" else ""
        command = f"`pixelproof train {card['name']} {ZOO[card['name']].data}{precision} --out DIR`"
        own = f"{card['test']['name']} | {100 * card['accuracy']:.2f} %"
        lines.append(f"| {card['name']} | {card['parameters']:,} | {own} | {command} |")
        remarks += [f"\n{card['name']}: {card['remark']}"] if card.get("remark") else []
    return "\n".join([*lines, *remarks])


def models() -> str:
    """The examples of models: what is handed over, and the lines of glue before that."""
    lines = ["| example | the model | lines of glue |", "|---|---|---:|"]
    for path in sorted(EXAMPLES.glob("*.py")):
        source = path.read_text("utf-8")
        if (model := assessed_in(source)) is not None:
            lines.append(f"| `{path.name}` | `{model}` | {glue_lines(source)} |")
    return "\n".join(lines)


def assessed_in(source: str) -> str | None:
    """What a script hands to ``pp.assess`` in its last statement, which prints the answer; None where it does not."""
    match ast.parse(source).body[-1]:
        case ast.Expr(ast.Call(ast.Name("print"), [ast.Call(ast.Attribute(ast.Name("pp"), "assess"), [model, *_])])):
            return ast.unparse(model)
    return None


def glue_lines(source: str) -> int:
    """Lines of statements of a script but its docstring, imports, and the one that prints what ``pp.assess`` found."""
    _, *body = ast.parse(source).body
    own = [each for each in body if not isinstance(each, (ast.Import, ast.ImportFrom))]
    return sum((each.end_lineno or each.lineno) - each.lineno + 1 for each in own[:-1])


def measured() -> dict[str, Any]:
    """results/bench.json; no rows before it is there."""
    path = ROOT / "results" / "bench.json"
    board: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {"rows": []}
    return board


def bench() -> str:
    """Success and queries at 1,000 queries beside the peers, from results/bench.json; nothing without our own rows."""
    rows = _compared()
    ours = [row for row in rows if "tool" not in row and row["search"] == "auto"]
    if not ours:
        return ""
    made = measured()["parts"][ours[0]["part"]]["environment"]
    lines = [
        f"`make bench` ({made['processor']}, {made['threads']} thread, torch {made['torch']}, {made['date']}): per "
        "cent of images fooled / mean queries an image, on as many of the first correctly classified test images of "
        f"{ours[0]['network']} as the last column says. One function judges every tool's images, 8-bit and in float32; "
        "seconds are the processor's.",
    ]
    for attack, title in ATTACKS.items():
        lines += ["", *_bench_table([row for row in rows if row["attack"] == attack], title)]
    return "\n".join(lines)


def peers() -> str:
    """The same in one table, without our searches that are not chosen by themselves and the seconds."""
    rows = [row for row in _compared() if "tool" in row or row["search"] == "auto" or row["part"].startswith(KNOWLEDGE)]
    thresholds = sorted({row["threshold"] for row in rows if row["threshold"]})
    lines = ["| % fooled / mean queries | | " + " | ".join(f"th = {th}" for th in thresholds) + " |"]
    lines.append("|---|---|" + "---:|" * len(thresholds))
    first = sorted(rows, key=lambda row: (list(ATTACKS).index(row["attack"]), "tool" in row))
    for attack, name in dict.fromkeys((row["attack"], _bench_name(row)) for row in first):
        own = [row for row in rows if (row["attack"], _bench_name(row)) == (attack, name)]
        found = {row["threshold"]: row for row in own}
        cells = (_bench_cell(found.get(th) or found.get(None)) for th in thresholds)
        lines.append(f"| {name} | {NORMS[attack]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def targets() -> str:
    """How many targets of results/bench.json are reached, section by section, and all that are not."""
    judged = [row for row in measured()["rows"] if row["holds"] is not None]
    if not judged:
        return ""
    lines = ["| `make bench SECTIONS=…` | targets reached | |", "|---|---:|---|"]
    for section in dict.fromkeys(row["part"].partition("/")[0] for row in judged):
        own = [row for row in judged if row["part"].startswith(f"{section}/")]
        missed = [
            f"{row['claim']}: {row['value']:g} {row['unit']} for {row['target']:g}" for row in own if not row["holds"]
        ]
        lines.append(f"| {section} | {len(own) - len(missed)} of {len(own)} | {'; '.join(missed)} |")
    return "\n".join(lines)


def _compared() -> Rows:
    """What results/bench.json has of the strength of searches at 1,000 queries, ours and the peers'."""
    rows = [row for row in measured()["rows"] if row["part"].startswith(("strength/", "peers/", KNOWLEDGE))]
    rows = [row for row in rows if row.get("network") == NETWORK and row.get("budget", 1_000) == 1_000]
    return [row for row in rows if "attacked" in row]


def _bench_table(rows: Rows, title: str) -> list[str]:
    """A line a tool: ours first, then the peers' by name."""
    names = {_bench_name(row): ("tool" in row, row.get("search") != "auto", _bench_name(row)) for row in rows}
    thresholds = sorted({row["threshold"] for row in rows if row["threshold"]})
    lines = [f"| {title} | " + " | ".join(f"th = {th}" for th in thresholds) + " | seconds an image | images |"]
    lines.append("|---|" + "---:|" * (len(thresholds) + 2))
    for name in sorted(names, key=lambda key: names[key]):
        found = {row["threshold"]: row for row in rows if _bench_name(row) == name}
        cells = [_bench_cell(found.get(th) or found.get(None)) for th in thresholds]
        cells = [f"**{cell}**" if cell and name == "**pixelproof**" else cell for cell in cells]
        seconds = [row["cpu_seconds_per_image"] for row in found.values()]
        span = " to ".join(dict.fromkeys(f"{float(f'{each:.2g}'):g}" for each in (min(seconds), max(seconds))))
        images = max(row["attacked"] for row in found.values())
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {span} | {images} |")
    return lines


def _bench_name(row: dict[str, Any]) -> str:
    if "tool" in row:
        return f"{row['tool']} ({row['settings']})"
    return "**pixelproof**" if row["search"] == "auto" else f"pixelproof, {row['search']}"


def _bench_cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    stopped = ", stopped" if row.get("stopped") else ""
    return f"{row['value']:g} / {row['mean_queries']:,.0f}{stopped}"


def study() -> str:
    """The study's main table, and which of the papers' claims held."""
    board = board_of("study")
    rows = board["rows"]
    if not rows:
        return ""
    made, command = board["environment"], rows[0]["command"]
    clean = {(row["network"], row["defence"]): row["value"] for row in rows if row["claim"].startswith("clean ")}
    found = {
        (row["network"], row["defence"], row["attack"], row["threshold"]): row for row in rows if "under_attack" in row
    }
    levels = sorted({(attack, th) for *_, attack, th in found})
    samples = max(row["total"] for row in found.values())
    lines = [
        f"`{command}` ({made['processor']}, {made['threads']} thread, {made['date']}): per cent of up to {samples} "
        "correctly classified samples fooled; bold is the lowest of a column, and what lies within five points of it, "
        "among the networks without a defence.",
        "",
        "| network | clean | " + " | ".join(f"{NORMS[attack]} {th}" for attack, th in levels) + " |",
        "|---|---:|" + "---:|" * len(levels),
    ]
    for (network, defence), right in clean.items():
        cells = [_study_cell(found.get((network, defence, *level))) for level in levels]
        name = f"{network} + {defence}" if defence else network
        lines.append(f"| {name} | {right} % | " + " | ".join(cells) + " |")
    lines += ["", "| the papers' claim | here |", "|---|---|"]
    claims = [row for row in rows if row["claim"].startswith("claim: ")]
    return "\n".join([*lines, *(f"| {row['claim'].removeprefix('claim: ')} | {row['value']} |" for row in claims)])


def transfer() -> str:
    """The study's transfer matrices."""
    rows = [row for row in board_of("study")["rows"] if row["claim"].startswith("transfer: ")]
    lines: list[str] = []
    for attack, title in ATTACKS.items():
        own = {(row["source"], row["network"]): row["value"] for row in rows if row["attack"] == attack}
        names = list(dict.fromkeys(source for source, _ in own))
        if names:
            lines += ["", f"| {title}: images of … fool % of | " + " | ".join(names) + " |"]
            lines.append("|---|" + "---:|" * len(names))
        for source in names:
            values = (own.get((source, name)) for name in names)
            cells = ("–" if value is None else f"{value:g}" for value in values)
            lines.append(f"| {source} | " + " | ".join(cells) + " |")
    return "\n".join(lines[1:])


def _study_cell(row: dict[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "–"
    return f"**{row['value']:g}**" if row["bold"] else f"{row['value']:g}"


def board_of(name: str) -> dict[str, Any]:
    """results/NAME.json; no rows before it is there."""
    path = ROOT / "results" / f"{name}.json"
    board: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {"rows": []}
    return board


def grid() -> str:
    """What each attack fools behind each defence, untargeted, replayed as in the source study."""
    board = board_of("grid")
    rows = [row for row in board["rows"] if row.get("aim") == "none" and row["access"] in ("end-to-end", "replayed")]
    if not rows:
        return ""
    made, attacks = board["environment"], list(dict.fromkeys(row["attack"] for row in rows))
    clean = {(row["model"], row["defence"]): row["value"] for row in board["rows"] if row["claim"].startswith("clean ")}
    found = {(row["model"], row["defence"], row["attack"]): row["value"] for row in rows}
    samples = max(row["total"] for row in rows)
    lines = [
        f"`{rows[0]['command']}` ({made['processor']}, {made['threads']} thread, {made['date']}): per cent of up to "
        f"{samples} samples fooled, untargeted, by images made against the bare model and shown to the defended one.",
        "",
        "| model | defence | clean | " + " | ".join(attacks) + " |",
        "|---|---|---:|" + "---:|" * len(attacks),
    ]
    for (model, defence), right in clean.items():
        cells = (found.get((model, defence, attack)) for attack in attacks)
        texts = ("–" if value is None else f"{value:g}" for value in cells)
        lines.append(f"| {model} | {defence or 'none'} | {right:g} % | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def whitebox() -> str:
    """The white-box table: share fooled and mean L2, beside few-pixel and threshold."""
    board = board_of("whitebox")
    rows = [row for row in board["rows"] if row.get("aim") == "none" and row["attack"] != "worst case"]
    if not rows:
        return ""
    made, models = board["environment"], list(dict.fromkeys(row["model"] for row in rows))
    found = {(row["attack"], row["model"]): row for row in rows}
    lines = [
        f"`{rows[0]['command']}` ({made['processor']}, {made['threads']} thread, {made['date']}): per cent of "
        f"{max(row['total'] for row in rows)} samples fooled, and in brackets the mean L2 distance of what fooled, "
        "over all channel values in grey levels (0–255).",
        "",
        "| attack | " + " | ".join(models) + " |",
        "|---|" + "---:|" * len(models),
    ]
    for attack in dict.fromkeys(row["attack"] for row in rows):
        cells = [_whitebox_cell(found.get((attack, model))) for model in models]
        lines.append(f"| {attack} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _whitebox_cell(row: dict[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "–"
    return f"{row['value']:g} %" + (f" ({row['mean_l2']:.0f})" if row["mean_l2"] is not None else "")


def perturb() -> str:
    """Accuracy of the zoo's ResNet-20 by corruption and severity."""
    board = board_of("perturb")
    rows = [row for row in board["rows"] if "by_strength" in row]
    if not rows:
        return ""
    made, strengths = board["environment"], list(rows[0]["by_strength"])
    known = {row["claim"]: row for row in board["rows"]}
    clean, mean = known["clean accuracy"], known["mean corruption error"]
    lines = [
        f"`{rows[0]['command']}` ({made['processor']}, {made['threads']} thread, {made['date']}): per cent right of "
        f"{clean['total']:,} images, {clean['value']:g} when clean; mean corruption error {mean['value']:.1f} %, "
        f"{mean['relative']:.1f} points of it beyond the error on clean images.",
        "",
        f"| corruption, severity | {' | '.join(strengths)} | mean | ms an image |",
        "|---|" + "---:|" * (len(strengths) + 2),
    ]
    for row in rows:
        cells = " | ".join(f"{row['by_strength'][each]:.1f}" for each in strengths)
        lines.append(f"| {row['perturbation']} | {cells} | {row['value']:.1f} | {row['milliseconds']:.2f} |")
    return "\n".join(lines)


def thesis() -> str:
    """The thesis's two tables in one, ours above the published figures, and its claims."""
    board = board_of("thesis")
    rows = [row for row in board["rows"] if row["claim"].startswith("perturbed: ")]
    if not rows:
        return ""
    made = board["environment"]
    lines = [
        f"`{rows[0]['command']}` ({made['processor']}, {made['threads']} thread, {made['date']}):",
        "",
        "| data | | clean | perturbed | after PGD | seconds: perturbing, PGD |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        figures = f"{row['clean']:.1f} % | {row['value']:.1f} % | {row['pgd']:.1f} %"
        seconds = f"{row['perturb_seconds']:.1f}, {row['pgd_seconds']:.0f}"
        lines.append(f"| {row['data']} | ours, {row['samples']} samples | {figures} | {seconds} |")
        if row["published"] is not None:
            lines.append(f"| {row['data']} | published, 10 | {' | '.join(f'{x:.1f} %' for x in row['published'])} | |")
    claims = (row for row in board["rows"] if row["claim"].startswith("claim: "))
    return "\n".join([*lines, "", *(f"- {row['value']}: {row['claim'].removeprefix('claim: ')}" for row in claims)])


def audit_kit() -> str:
    """The broken defences and honest models that checkpoints were written beside."""
    return _audits("audit-kit")


def audit_kit_held_out() -> str:
    """Those that were set aside until the end."""
    return _audits("audit-kit-held-out")


def _audits(name: str) -> str:
    """What was found in a kit in one paragraph, and flaws × checkpoints, those that name each flaw's kind in bold."""
    path = ROOT / "results" / f"{name}.json"
    if not path.exists():
        return ""
    board = json.loads(path.read_text("utf-8"))
    rows, made = board["rows"], board["environment"]
    signs = {"pass": "·", "warn": "w", "fail": "✗", "person": "?", "skipped": ""}
    numbers = sorted({number for row in rows for number in row["verdicts"]}, key=int)
    lines = [
        f"`{rows[0]['command']}` ({made['processor']}, {made['date']}):",
        "",
        *(f"- {each}" for each in board["summary"]),
        "",
        "✗ fails, w warns, · passes, ? needs a person, blank: could not be asked; left: the samples that the audit's "
        "attacks leave and, after the stroke, what the attack leaves that was made for the entry, in percent.",
        "",
        f"| | {' | '.join(numbers)} | verdict | left |",
        f"|---|{':-:|' * len(numbers)}---|---:|",
    ]
    for row in rows:
        meant = {row["target"], *row["naming"]}
        cells = [signs[row["verdicts"].get(each, "skipped")] for each in numbers]
        cells = [f"**{c}**" if c and int(each) in meant else c for c, each in zip(cells, numbers, strict=True)]
        title = row["name"].replace("_", " ") if row["flaw"] == "none" else row["flaw"]
        left = " / ".join("–" if row[key] is None else f"{row[key]:.0f}" for key in ("left", "best known"))
        lines.append(f"| {title} | {' | '.join(cells)} | {row['verdict'] or 'refused'} | {left} |")
    return "\n".join(lines)


def proofs() -> str:
    """What is proved and at what cost, what masks certify, and how many breakable images the few-pixel search finds."""
    board = board_of("proofs")
    rows: Rows = board["rows"]
    decided = [row for row in rows if row["claim"].endswith(": decided")]
    if not decided:
        return ""
    made = board["environment"]
    lines = [
        f"`make proofs DATA=cifar10:ROOT MNIST=DIR` ({made['processor']}, {made['threads']} thread, torch "
        f"{made['torch']}, {made['date']}); seconds are the processor's.",
        "",
        "| proved or broken | broken | proved | open | seconds a proof: mean, most | seconds a check |",
        "|---|---:|---:|---:|---:|---:|",
        *(_proof_line(row, rows) for row in decided),
    ]
    masked = [row for row in rows if "images certified of" in row["claim"]]
    if masked:
        lines += ["", "| masked model | certified | images | seconds an image |", "|---|---:|---:|---:|"]
    for row in masked:
        seconds = row["cpu_seconds_an_image"]
        lines.append(
            f"| {row['claim'].partition(': images')[0]} | {row['value']:g} | {row['images']} | {seconds:.2g} |"
        )
    return "\n".join([*lines, *_recall_lines([row for row in rows if "breakable" in row])])


def _recall_lines(rows: Rows) -> list[str]:
    """A line a network, and one over all: of the images that one pixel breaks those found, by queries."""
    if not rows:
        return []
    budgets = sorted({row["budget"] for row in rows})
    found = {(row["claim"].partition(": few-pixel")[0], row["budget"]): row for row in rows}
    heads = " | ".join(f"found by {budget:,} queries" for budget in budgets)
    lines = ["", f"| images that one pixel breaks | {heads} |", f"|---|{'---:|' * len(budgets)}"]
    for about in dict.fromkeys(about for about, _ in found):
        cells = [f"{row['found']} of {row['breakable']}" for budget in budgets if (row := found[about, budget])]
        lines.append(f"| {about} | {' | '.join(cells)} |")
    return lines


def _proof_line(row: dict[str, Any], rows: Rows) -> str:
    about = row["claim"].removesuffix(": decided")
    own = {each["claim"].removeprefix(f"{about}: "): each["value"] for each in rows if each["claim"].startswith(about)}
    spent = [own.get(f"processor time of {what}") for what in ("a proved image, mean", "a proved image, most")]
    spent = [row.get("cpu_seconds_a_proof")] if spent == [None, None] else spent
    check = own.get("processor time of a check, mean")
    shown = ", ".join(f"{each:.0f}" for each in spent if each is not None)
    return (
        f"| {about} | {row['broken']} | {row['proved']} | {row['open']} | {shown} | "
        f"{'' if check is None else f'{check:.0f}'} |"
    )


def torture() -> str:
    """Every row of results/torture.json by section; nothing before it is there."""
    path = ROOT / "results" / "torture.json"
    board: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    words = {True: "yes", False: "**no**", None: ""}
    lines = ["| section | what was tried, and what came of it | measured | to be | holds |", "|---|---|---:|---:|---|"]
    for section, each in board.items():
        for row in each["rows"]:
            value, target = (_figure(row[key]) for key in ("value", "target"))
            unit = "" if row["unit"] == "equal" else f" {row['unit']}"
            cells = [section, row["claim"], f"{value}{unit}" if value else "", target, words[row["holds"]]]
            lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    made = [
        f"`make torture SECTIONS={name}`: {each['seconds']:,.0f} s on {each['environment']['processor']}, "
        f"{each['environment']['date']}"
        for name, each in board.items()
    ]
    return "\n".join([*lines, "", "; ".join(made) + "."]) if board else ""


def _figure(value: float | bool | None) -> str:
    """As it stands in a table: truth values as words, nothing where there is none."""
    return (
        "" if value is None else {True: "equal", False: "not equal"}[value] if isinstance(value, bool) else f"{value:,}"
    )


def commands() -> str:
    """Every command with its arguments and options, as typer describes them."""
    typer = (sys.executable, "-m", "typer", "pixelproof.cli.app", "utils", "docs", "--name", "pixelproof")
    described = subprocess.run(typer, capture_output=True, text=True, check=True).stdout
    described = re.sub(r"\*\*Usage\*\*:\n\n```console\n\$ (.*)\n```", r"**Usage**: `\1`", described)
    return "## " + described.partition("\n## ")[2].strip()


def terms() -> str:
    """What pixelproof check can require."""
    lines = ["| term | of | what it is |", "|---|---|---|"]
    for name, term in TERMS.items():
        forms = " or ".join(f"`{name}{form}`" for form in term.form.split(" or "))
        lines.append(f"| {forms} | {', '.join(f'`{each}`' for each in term.of)} | {term.what} |")
    return "\n".join(lines)


def gates() -> str:
    """What the gate says of networks that are worse and that are not; nothing before it is measured."""
    rows = board_of("gates")["rows"]
    if not rows:
        return ""
    images = " and ".join(str(plan["images"]) for row in rows for plan in row.get("plans", {}).values())
    about = f"`make gates`, at α = 0.05; 60 images a pair, where a network is worse {images} by the power:"
    lines = [about, "", "| | found | expected |", "|---|---:|---:|"]
    for row in rows:
        about = f"{row['claim']} (a drop of {row['drop']} points on average)" if "drop" in row else row["claim"]
        found = (
            row["value"] if row["unit"] == "outcome" else f"{row['value']} {row['unit'].removesuffix(' are not met')}"
        )
        lines.append(f"| {about} | {found} | {_expected(row)} |")
    return "\n".join(lines)


def _expected(row: dict[str, Any]) -> str:
    if row["target"] is None:
        return ""
    if "power_foretold" in row:
        return f"{row['target']}, by the power foretold"
    return f"≤ {row['target']}" if "alarms" in row["claim"] else str(row["target"])


def installs() -> str:
    """What the tests said in other environments."""
    path = ROOT / "results" / "installs.json"
    names = ("python", "torch", "numpy", "scipy", "pillow", "pydantic", "typer", "passed", "failed", "skipped")
    lines = [f"| command | {' | '.join(names)} |", "|---|" + "---|" * 7 + "---:|" * 3]
    rows = json.loads(path.read_text("utf-8"))["rows"]
    return "\n".join(
        [*lines, *(f"| `{row['command']}` | {' | '.join(f'{row[name]}' for name in names)} |" for row in rows)]
    )


def meaning() -> str:
    """What a verification says of a run and what it does not, from the list in the code."""
    parts = {
        "Computed again, so that an alteration is found whatever digests are computed for it:": DERIVED,
        "Done again for the share that `--replay` says:": REPLAYED,
        "Held by the digest alone, since nothing here can compute it:": [each.words for each in OUTSIDE],
        "What no verification says:": NEVER,
    }
    return "\n\n".join(
        "\n".join([f"**{title}**", "", *(f"- {each}" for each in some)]) for title, some in parts.items()
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "accuracy": accuracy,
    "quick": quick,
    "paper": paper,
    "bench": bench,
    "peers": peers,
    "targets": targets,
    "models": models,
    "zoo": zoo,
    "study": study,
    "transfer": transfer,
    "grid": grid,
    "whitebox": whitebox,
    "perturb": perturb,
    "thesis": thesis,
    "audit-kit": audit_kit,
    "audit-kit-held-out": audit_kit_held_out,
    "proofs": proofs,
    "torture": torture,
    "installs": installs,
    "meaning": meaning,
    "commands": commands,
    "terms": terms,
    "gates": gates,
}


def rendered(text: str) -> str:
    """``text`` with every block written anew."""
    return re.sub(
        r"(<!-- results:([\w-]+) -->\n).*?(<!-- end -->)",
        lambda found: found[1] + (BLOCKS[found[2]]() + "\n").lstrip("\n") + found[3],
        text,
        flags=re.DOTALL,
    )


def main(arguments: list[str]) -> int:
    """Write the pages, or only compare."""
    stale = False
    for page in PAGES:
        before = page.read_text("utf-8")
        after = rendered(before)
        stale |= before != after
        if "--check" not in arguments:
            page.write_text(after, "utf-8")
    return int(stale and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
