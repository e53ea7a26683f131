"""CLEVER in a grid: its scores and correlations against direct calls, going on, the page, and what it refuses."""

from __future__ import annotations

import json
import shutil
from math import inf
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from pixelproof.errors import InputError, RunError
from pixelproof.jobs.clever import clever, rank_correlation
from pixelproof.jobs.clever.job import CleverJob
from pixelproof.models import load_model
from pixelproof.plans.grid.plan import run_grid
from pixelproof.plans.grid.spec import GridClever, GridSpec, read_grid
from pixelproof.plans.grid.view import GridView, rows
from pixelproof.report.grid import clever_sentences, write_grid
from pixelproof.report.grid_tables import clever_table
from pixelproof.results.grid_clever import ANY, CleverRow, clever_row
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

pytestmark = pytest.mark.slow

TOML = """
data = "bundled"
samples = 6
attacks = ["fgsm(epsilon=3)", "deepfool"]
defences = ["none", "bits(3)", "noise(4)"]

[clever]
norm = "linf"
batches = 4
batch_samples = 6

[[models]]
model = "zoo:lenet"
"""
BLIND = """
from torch import nn
from pixelproof.zoo.registry import load as of_zoo

class Blind(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = of_zoo("lenet")
    def forward(self, images):
        return self.inner(images.detach())

def load():
    return Blind().eval()
"""


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[GridSpec, Path, GridView]:
    """A grid with CLEVER, the folder of it with its page, and what it says: look, do not touch."""
    folder = tmp_path_factory.mktemp("scored")
    (folder / "grid.toml").write_text(TOML, "utf-8")
    grid = read_grid(folder / "grid.toml")
    view = run_grid(grid, folder / "out")
    write_grid(view, folder / "out")
    return grid, folder / "out", view


def test_scores_and_correlations_are_those_of_direct_calls(scored: tuple[GridSpec, Path, GridView]) -> None:
    _, out, view = scored
    with RunStore.open(out / "runs" / "lenet" / "undefended" / "none") as run:
        chosen, records = run.manifest.selection, run.records()
        pixels = np.stack([run.clean(sample) for sample in chosen.samples])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    model = load_model("zoo:lenet", device=torch.device("cpu"))
    direct = [
        each.score for each in clever(model, images, torch.tensor(chosen.labels), norm="linf", batches=4, samples=6)
    ]
    found = {
        attack: [
            min([r.linf for r in records if r.sample == k and r.success and attack in ("", r.attack)], default=inf)
            for k in chosen.samples
        ]
        for attack in ("", "deepfool")
    }
    assert [row.attack.partition("(")[0] for row in view.clever] == [ANY, "deepfool"]  # fgsm has a budget
    for row, far in zip(view.clever, found.values(), strict=True):
        assert row.mean_score == pytest.approx(np.mean(direct), rel=1e-4)
        assert (row.scored.successes, row.scored.total, row.found.total) == (6, 6, 6)
        assert row.mean_distance == pytest.approx(np.mean([d for d in far if d < inf]))
        assert row.rho == pytest.approx(spearmanr(direct, far).statistic)


def test_behind_a_defence_without_gradients_it_is_said_to_be_meaningless(
    scored: tuple[GridSpec, Path, GridView],
) -> None:
    assert "Behind bits(3) there are no gradients, so CLEVER is meaningless there." in scored[2].skipped


def test_page_and_scoreboard_hold_every_row(scored: tuple[GridSpec, Path, GridView]) -> None:
    _, out, view = scored
    page = (out / "report.html").read_text("utf-8")
    assert 'id="clever"' in page
    assert len(clever_table(view).rows) == 2
    assert (out / "tables" / "grid-clever.csv").exists()
    assert any(sentence.startswith("CLEVER ranks the samples of lenet") for sentence in clever_sentences(view))
    found = [row for row in rows(view) if row["claim"].startswith("CLEVER")]
    assert [row["value"] for row in found] == [round(row.rho, 3) for row in view.clever if row.rho is not None]
    assert json.loads(json.dumps(found)) == found


def test_what_is_scored_is_not_scored_again_unless_told_otherwise(
    scored: tuple[GridSpec, Path, GridView], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, out, view = scored
    path = out / "clever" / "lenet"
    before = (path / FILE).read_bytes()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CleverJob, "work", stop)
    assert run_grid(grid, out).clever == view.clever
    other = grid.model_copy(update={"clever": GridClever(norm="linf", batches=4, batch_samples=5)})
    with pytest.raises(RunError, match="another run"):
        run_grid(other, out)
    assert (path / FILE).read_bytes() == before  # what is refused leaves the file as it was
    begun = Path(shutil.copytree(out, tmp_path / "out"))
    shutil.rmtree(begun / "clever")
    with pytest.raises(KeyboardInterrupt):
        run_grid(other, begun)
    monkeypatch.undo()
    assert run_grid(other, begun).clever[0].mean_score != view.clever[0].mean_score
    (begun / "clever" / "lenet" / FILE).write_bytes(b"{")  # damaged
    with pytest.raises(RunError, match="damaged"):
        run_grid(grid, begun)


def test_a_model_without_gradients_has_no_score(tmp_path: Path) -> None:
    (tmp_path / "blind.py").write_text(BLIND, "utf-8")
    grid = GridSpec(
        data="bundled",
        samples=3,
        attacks=("square(queries=20)",),
        clever=GridClever(batches=2, batch_samples=1),
        models=({"model": f"{tmp_path / 'blind.py'}:load", "name": "blind"},),  # type: ignore[arg-type]
    )
    view = run_grid(grid, tmp_path / "out", trust_code=True)
    (sentence,) = view.skipped
    assert sentence.startswith("CLEVER is meaningless for 3 of 3 samples of blind: ")
    assert "gives no gradients" in sentence
    (row,) = view.clever
    assert (row.mean_score, row.correlation, row.scored.successes) == (None, None, 0)
    assert clever_sentences(view) == []


def test_a_grid_that_does_not_ask_for_it_says_nothing_of_it(gridded: tuple[Path, GridView]) -> None:
    out, view = gridded
    assert view.clever == ()
    assert not (out / "clever").exists()
    assert "CLEVER" not in (out / "report.html").read_text("utf-8")


@pytest.mark.parametrize(("far", "verdict"), [(50.0, "the same order."), (5.0, "another order each.")])
def test_networks_are_ordered_by_both_means(far: float, verdict: str) -> None:
    def row(model: str, score: float, distance: float) -> CleverRow:
        scores, distances = {k: score + k for k in range(3)}, {k: distance + k for k in range(3)}
        correlation = rank_correlation(list(scores.values()), list(distances.values()))
        return clever_row((model, "none", "l2", ANY), scores, distances, correlation)

    view = GridView((), (), (), clever=(row("weak", 3, 10), row("strong", 9, far)))
    *samples, networks = clever_sentences(view)
    assert len(samples) == 2
    assert all("ρ = 1.00" in sentence for sentence in samples)
    assert networks.startswith("Mean CLEVER and mean distance found, 4.00 and 11.0 for weak and 10.0 and ")
    assert networks.endswith(verdict)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('norm = "l3"', "clever, norm"),
        ("batches = 1", "clever, batches"),
        ("radius = 0", "clever, radius"),
        ("points = 5", "there is no such key"),
    ],
)
def test_a_mistake_is_one_sentence(line: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    head = 'data = "bundled"\nattacks = ["fgsm"]\n'
    path.write_text(f'{head}[clever]\n{line}\n[[models]]\nmodel = "zoo:lenet"\n', "utf-8")
    with pytest.raises(InputError, match=sentence) as caught:
        read_grid(path)
    assert "\n" not in str(caught.value)
    path.write_text(f'{head}samples = 2\n[clever]\n[[models]]\nmodel = "zoo:lenet"\n', "utf-8")
    with pytest.raises(InputError, match="needs 3 at least, not 2"):
        read_grid(path)
