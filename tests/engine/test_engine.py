"""The engine's promises: constant batches, counted and capped queries, its own verdict, independence, nesting."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from pixelproof.data import ImageSet
from pixelproof.engine.lanes import Cohort, Lanes
from watched import Attack, Watched, labelled_by, small_network

SHAPE = (6, 5, 3)
BOTH = {"levels": [1, 3], "max_queries": 200}


@pytest.fixture(scope="module")
def network() -> Callable[[Tensor], Tensor]:
    return small_network(SHAPE, 4)


@pytest.mark.slow
def test_the_model_always_sees_one_of_two_batch_shapes(attack: Attack, network: Callable[[Tensor], Tensor]) -> None:
    model = Watched(network)
    attack(model, labelled_by(network, SHAPE, 7), **BOTH)
    assert model.shapes == {(64, 3, 6, 5), (4, 3, 6, 5)}


@pytest.mark.slow
@pytest.mark.parametrize("search", ["de", "cma-es", "sep-cma-es"])
@pytest.mark.parametrize("max_queries", [2, 37, 200])
def test_queries_are_capped_and_add_up(
    attack: Attack, network: Callable[[Tensor], Tensor], search: str, max_queries: int
) -> None:
    data = labelled_by(network, SHAPE, 6)
    done = attack(Watched(network), data, search=search, levels=[1, 3], max_queries=max_queries)
    assert max(record.queries for record in done.records) <= max_queries
    assert sum(record.queries for record in done.records) == done.engine.queries
    failures = [r for r in done.records if not r.success]
    assert all(max_queries - 1 <= record.queries for record in failures)


@pytest.mark.slow
@pytest.mark.parametrize("search", ["de", "cma-es", "sep-cma-es"])
def test_a_samples_result_does_not_depend_on_the_others(
    attack: Attack, network: Callable[[Tensor], Tensor], search: str
) -> None:
    data = labelled_by(network, SHAPE, 40)
    together = attack(Watched(network), data, search=search, **BOTH).comparable()
    chosen = sorted({3, 17, *[r.sample for r in together if r.success][:3]})
    some = data.take(chosen)
    alone = attack(Watched(network), some, search=search, **BOTH).comparable()
    assert alone == [record for record in together if record.sample in chosen]
    assert any(record.success for record in alone)


@pytest.mark.slow
def test_the_seed_decides(attack: Attack, network: Callable[[Tensor], Tensor]) -> None:
    data = labelled_by(network, SHAPE, 8)
    first, again, other = (
        attack(Watched(network), data, seed=seed, search="cma-es", **BOTH).comparable() for seed in (0, 0, 1)
    )
    assert first == again
    assert [r.queries for r in first] != [r.queries for r in other]


def test_the_verifier_has_the_last_word(attack: Attack, network: Callable[[Tensor], Tensor]) -> None:
    """A search model that is fooled by anything convinces nobody."""
    data = labelled_by(network, SHAPE, 5)
    liar = Watched(lambda images: torch.randn(len(images), 4, generator=torch.Generator().manual_seed(0)))

    def stubborn(images: Tensor) -> Tensor:
        return network(images)

    honest = attack(Watched(stubborn), data, attacks=["threshold"], levels=[1], max_queries=60, searcher=liar)
    with torch.inference_mode():
        for record, image in honest.outcomes:
            if image is not None:
                pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
                assert int(network(pixels.expand(4, -1, -1, -1)).argmax(1)[0]) == record.predicted != record.label
    assert not all(record.success for record in honest.records)
    assert all(record.queries <= 60 for record in honest.records)


@pytest.mark.slow
def test_nested_levels_inherit_upward_and_independent_ones_do_not(
    attack: Attack, network: Callable[[Tensor], Tensor]
) -> None:
    data = labelled_by(network, SHAPE, 20)
    nested = attack(Watched(network), data, attacks=["few-pixel"], levels=[1, 2, 6], max_queries=300)
    by_sample: dict[int, list[tuple[bool, int | None, int]]] = {}
    for record in nested.records:
        by_sample.setdefault(record.sample, []).append((record.success, record.inherited_from, record.threshold))
    assert {len(rows) for rows in by_sample.values()} == {3}
    for rows in by_sample.values():
        first = next((th for success, _, th in rows if success), None)
        for success, source, th in rows:
            assert success == (first is not None and th >= first)
            assert source == (first if first is not None and th > first else None)
    assert any(record.inherited_from for record in nested.records)
    assert all(record.queries == 0 for record in nested.records if record.inherited_from)
    alone = attack(
        Watched(network), data, attacks=["few-pixel"], levels=[1, 2, 6], max_queries=300, independent_levels=True
    )
    assert not any(record.inherited_from for record in alone.records)
    assert [r.success for r in alone.records if r.threshold == 1] == [
        r.success for r in nested.records if r.threshold == 1
    ]


@pytest.mark.slow
def test_what_is_done_is_not_done_again(attack: Attack, network: Callable[[Tensor], Tensor]) -> None:
    data = labelled_by(network, SHAPE, 12)
    options = {**BOTH, "independent_levels": True}
    whole = attack(Watched(network), data, **options).comparable()
    assert attack(Watched(network), data, done=whole[::2], **options).comparable() == whole[1::2]


@pytest.mark.slow
def test_a_nested_run_goes_on_at_the_first_level_that_is_missing(
    attack: Attack, network: Callable[[Tensor], Tensor]
) -> None:
    data = labelled_by(network, SHAPE, 12)
    whole = attack(Watched(network), data, **BOTH).comparable()
    first = {(r.sample, r.attack): r.success for r in whole if r.threshold == 1}
    kept = [r for r in whole if r.threshold == 1 or first[r.sample, r.attack]]  # as committed when level 1 ended
    rest = attack(Watched(network), data, done=kept, **BOTH)
    assert rest.comparable() == [r for r in whole if r not in kept]
    assert rest.records


@pytest.mark.slow
def test_a_flat_landscape_restarts_and_ends(attack: Attack) -> None:
    def flat(images: Tensor) -> Tensor:
        return torch.tensor([1.0, 0.0]).expand(len(images), 2)

    data = labelled_by(flat, (4, 4, 1), 3)
    for search in ("de", "cma-es"):
        done = attack(Watched(flat), data, search=search, levels=[1], max_queries=2000)
        assert not any(record.success for record in done.records)
        assert all(record.queries >= 1999 for record in done.records)
    assert all(record.restarts > 0 for record in done.records)


def nan_off_the_clean_images(network: Callable[[Tensor], Tensor], data: ImageSet) -> Callable[[Tensor], Tensor]:
    """A model that answers as ``network`` on the images of ``data`` and NaN on all others."""
    clean = torch.from_numpy(data.images.copy()).permute(0, 3, 1, 2).float() / 255

    def broken(images: Tensor) -> Tensor:
        known = (images[:, None] == clean).flatten(2).all(2).any(1)
        return torch.where(known[:, None], network(images), torch.nan)

    return broken


@pytest.mark.slow
def test_invalid_scores_never_count_as_success(attack: Attack, network: Callable[[Tensor], Tensor]) -> None:
    data = labelled_by(network, SHAPE, 4)
    broken = nan_off_the_clean_images(network, data)
    done = attack(Watched(broken), data, levels=[5], max_queries=100)
    assert not any(record.success for record in done.records)
    assert done.engine.invalid > 0


@pytest.mark.slow
def test_targeted_success_is_the_target_and_nothing_else(attack: Attack, network: Callable[[Tensor], Tensor]) -> None:
    data = labelled_by(network, SHAPE, 12)
    done = attack(Watched(network), data, levels=[6], target="next", max_queries=600)
    assert all(record.target == (record.label + 1) % 4 for record in done.records)
    assert all(record.predicted == record.target for record in done.records if record.success)
    assert any(record.success for record in done.records)


@pytest.mark.slow
def test_a_verification_that_answers_nan_is_no_success(attack: Attack, network: Callable[[Tensor], Tensor]) -> None:
    data = labelled_by(network, SHAPE, 4)
    broken = nan_off_the_clean_images(network, data)
    done = attack(Watched(broken), data, searcher=Watched(network), levels=[5], max_queries=300)
    assert not any(record.success for record in done.records)
    assert done.engine.judge.scorer.queries > 0


@pytest.mark.slow
def test_small_lanes_start_many_at_a_time(
    attack: Attack, network: Callable[[Tensor], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lanes end one by one; were each replaced at once, to start them would cost a long run a quarter of its time."""
    started: list[int] = []
    start = Lanes.start

    def counted(lanes: Lanes, cohorts: Sequence[Cohort]) -> None:
        started.append(len(cohorts))
        start(lanes, cohorts)

    monkeypatch.setattr(Lanes, "start", counted)
    data = labelled_by(network, SHAPE, 1000)
    attack(Watched(network), data, attacks=["threshold"], search="square", levels=[1], max_queries=40)
    begun = [count for count in started if count]
    assert sum(begun) == 1000
    assert len(begun) < 50
