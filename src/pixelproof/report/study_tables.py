"""The tables of a study, from the values that its analyses give."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from pixelproof.plans.study.view import StudyRun
from pixelproof.report.assess_tables import not_fooled
from pixelproof.report.claim_tables import number_table, verdict_table
from pixelproof.report.table import Bold, Cell, Column, Kind, Table, flat, pair_table, rate_cells, rate_columns
from pixelproof.results import study
from pixelproof.results.status import of_level
from pixelproof.results.study.published import SOURCE
from pixelproof.results.verdict import verdict
from pixelproof.wording import FEW_PIXEL, THRESHOLD, attack_name, count, listed, percent, plural

_SUCCESS = "Attack success rate"
SHORT_NORMS = {FEW_PIXEL: "L0", THRESHOLD: "L∞"}  # what wide tables have room for
ROLE_NAMES = {"levels": "the strongest searches", "cma-es": "CMA-ES", "de": "DE", "minimal": "minimal thresholds"}
_DIGITS = 16  # of an identity
_PIXELS = "L2 is taken over all channel values in the papers' units, 0 to 255, and averaged over the fooled samples."


def all_study_tables(
    runs: Sequence[study.Assessed],
    transfers: Sequence[study.TransferCell] = (),
    fast: Sequence[study.FastRow] = (),
    differences: Sequence[study.Difference] = (),
) -> list[Table]:
    """Every table with a row in it; each marked with ``differences``, where the comparison was forced."""
    levels = study.level_runs(runs)
    main, claims = study.main_table(levels), study.claims(runs)
    tables = (
        main_table(main),
        defence_table(main),
        win_table(study.duels(runs)),
        *(class_map_table(found) for found in study.class_maps(levels)),
        *(transfer_table(transfers, attack) for attack in study.NORMS),
        transfer_cell_table(transfers),
        fast_table(fast, main),
        duality_table(study.dualities(levels)),
        area_table(study.areas(runs)),
        claim_table(claims, study.claims_of_published()),
        claim_number_table(claims),
        published_table(study.beside(runs)),
        rate_table(runs),
    )
    found = [marked(table, differences) for table in tables if table.rows]
    return [*found, difference_table(differences)] if differences else found


def rate_table(runs: Iterable[study.Assessed]) -> Table:
    """Every rate of ``runs`` with its interval, the search and budget behind it, and the mean L2 of its images."""
    columns = (
        Column("Network"),
        Column("Run by"),
        Column("Attack", "attack"),
        Column("th", "integer", key="threshold"),
        Column("Search", "search"),
        Column("Queries allowed", "integer", key="max_queries"),
        *rate_columns(_SUCCESS, "fooled", "attack_success_rate"),
        Column("Mean L2 (0–255)", "decimal", key="mean_l2"),
        Column("Verdict", "status"),
    )
    rows = []
    for run in runs:
        for row in run.level_rows:
            allowed = run.budgets.get((row.attack, row.threshold))
            level: tuple[Cell, ...] = (run.label, ROLE_NAMES[run.role], row.attack, row.threshold, row.search, allowed)
            known = of_level(run.statuses, row.attack, row.threshold)
            said = None if known is None else verdict(known)
            mean_l2 = None if row.pending else row.mean_l2
            rows.append((*level, *rate_cells(row.fooled), mean_l2, said))
    return Table("study-rates", "Every rate", columns, tuple(rows), (_PIXELS,))


def main_table(table: study.MainTable) -> Table:
    """Networks × levels with the good results in bold, their number last; the defences below."""
    columns = (Column("Network"), _clean_column(), *_level_columns(table.levels, "rate"), Column("Bold", "integer"))
    rows = [(*_main_cells(table, line), table.marks(line.label)) for line in table.networks]
    rows += [(*_main_cells(table, line), None) for line in table.defences]
    notes = [
        "Attack success rate: samples fooled, of correctly classified samples attacked. Bold: the lowest of each "
        "column and all within five points of it, among the networks without a defence.",
        f"Ranking by bold results: {_ranking(table)}.",
    ]
    if any("AT" in (line.defence or "").split() for line in table.lines):
        notes.append("AT: adversarially trained.")
    if unfinished := [line.label for line in table.lines if not line.finished]:
        notes.append(f"Not finished, so some levels have counts and no rate yet: {listed(unfinished)}.")
    return Table("study-main", "Attack success rate on every network", columns, tuple(rows), tuple(notes))


def defence_table(table: study.MainTable) -> Table:
    """What is left of each defence's clean accuracy."""
    columns = (Column("Defence"), _clean_column(), *_level_columns(table.levels, "share"))
    rows = tuple((line.label, line.clean, *map(line.under_attack, table.levels)) for line in table.defences)
    note = "Accuracy under attack = clean accuracy × (1 - attack success rate)."
    return Table("study-defences", "Accuracy of the defences under attack", columns, rows, (note,))


def win_table(duels: Sequence[study.Duel]) -> Table:
    """DE against CMA-ES, the higher rate in bold."""
    columns = (
        Column("Network"),
        Column("Attack", "attack"),
        Column("th", "integer", key="threshold"),
        Column("DE", "rate", _SUCCESS, "de"),
        Column("CMA-ES", "rate", _SUCCESS, "cma_es"),
        Column("Winner", "search", key="winner"),
    )
    rows = tuple((d.label, d.attack, d.threshold, *_compared(d), d.winner or "tie") for d in duels)
    notes = [f"{attack_name(attack)}: {_wins(d for d in duels if d.attack == attack)}." for attack in study.NORMS]
    notes.append(f"In all: {_wins(duels)}. A win is a strictly higher attack success rate.")
    return Table("study-wins", "DE against CMA-ES", columns, rows, tuple(notes))


def class_map_table(found: study.ClassMap) -> Table:
    """Networks × classes of one norm and threshold."""
    columns = (Column("Network"), *(Column(name, "ratio") for name in found.classes))
    rows = tuple((label, *rates) for label, rates in found.rows.items())
    name = f"study-classes-{found.attack}-{found.threshold}"
    title = f"{attack_name(found.attack)}, th = {found.threshold}: fooled by true class"
    return Table(name, title, columns, rows, ("Samples fooled, of samples of the class attacked.",))


def transfer_table(cells: Sequence[study.TransferCell], attack: str) -> Table:
    """Sources down, targets across."""
    own = [cell for cell in cells if cell.attack == attack]
    targets = list(dict.fromkeys(cell.target for cell in own))
    rates = {(cell.source, cell.target): cell.fooled for cell in own}
    columns = (Column("Source"), *(Column(target, "rate") for target in targets))
    sources = dict.fromkeys(cell.source for cell in own)
    rows = tuple((source, *(rates.get((source, target)) for target in targets)) for source in sources)
    notes = [
        "Images of the source, each at its minimal threshold, that fool the target, of those whose clean image the "
        f"target classifies correctly; {plural(sum(len(c.excluded) for c in own), 'image')} left out by that rule."
    ]
    if broken := study.broken_diagonal(own):
        names = listed([cell.source for cell in broken])
        notes.append(f"Not all of their own images fool {names}: the images or the model are not those of the run.")
    title = f"{attack_name(attack)}: transfer, sources down, targets across"
    return Table(f"study-transfer-{attack}", title, columns, rows, tuple(notes))


def transfer_cell_table(cells: Iterable[study.TransferCell]) -> Table:
    """Every cell of the transfer matrices with its interval and what it leaves out."""
    columns = (
        Column("Source"),
        Column("Target"),
        Column("Attack", "attack"),
        *rate_columns("Transfer", "fooled", "share"),
        Column("Left out", "integer", key="excluded"),
        Column("Samples left out", key="excluded_samples"),
    )
    rows = tuple(
        (
            *(cell.source, cell.target, cell.attack, *rate_cells(cell.fooled)),
            *(len(cell.excluded), " ".join(map(str, cell.excluded)) or None),
        )
        for cell in cells
    )
    return Table("study-transfer-cells", "Transfer, cell by cell", columns, rows)


def fast_table(rows: Sequence[study.FastRow], searched: study.MainTable | None = None) -> Table:
    """The fast assessment; beside it what searches against the same network found, where ``searched`` has that."""
    own = {line.label: line.fooled for line in searched.lines} if searched else {}
    columns = (
        Column("Target"),
        Column("Attack", "attack"),
        Column("th", "integer", key="threshold"),
        *rate_columns("At least", "fooled", "share"),
        *([Column("By its own search", "rate", key="searched")] if searched else ()),
    )
    body = []
    for row in rows:
        beside = own.get(row.target, {}).get((row.attack, row.threshold))
        cells: tuple[Cell, ...] = (row.target, row.attack, row.threshold, *rate_cells(row.fooled))
        body.append((*cells, beside) if searched else cells)
    sources = list(dict.fromkeys(source for row in rows for source in row.sources))
    notes = (
        "A lower bound: samples that the target classifies correctly and some stored image of another network, within "
        "the threshold, fools. A search against the target may fool more. For other samples nothing follows.",
        f"Images of {listed(sources)}.",
    )
    return Table("study-fast", "Fast assessment from stored images: lower bounds", columns, tuple(body), notes)


def duality_table(rows: Sequence[study.NetworkDuality]) -> Table:
    """Which norm fools which samples, by network and threshold."""
    columns = (
        Column("Network"),
        Column("th", "integer", key="threshold"),
        Column("L0 only", "integer"),
        Column("L∞ only", "integer", key="linf_only"),
        Column("both", "integer"),
        Column("neither", "integer"),
        Column("samples", "rate", "Revealed by one norm only", "one_norm_only"),
        Column("95 %", "interval", "Revealed by one norm only", "one_norm_only"),
    )
    body = tuple(
        (
            *(each.label, each.row.threshold, each.row.few_pixel_only, each.row.threshold_only),
            *(each.row.both, each.row.neither, each.one_norm_only, each.one_norm_only.interval),
        )
        for each in rows
    )
    return Table("study-duality", "What one norm alone reveals", columns, body, (duality_headline(rows),))


def duality_headline(rows: Sequence[study.NetworkDuality]) -> str:
    """The share that only one norm reveals, at each threshold, in one sentence."""
    shares = [f"{percent(rate.value)} ({rate.ratio}) at th = {th}" for th, rate in study.one_norm_only(rows).items()]
    return f"Samples fooled under one norm only, over {study.headline_networks(rows)}: {listed(shares)}."


def area_table(areas: Sequence[study.NetworkArea]) -> Table:
    """Areas in the papers' way and from zero on, samples not fooled counted and named."""
    columns = (
        Column("Network"),
        Column("Attack", "attack"),
        Column("Samples", "integer"),
        Column("Not fooled", "integer", key="never_fooled"),
        Column("as published", "decimal", "Area (percent × th)", "area_as_published"),
        Column("from zero", "decimal", "Area (percent × th)", "area_from_zero"),
        Column("Median th", "integer", key="median_threshold"),
    )
    rows = tuple(
        (
            *(each.label, each.minimal.attack, each.minimal.samples, len(each.minimal.never)),
            *(each.minimal.published_area, each.minimal.area, each.minimal.quartiles[1]),
        )
        for each in areas
    )
    notes = [
        "Bigger is more robust. As published: the trapezoid over the points (percent fooled up to th, th) of the "
        "distinct minimal thresholds, from the first to the last; neither the samples of the first point nor those "
        "not fooled count. From zero: the sum of all minimal thresholds, per 100 samples; those not fooled count "
        "at the largest threshold.",
        *(_never(each) for each in areas if each.minimal.never),
    ]
    return Table("study-areas", "Area under the curve of minimal thresholds", columns, rows, tuple(notes))


def published_table(rows: Iterable[study.Beside]) -> Table:
    """Our figures beside the papers'."""
    columns = (
        Column("Network"),
        Column("Published as"),
        Column("Figure"),
        Column("Our searches"),
        Column("Attack", "attack"),
        Column("th", "integer", key="threshold"),
        Column("Ours", "decimal"),
        Column("Published", "decimal"),
        Column("Difference", "decimal"),
    )
    body = tuple(
        (
            *(row.label, row.published_as, row.measure, None if row.role is None else ROLE_NAMES[row.role]),
            *(row.attack, row.threshold, row.ours, row.theirs, row.difference),
        )
        for row in rows
    )
    notes = (
        "Rates in percent, areas in percent × th; the difference is ours less theirs, of rates in points.",
        "They differ as the weights do (trained anew), the samples, and the budget: the papers allowed 40,000 queries "
        "a sample (few-pixel) and 39,200 (threshold) by CMA-ES, and by DE 400 and 3,072 in each of 100 generations. "
        "Our strongest searches are not the papers'.",
        "Their tables print CapsNet's L0 row by DE (21/37/49/57) once more as that by CMA-ES, which elsewhere is "
        "20/39/40/41.",
        f"Published: {SOURCE}.",
    )
    return Table("study-published", "Beside the published figures", columns, body, notes)


def claim_table(claims: Sequence[study.PaperClaim], published: Iterable[study.PaperClaim] = ()) -> Table:
    """The verdicts, and those that the papers' own figures give by the same rules; rules and numbers below."""
    theirs = {claim.name: claim.verdict for claim in published}
    return verdict_table("study-claims", "The papers' claims", claims, "By the papers' own figures", theirs)


def claim_number_table(claims: Iterable[study.PaperClaim]) -> Table:
    """The numbers behind the verdicts, for programs."""
    return number_table("study-claim-numbers", claims)


def l2_table(runs: Sequence[study.Assessed]) -> Table:
    """Networks × levels: how far the adversarial images lie from the clean ones by the Euclidean norm."""
    levels = study.main_table(runs).levels
    columns = [Column("Network")]
    columns += [Column(f"th {th}", "decimal", SHORT_NORMS[attack], f"{attack}_{th}") for attack, th in levels]
    rows = []
    for label, run in study.one_each(runs).items():
        means = {(row.attack, row.threshold): row.mean_l2 for row in run.level_rows}
        rows.append((label, *map(means.get, levels)))
    note = (
        "The Euclidean distance over all channel values in the papers' units, 0 to 255, averaged over the samples "
        "fooled; the table of every rate has it for each search. The largest change of one pixel is √3 · 255 = 441.7."
    )
    return Table("study-l2", "Mean L2 of the adversarial samples (0–255)", tuple(columns), tuple(rows), (note,))


def run_table(runs: Iterable[StudyRun]) -> Table:
    """A row for each run: what it took, and its identity."""
    columns = (
        Column("Network"),
        Column("Run by"),
        Column("Samples", "integer"),
        Column("Considered", "integer"),
        Column("Queries allowed", "integer", key="max_queries"),
        Column("Queries", "integer"),
        Column("Seconds", "integer"),
        Column("Status"),
        Column("Identity"),
    )
    rows = []
    for run in runs:
        manifest, chosen = run.manifest, run.manifest.selection
        allowed = max((plan.max_queries for plan in run.assessed.plans), default=None)
        spent = [manifest.timings.get(key) for key in ("queries", "seconds")]
        cells: tuple[Cell, ...] = (run.assessed.label, ROLE_NAMES[run.assessed.role], len(chosen.samples))
        rows.append((*cells, chosen.considered, allowed, *spent, manifest.status, manifest.identity[:_DIGITS]))
    note = (
        "Queries allowed: for one sample at one level, for one sample in all where minimal thresholds were sought. "
        f"Identity: its first {_DIGITS} digits."
    )
    return Table("study-runs", "Runs", columns, tuple(rows), (note,))


def setting_table(runs: Sequence[StudyRun]) -> Table:
    """What the runs have in common; where they differ, every value."""
    found: dict[str, dict[str, None]] = {}
    for name, value in chain.from_iterable(map(_settings, runs)):
        found.setdefault(name, {})[value] = None
    together = {name: "; ".join(values) for name, values in found.items()}
    return pair_table("study-settings", "Settings and environment", together)


def difference_table(differences: Iterable[study.Difference]) -> Table:
    """What a forced comparison compares in spite of."""
    columns = (Column("Runs"), Column("Differ in"), Column("One"), Column("The other"))
    rows = tuple((f"{d.one}, {d.other}", d.what, d.one_has, d.other_has) for d in differences)
    return Table("study-differences", "Compared in spite of", columns, rows)


def marked(table: Table, differences: Sequence[study.Difference]) -> Table:
    """``table`` with a first note on each of ``differences``, where the comparison was forced."""
    return replace(table, notes=(*(f"Forced: {difference}." for difference in differences), *table.notes))


def _clean_column() -> Column:
    return Column("Clean accuracy", "rate", key="clean")


def _level_columns(levels: Iterable[study.Level], kind: Kind) -> list[Column]:
    return [Column(f"th {th}", kind, SHORT_NORMS.get(attack, attack), f"{attack}_{th}") for attack, th in levels]


def _main_cells(table: study.MainTable, line: study.Line) -> list[Cell]:
    cells: list[Cell] = [line.label, line.clean]
    for level in table.levels:
        rate = line.fooled.get(level)
        cells.append(Bold(rate) if line.label in table.bold[level] else rate)
    return cells


def _ranking(table: study.MainTable) -> str:
    return listed([f"{label} {marks}" for label, marks in table.ranking])


def _compared(duel: study.Duel) -> tuple[Cell, Cell]:
    de, cma_es = duel.de, duel.cma_es
    return (Bold(de) if duel.winner == "de" else de, Bold(cma_es) if duel.winner == "cma-es" else cma_es)


def _wins(duels: Iterable[study.Duel]) -> str:
    won = study.tally(duels)
    return f"DE wins {count(won.de)}, CMA-ES {count(won.cma_es)}, {plural(won.ties, 'tie')}"


def _never(area: study.NetworkArea) -> str:
    return f"{area.label}, {not_fooled(area.minimal, 'sample')}"


def _settings(run: StudyRun) -> list[tuple[str, str]]:
    manifest = run.manifest
    height, width, channels = manifest.data.shape
    wanted = ("nested", "target", "fitness", "seed", "precision", "batch_size", "shuffle")
    named = {
        "Data": f"{manifest.data.name}: {plural(manifest.data.images, 'image')} of {height} × {width} × {channels}",
        "Data SHA-256": manifest.data.sha256,
        "Samples": str(manifest.settings.get("samples")),
        "Preset": str(manifest.spec.get("preset")),
        **flat({key: manifest.settings.get(key) for key in wanted}),
        **flat(manifest.environment),
    }
    return [(f"{name[:1].upper()}{name[1:]}".replace("_", " "), value) for name, value in named.items()]


_SEARCHES: dict[study.Role, str] = {"levels": "strongest searches", "cma-es": "CMA-ES", "de": "DE"}
_Figure = tuple[str, str | None, int | None]  # what is measured, attack, threshold


def published_lines_table(rows: Sequence[study.Beside]) -> Table:
    """For each of the papers' networks: ours by each search, each network of ours alone, and below them theirs."""
    figures = _figures(rows)
    columns = (Column("Network"), Column("Figures of"), *map(_column, figures))
    body: list[tuple[Cell, ...]] = []
    for name in dict.fromkeys(row.published_as for row in rows):
        group = [row for row in rows if row.published_as == name]
        for label in dict.fromkeys(row.label for row in group):
            own = _ours([row for row in group if row.label == label])
            body += [(label, whose, *map(found.get, figures)) for whose, found in own.items()]
        body += [(name, whose, *map(found.get, figures)) for whose, found in _theirs(group).items()]
    note = "Percent, and percent × th for the areas, reckoned as published; a dash where there is no such figure."
    return Table("study-published-lines", "Ours and the published figures", columns, tuple(body), (note,))


def _ours(rows: Sequence[study.Beside]) -> dict[str, dict[_Figure, float]]:
    """One network's figures by search; those that no search decides stand with the first."""
    roles: list[study.Role | None] = [role for role in _SEARCHES if any(row.role == role for row in rows)]
    return {
        "ours" if role is None else f"ours, {_SEARCHES[role]}": {
            _figure(row): row.ours for row in rows if row.role == role or (row.role is None and place == 0)
        }
        for place, role in enumerate(roles or [None])
    }


def _theirs(rows: Sequence[study.Beside]) -> dict[str, dict[_Figure, float]]:
    """The papers' figures; all but those by DE belong to their CMA-ES."""
    by_de = {_figure(row): row.theirs for row in rows if row.role == "de"}
    found = {"published, CMA-ES": {_figure(row): row.theirs for row in rows if row.role != "de"}}
    return {**found, "published, DE": by_de} if by_de else found


def _figures(rows: Iterable[study.Beside]) -> list[_Figure]:
    """Clean accuracy, levels by norm, areas: those that occur."""
    found = {_figure(row) for row in rows}
    order = {"clean accuracy": 0, "attack success rate": 1, "area": 2}
    return sorted(found, key=lambda f: (order[f[0]], study.NORMS.index(f[1]) if f[1] else 0, f[2] or 0))


def _figure(row: study.Beside) -> _Figure:
    return row.measure, row.attack, row.threshold


def _column(figure: _Figure) -> Column:
    _, attack, threshold = figure
    if attack is None:
        return Column("Clean", "decimal", key="clean_accuracy")
    name = SHORT_NORMS[attack]
    if threshold is None:
        return Column(name, "decimal", "Area", f"area_{attack}")
    return Column(f"th {threshold}", "decimal", name, f"{attack}_{threshold}")
