"""A short way to run the engine on small classifiers."""

from typing import Any

import pytest

from pixelproof.data import ImageSet
from pixelproof.engine import Engine
from pixelproof.jobs.assess_spec import make_spec, resolve
from pixelproof.jobs.selection import select
from pixelproof.models import Classifier
from pixelproof.models.query import Scorer
from watched import CPU, Attack, Attacked


@pytest.fixture
def attack() -> Attack:
    def run(
        model: Classifier, data: ImageSet, *, searcher: Classifier | None = None, done: Any = (), **options: Any
    ) -> Attacked:
        settings = resolve(make_spec(model="m", data="d", samples=len(data), **options), data.shape, "cpu")
        _, samples = select(Scorer(model, settings.batch_size, CPU), data, settings)
        engine = Engine(settings, model, searcher or model, CPU)
        outcomes = [outcome for progress in engine.run(samples, done) for outcome in progress.outcomes]
        return Attacked(engine, outcomes)

    return run
