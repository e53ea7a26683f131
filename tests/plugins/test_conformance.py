"""Plug-ins that break one rule each, and the check that says so; pixelproof's own searches, which break none."""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import dedent, indent

import pytest
import torch
from torch import Tensor

from pixelproof.attacks import FewPixel, Threshold
from pixelproof.conformance import ConformanceError, check_encoding, checks
from pixelproof.search.registry import SEARCHES

Install = Callable[..., str]

SEARCH = """
    import torch
    from pixelproof.search.registry import Entry
    from pixelproof.search.square_search import SquareSearch

    class Broken(SquareSearch):
        BODY

    THING = Entry(Broken, lambda p: Broken(p.shape, population=2), "threshold")
"""
ATTACK = """
    from dataclasses import dataclass
    import torch
    from pixelproof.attacks.attack import Attack, BallAttack

    CALLS = []

    @dataclass(frozen=True)
    class THING(BallAttack):
        name = "broken"
        needs = "labels"
        norm: str = "linf"
        epsilon: float = 4
        queries: int = 3

        def __call__(self, oracle, images, goal, streams):
            BODY
"""
DEFENCE = """
    from dataclasses import dataclass
    from typing import ClassVar
    import torch

    CALLS = []

    @dataclass(frozen=True)
    class THING:
        share: float = 0.5
        name: ClassVar[str] = "broken"
        differentiable: ClassVar[bool] = True

        @property
        def spec(self):
            return f"broken({self.share:g})"

        def __call__(self, images):
            BODY
"""
CORRUPTION = """
    import random
    import numpy as np
    import torch
    from pixelproof.corruptions.corruption import Corruption
    from pixelproof.errors import InputError

    CALLS = []

    class THING(Corruption):
        name = "broken"
        ends = (1.0,)

        def check(self, strength):
            if not 0 <= strength <= 1:
                raise InputError("0 to 1")

        def _changed(self, images, strength, seed):
            BODY
"""
FOLLOWS = "it follows from image, strength and seed"
BREAKERS = [
    # Searches.
    (
        "searches", SEARCH, "def _wanted(self, state):\n    return torch.full((self.lanes,), 50)",
        "the budget is kept", "50 to 50 candidates are wanted of 2: .* ignores its budget",
    ),
    (
        "searches", SEARCH, "def _wanted(self, state):\n    return torch.zeros(self.lanes, dtype=torch.int64)",
        "the budget is kept", "0 to 0 candidates are wanted",
    ),
    (
        "searches", SEARCH, "def _propose(self, state):\n    return super()._propose(state) + torch.rand(())",
        "it follows from its generators", "the search differs from one call to the next",
    ),
    (
        "searches", SEARCH, "def _propose(self, state):\n    torch.rand(1)\n    return super()._propose(state)",
        "it follows from its generators", "draws from torch's global generator",
    ),
    (
        "searches", SEARCH, "def _propose(self, state):\n    c = super()._propose(state)\n    return c + c.mean()",
        "lanes do not depend on each other", "a lane depends on",
    ),
    (
        "searches", SEARCH, "def _propose(self, state):\n    return super()._propose(state).double()",
        "shapes and dtypes", "torch.float64, must be .* float32",
    ),
    (
        "searches", SEARCH, "def _propose(self, state):\n    return super()._propose(state) / 0",
        "shapes and dtypes", "candidates are not finite",
    ),
    (
        "searches", SEARCH, "def _learn(self, state, fitness, margins):\n    1 / 0",
        "a run resumes to the same records", "The search broken of the package their-package 1.0 failed",
    ),
    # Attacks.
    ("attacks", ATTACK, "return (images + 8 / 255).clamp(0, 1)", "the ball is kept", "leaves its ball .* by up to 4"),
    ("attacks", ATTACK, "return images * torch.nan", "shapes and dtypes", "not finite"),
    ("attacks", ATTACK, "return images[:1]", "shapes and dtypes", r"expected \(6, 3, 8, 8\) float32"),
    ("attacks", ATTACK, "images.clamp_(0.5, 1)\nreturn images", "the ball is kept", "changes the images"),
    (
        "attacks", ATTACK, "return (images + torch.rand_like(images) / 255).clamp(0, 1)",
        "it follows from its streams", "the attack differs",
    ),
    (
        "attacks", ATTACK, "CALLS.append(1)\nreturn (images + len(CALLS) / 2550).clamp(0, 1)",
        "it follows from its streams", "the attack differs",
    ),
    (
        "attacks", ATTACK, "return (images + len(images) / 255).clamp(0, 1)",
        "samples do not depend on each other", "depends on the samples beside it",
    ),
    (
        "attacks", ATTACK,
        "s = oracle.log_scores(images, goal.rows)\nreturn images * s[:, :1, None, None].sigmoid()",
        "it needs what it says", "makes use of scores",
    ),
    (
        "attacks", ATTACK, "oracle.gradient(images, goal.rows, lambda s, _: s.sum(1))\nreturn images",
        "it needs what it says", "gives no gradients",
    ),
    (
        "attacks", ATTACK, "for _ in range(4):\n    oracle.labels(images, goal.rows)\nreturn images",
        "the budget is kept", "asks 4 times where 3 queries are allowed",
    ),
    (
        "attacks", ATTACK, "oracle.classifier.scores(images)\nreturn images",
        "the budget is kept", "6 images went through the model, and 0 were counted",
    ),
    # Defences.
    ("defences", DEFENCE, "return images[:, :, 1:]", "shapes and dtypes", "keep both"),
    ("defences", DEFENCE, "return images.mul_(0.5)", "shapes and dtypes", "changes the tensor that it is given"),
    ("defences", DEFENCE, "return images * torch.rand(1)", "it follows from the images", "the defence differs"),
    ("defences", DEFENCE, "return images - images.mean()", "images do not depend on each other", "beside it"),
    ("defences", DEFENCE, "return images.detach() * 1", "gradients flow where it says so", "no gradient flows"),
    # Corruptions, of which global state is the worst mistake.
    ("corruptions", CORRUPTION, "return images * torch.rand(1)", FOLLOWS, "differs"),
    ("corruptions", CORRUPTION, "return images * random.random()", FOLLOWS, "differs"),
    ("corruptions", CORRUPTION, "return images * np.random.rand()", FOLLOWS, "differs"),
    (
        "corruptions", CORRUPTION, "CALLS.append(1)\nreturn images * (1 - strength / (1 + len(CALLS)))",
        FOLLOWS, "the corruption differs from one call to the next",
    ),
    ("corruptions", CORRUPTION, "return images.mul_(1 - strength)", "shapes and dtypes", "changes the tensor"),
    ("corruptions", CORRUPTION, "return images", "strengths", "an end, changes nothing"),
    ("corruptions", CORRUPTION, "return images * images.mean()", "images do not depend on each other", "beside it"),
    (
        "corruptions", CORRUPTION.replace("not 0 <= strength <= 1", "strength > 1"), "return images * 0.5",
        "strengths", "takes NaN as a strength",
    ),
]  # fmt: skip


def _filled(source: str, body: str) -> str:
    """``source`` with ``body`` in the place of BODY, its lines indented as that is."""
    (margin,) = re.findall(r"^( *)BODY", source, re.MULTILINE)
    return source.replace(f"{margin}BODY", indent(body, margin))


@pytest.mark.parametrize(("kind", "source", "body", "rule", "said"), BREAKERS)
def test_who_breaks_a_rule_is_told(install: Install, kind: str, source: str, body: str, rule: str, said: str) -> None:
    install(_filled(source, body), {kind: {"broken": "THING"}})
    (check,) = [check for check in checks("their-package") if check.holds == rule]
    with pytest.raises(ConformanceError, match=said):
        check()


class Liar(FewPixel):
    """Says that it changes th pixels, and changes one more."""

    def decode(self, genomes: Tensor, clean: Tensor) -> Tensor:
        images = super().decode(genomes, clean)
        images[:, 0, 0] = 255 - clean.repeat_interleave(genomes.shape[1], 0)[:, 0, 0]
        return images


class Between(Threshold):
    """Forgets to round."""

    def decode(self, genomes: Tensor, clean: Tensor) -> Tensor:
        return super().decode(genomes, clean) + 0.25


class Moody(FewPixel):
    """Begins elsewhere every time."""

    def start(self, clean: Tensor, generators) -> Tensor:
        return torch.rand(len(clean), self.dimension)


@pytest.mark.parametrize(
    ("encoding", "constraint", "said"),
    [
        (Liar(2, (8, 8, 3)), "few-pixel", r"decoded images are no 8-bit images within few-pixel th = 2"),
        (Threshold(5, (8, 8, 3)), "threshold", r"decoded images are no 8-bit images within threshold th = 2"),
        (Between(2, (8, 8, 3)), "threshold", r"15 of 15 decoded images are no 8-bit images"),
        (Moody(2, (8, 8, 3)), "few-pixel", r"the start differs from one call to the next"),
    ],
)
def test_an_encoding_that_lies_is_told(encoding: FewPixel | Threshold, constraint, said: str) -> None:
    with pytest.raises(ConformanceError, match=said):
        check_encoding(encoding, constraint, 2, (8, 8, 3))


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 7, 1)])
def test_pixelproofs_own_encodings_conform(shape: tuple[int, int, int]) -> None:
    for threshold in (1, 3):
        check_encoding(FewPixel(threshold, shape), "few-pixel", threshold, shape)
        check_encoding(Threshold(threshold, shape), "threshold", threshold, shape)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHES)
def test_pixelproofs_own_searches_conform(install: Install, name: str) -> None:
    install(
        dedent(f"""
        from dataclasses import replace
        from pixelproof.search.registry import SEARCHES

        THING = SEARCHES[{name!r}]
        """),
        {"searches": {f"their-{name}": "THING"}},
    )
    for check in checks("their-package"):
        check()
