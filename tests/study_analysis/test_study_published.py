"""The papers' figures, and ours beside them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pixelproof.results.study import PUBLISHED, Assessed, beside, published_name

RunMaker = Callable[..., Assessed]


# As the project's task sets them down, apart from the code.
L0 = """WideResNet 11/55/75/94, DenseNet 9/43/66/78, ResNet 12/52/73/85, NIN 18/62/81/90, AllConv 11/31/57/77,
CapsNet 21/37/49/57, LeNet 58/86/94/99, AT 22/52/66/86, TVM 16/12/20/24, FS 17/49/69/78"""
LINF = """WideResNet 15/97/98/100, DenseNet 23/68/72/74, ResNet 33/71/76/83, NIN 11/86/88/92, AllConv 9/70/73/75,
CapsNet 13/34/72/97, LeNet 44/96/100/100, AT 3/12/25/57, TVM 4/4/6/14, FS 26/63/66/74"""
AREAS = """WideResNet 425/141.5, DenseNet 989.5/696, ResNet 674/575.5, NIN 528/364, AllConv 1123.5/849,
CapsNet 2493/404.5, LeNet 137.5/104"""
CLEAN = [95.12, 94.54, 92.67, 90.87, 88.46, 79.03, 73.57, 87.11, 47.55, 92.37]


def figures(text: str) -> dict[str, list[float]]:
    rows = (entry.split() for entry in text.split(","))
    return {name: [float(value) for value in values.split("/")] for name, values in rows}


def test_the_tables() -> None:
    for attack, text in (("few-pixel", L0), ("threshold", LINF)):
        assert {row.name: [row.fooled[attack, th] for th in (1, 3, 5, 10)] for row in PUBLISHED} == figures(text)
    assert {row.name: list(row.areas.values()) for row in PUBLISHED if not row.defence} == figures(AREAS)
    assert [row.clean for row in PUBLISHED] == CLEAN
    assert [row.name for row in PUBLISHED if row.defence] == ["AT", "TVM", "FS"]
    assert not any(row.areas for row in PUBLISHED if row.defence)


@pytest.mark.parametrize(
    ("name", "defence", "expected"),
    [
        ("resnet20", None, "ResNet"),
        ("ResNet-56", None, "ResNet"),
        ("preact-resnet18", None, None),
        ("wide-resnet-16-8", None, "WideResNet"),
        ("WRN-28-10", None, "WideResNet"),
        ("densenet-bc-100-12", None, "DenseNet"),
        ("nin", None, "NIN"),
        ("all-cnn", None, "AllConv"),
        ("capsnet", None, "CapsNet"),
        ("lenet", None, "LeNet"),
        ("vgg", None, None),
        ("zoo:resnet20-fast", None, "AT"),
        ("zoo:resnet20-pgd", None, "AT"),
        ("zoo:preact-resnet18-pgd", None, None),
        ("resnet20", "AT", "AT"),
        ("resnet20", "total variance minimisation", "TVM"),
        ("resnet20", "tvm(0.3)", "TVM"),
        ("resnet20", "FS", "FS"),
        ("resnet20", "squeeze", "FS"),
        ("resnet20", "bits(5)+median(2)", "FS"),
        ("resnet20", "jpeg", None),
        ("resnet20", "fast AT + tvm", None),
        ("lenet", "tvm", None),
    ],
)
def test_whose_figures_a_run_stands_beside(run: RunMaker, name: str, defence: str | None, expected: str | None) -> None:
    assert published_name(run(name, [1], [1], defence=defence)) == expected


def test_beside(run: RunMaker) -> None:
    runs = [
        run("resnet20", [1, 2], [11, 11], clean=(90, 100)),
        run("resnet20", [1, 1], None, "de"),
        run("resnet20", [1, 3], [1, 3], "minimal"),
        run("vgg", [1], [1]),
    ]
    rows = beside(runs)
    clean, *others = rows
    assert (clean.measure, clean.ours, clean.theirs) == ("clean accuracy", 90, 92.67)
    assert clean.difference == pytest.approx(-2.67)
    level = next(r for r in others if (r.role, r.attack, r.threshold) == ("levels", "few-pixel", 3))
    assert (level.label, level.published_as, level.ours, level.theirs) == ("resnet20", "ResNet", 100, 52)
    de = [(r.threshold, r.theirs) for r in others if r.role == "de"]
    assert de == [(1, 24), (3, 70), (5, 75), (10, 79)]
    area = [(r.attack, r.ours, r.theirs) for r in others if r.measure == "area"]
    assert area == [("few-pixel", 100, 674), ("threshold", 100, 575.5)]
    assert {r.label for r in rows} == {"resnet20"}
    assert len(rows) == 1 + 8 + 4 + 2
