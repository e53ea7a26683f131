"""The TOML file: what it says, and one sentence for every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelproof.errors import InputError
from pixelproof.plans.study.spec import STUDY_ROLES, Member, read_study

ROOT = Path(__file__).parents[2]
NET = '[[networks]]\nmodel = "zoo:lenet"\n'
START = 'data = "bundled"\n'


def test_what_a_file_says(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        f"{START}range = [0, 500]\nsamples = 50\nshuffle = 3\nmax_queries = 77\nlevels = [5, 1]\n{NET}"
        '[[networks]]\nmodel = "net.py:load"\nname = "Mine"\n'
        '[[defences]]\nof = "lenet"\ndefence = "bits(5)+median(2)"\n'
        '[[defences]]\nof = "Mine"\nmodel = "hard.py:load"\nname = "hard training"\n'
    )
    study = read_study(path)
    assert study.members == (
        Member("lenet", None, "zoo:lenet", None),
        Member("Mine", None, "net.py:load", None),
        Member("lenet", "bits(5)+median(2)", "zoo:lenet", "bits(5)+median(2)"),
        Member("Mine", "hard training", "hard.py:load", None),
    )
    assert [member.folder for member in study.members] == [
        "lenet",
        "mine",
        "lenet-bits-5-median-2",
        "mine-hard-training",
    ]
    runs = {role: study.run(study.members[2], role) for role in STUDY_ROLES}
    assert {role: run.search for role, run in runs.items()} == {
        "levels": "auto",
        "de": "de",
        "cma-es": "cma-es",
        "minimal": "auto",
    }
    assert [role for role, run in runs.items() if run.minimal] == ["minimal"]
    for run in runs.values():
        assert (run.model, run.defence, run.data) == ("zoo:lenet", "bits(5)+median(2)", "bundled")
        assert (run.range, run.samples, run.shuffle, run.max_queries) == ((0, 500), 50, 3, 77)
        assert run.levels == (1, 5)
    assert read_study(path, "cifar10:elsewhere").run(study.members[0], "de").data == "cifar10:elsewhere"


def test_the_study_in_the_repository_is_one() -> None:
    study = read_study(ROOT / "studies" / "zoo.toml")
    assert (study.preset, study.samples, study.levels, study.minimal) == ("quick", 50, (1, 3, 5, 10), 127)
    assert len([member for member in study.members if member.defence is None]) >= 7
    assert {"fast AT", "tvm", "bits(5)"} <= {member.defence for member in study.members}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "data and networks are missing; expected a value for each, so add them."),
        (START, "networks: it is missing; expected a value, so add one."),
        (f"{START}networks = []\n", "networks: there are none; expected at least one, so add one."),
        (f'{START}[networks]\nmodel = "m"\n', "networks: expected a list, so write [[networks]] above each entry."),
        (f"{START}{NET}[[networks]]\n", "networks, entry 2, model: it is missing; expected a value, so add one."),
        (
            f"{START}{NET}epochs = 3\n",
            "networks, entry 1, epochs: there is no such key; check its spelling and under which heading it stands.",
        ),
        (
            f"{START}sample = 3\n{NET}",
            "sample: there is no such key; did you mean samples?",
        ),
        (f"{START}samples = 0\n{NET}", "samples: a whole number from 1 on, or all, was expected (given: 0)."),
        (f'{START}samples = "x"\n{NET}', "samples: input should be a valid integer, "),
        (f"{START}levels = [0]\n{NET}", "levels: every level th must lie in 1..255, not [0] (given: (0,))."),
        (f"{START}minimal = 300\n{NET}", "minimal: input should be less than or equal to 255 (given: 300)."),
        (f'{START}preset = "paper"\n{NET}', "preset: input should be 'quick' or 'standard' (given: 'paper')."),
        (f"{START}range = [5, 2]\n{NET}", "range: a range START:STOP needs 0 <= START < STOP, not 5:2"),
        (f"{START}range = [5]\n{NET}", "range, entry 2: it is missing"),
        (f"data = 3\n{NET}", "data: input should be a valid string (given: 3)."),
        (f"{START}{NET}{NET}", "two entries have the name lenet; give names that differ."),
        (
            f'{START}{NET}{NET}name = "LeNet"\n',
            "two entries would have the folder runs/lenet; give names that differ in letters or digits.",
        ),
        (f'{START}{NET}name = " "\n', "a name needs letters that can be printed, not ' '."),
        (f'{START}{NET}name = "a\\nb"\n', "a name needs letters that can be printed, not 'a\\nb'."),
        (f'{START}{NET}name = "False  Adversarial"\n', "two entries would have the folder runs/false-adversarial"),
        (
            f'{START}{NET}[[defences]]\nof = "resnet"\ndefence = "tvm"\n',
            "a defence is of 'resnet', but the networks are lenet.",
        ),
        (
            f'{START}{NET}[[defences]]\nof = "lenet"\n',
            "defences, entry 1: give either a defence, as in tvm, or a model trained as one",
        ),
        (
            f'{START}{NET}[[defences]]\nof = "lenet"\ndefence = "tvm"\nmodel = "m"\nname = "n"\n',
            "defences, entry 1: give either a defence, as in tvm, or a model trained as one",
        ),
        (
            f'{START}{NET}[[defences]]\nof = "lenet"\nmodel = "zoo:resnet20-fast"\n',
            "defences, entry 1: a model trained as a defence needs a name for that defence.",
        ),
    ],
)
def test_one_sentence_names_the_place(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(InputError) as trouble:
        read_study(path)
    said = str(trouble.value)
    assert said.startswith(f"{path}: {sentence}")
    assert said.endswith((".", "?"))
    assert "\n" not in said


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^There is no study .*gone.toml; expected a TOML file, so check its path\.$"):
        read_study(tmp_path / "gone.toml")
    for content in (b"data = ", b"\xff\xfe"):
        (tmp_path / "bad.toml").write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.toml cannot be read as TOML: .*\.$"):
            read_study(tmp_path / "bad.toml")
