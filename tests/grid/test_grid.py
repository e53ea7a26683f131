"""A grid as a whole: its runs, its replays against brute force, going on, and what it refuses."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from html_page import Page, outside
from pixelproof.defences import defend
from pixelproof.errors import InputError, RunError
from pixelproof.models import load_model
from pixelproof.plans.grid.plan import run_grid
from pixelproof.plans.grid.spec import GridSpec, read_grid
from pixelproof.plans.grid.view import GridView, rows
from pixelproof.report.grid import grid_summary
from pixelproof.report.grid_tables import all_grid_tables
from pixelproof.results.attempts import WORST
from pixelproof.runs import RunStore
from tiny_run import Cli
from words import beyond

pytestmark = pytest.mark.slow

Gridded = tuple[Path, GridView]


def test_every_run_verifies(gridded: Gridded, cli: Cli) -> None:
    out, view = gridded
    assert view.finished
    # Bare for each target; adaptive behind three defences; end to end there is no gradient behind bits.
    assert len(view.runs) == 2 + 3 * 2 + 2
    assert view.skipped == (
        "End to end behind bits(3) there are no gradients, so fgsm were not tried; see adaptive.",
        "End to end behind bits(3)+smooth(3) there are no gradients, so fgsm were not tried; see adaptive.",
    )
    for run in (view.runs[0], view.runs[-1]):
        assert cli("verify", out.parent / run.place).code == 0


def test_replays_are_what_the_defended_model_says_of_the_stored_images(gridded: Gridded) -> None:
    out, view = gridded
    model = load_model("zoo:lenet", device=torch.device("cpu"))
    for target in ("none", "next"):
        with RunStore.open(out / "runs" / "lenet" / "undefended" / target) as run:
            records, clean = run.records(), {s: run.clean(s) for s in run.manifest.selection.samples}
            images = [image if (image := run.image(r)) is not None else clean[r.sample] for r in records]
        for defence in ("bits(3)", "smooth(3)"):
            defended = defend(model, defence)

            def said(pixels: np.ndarray, defended: object = defended) -> int:
                x = torch.from_numpy(pixels.copy())[None].permute(0, 3, 1, 2).float() / 255
                return int(defended.scores(x.repeat(4, 1, 1, 1))[0].argmax())  # type: ignore[attr-defined]

            fooled: dict[str, list[bool]] = {}
            for record, image in zip(records, images, strict=True):
                if said(clean[record.sample]) == record.label:
                    answer = said(image)
                    hit = answer != record.label if record.target is None else answer == record.target
                    fooled.setdefault(record.spec, []).append(hit)
            found = {
                c.place.attack: (c.fooled.successes, c.fooled.total)
                for c in view.at("replayed", target)
                if c.place.defence == defence and c.place.attack != WORST
            }
            assert found == {attack: (sum(hits), len(hits)) for attack, hits in fooled.items()}


def test_started_again_it_does_nothing_twice_and_says_the_same(grid: GridSpec, gridded: Gridded) -> None:
    out, view = gridded
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/**/run.sqlite")}
    again = run_grid(grid, out)
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/**/run.sqlite")} == before
    assert again.cells == view.cells


def test_the_page_and_its_tables_say_what_the_cells_are(gridded: Gridded) -> None:
    out, view = gridded
    page = (out / "report.html").read_text("utf-8")
    assert beyond(Page(page).text) == beyond(" ".join(grid_summary(view))) == []
    tables = {table.name: table for table in all_grid_tables(view)}
    assert {"grid-success-replayed-none", "grid-success-adaptive-next", "grid-cells", "grid-defences"} <= set(tables)
    table = tables["grid-success-replayed-none"]
    assert [row[1] for row in table.rows] == ["none", "bits(3)", "bits(3)+smooth(3)", "smooth(3)"]
    assert len(tables["grid-cells"].rows) == len(view.cells)
    for name in tables:
        assert (out / "tables" / f"{name}.csv").exists()
    for sentence in grid_summary(view):
        assert sentence.split(" (")[0] in re.sub(r"\s+", " ", page.replace("\u00a0", " ").replace("&#39;", "'"))
    assert outside(page) == []
    assert len(list((out / "figures").glob("*.svg"))) == page.count("<figure>")


def test_the_scoreboard_has_a_row_for_each_cell_and_cost(gridded: Gridded) -> None:
    view = gridded[1]
    found = list(rows(view))
    assert len(found) == len(view.cells) + len(view.costs)
    assert json.loads(json.dumps(found)) == found


def test_the_command_writes_page_and_scoreboard(grid_file: Path, gridded: Gridded, cli: Cli) -> None:
    out, _ = gridded
    answer = cli("grid", grid_file, "--out", out)
    assert answer.code == 0
    assert "let through least" in answer.out
    assert (out / "results.json").exists()


def test_json_is_the_rows_alone(grid_file: Path, gridded: Gridded, cli: Cli) -> None:
    out, _ = gridded
    answer = cli("grid", grid_file, "--out", out, "--json")
    found = json.loads(answer.out)
    assert answer.code == 0
    assert "let through least" in answer.err
    assert found == json.loads((out / "results.json").read_text("utf-8"))
    with RunStore.open(out / "runs" / "lenet" / "undefended" / "none") as run:
        fooled = Counter(each.spec for each in run.records() if each.success)
    assert fooled
    rows = {row["claim"]: row.get("successes") for row in found["rows"]}
    for short, spec in found["attacks"].items():
        if spec in fooled:
            assert rows[f"{short} on lenet, end-to-end, target none"] == fooled.pop(spec)
    assert not fooled


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('attacks = ["fgms"]', "is fgsm meant"),
        ('attacks = ["fgsm", "fgsm"]', "stands there twice"),
        ('attacks = ["fgsm"]\ntargets = ["nobody"]', "it is none, least-likely"),
        ('attacks = ["fgsm"]\naccess = ["sideways"]', "access, entry 1"),
        ('attacks = ["fgsm"]\nsample = 3', "there is no such key"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(line: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(f'data = "bundled"\n{line}\n[[models]]\nmodel = "zoo:lenet"\n', "utf-8")
    with pytest.raises(InputError, match=sentence) as caught:
        read_grid(path)
    assert "\n" not in str(caught.value)


def test_a_wrong_defence_is_found_before_anything_is_run(grid: GridSpec, tmp_path: Path) -> None:
    wrong = grid.model_copy(update={"defences": ("none", "bits(3)", "jpg(75)")})
    with pytest.raises(InputError, match="There is no defence"):
        run_grid(wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_another_grid_is_refused(grid: GridSpec, gridded: Gridded) -> None:
    other = grid.model_copy(update={"samples": 4})
    with pytest.raises(RunError, match="holds another run"):
        run_grid(other, gridded[0])
