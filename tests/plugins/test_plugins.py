"""Plug-ins by entry points: found late, refused where a name is taken, blamed by name, part of a run's identity."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

import pixelproof as pp
from model_files import images, network
from pixelproof.plugins import plugins
from tiny_run import Cli

Install = Callable[..., str]
LABELS = network()(images(30)).argmax(1)

DARKER = """
    from pixelproof.corruptions.corruption import Corruption

    class Darker(Corruption):
        '''Takes light away.'''

        name = "darker"
        ends = (0.9,)
        smallest = 4

        def check(self, strength):
            pass

        def _changed(self, images, strength, seed):
            return images * (1 - strength)
"""
INVERT = """
    from dataclasses import dataclass
    from typing import ClassVar

    @dataclass(frozen=True)
    class Soften:
        '''Halves the contrast.'''

        differentiable: ClassVar[bool] = True
        name: ClassVar[str] = "soften"
        spec: ClassVar[str] = "soften"

        def __call__(self, images):
            return images * 0.5 + 0.25
"""
SIGNED = """
    from dataclasses import dataclass
    from pixelproof.attacks.attack import Attack

    @dataclass(frozen=True)
    class Signed(Attack):
        '''Does BODY.'''

        name = "signed"
        needs = "labels"

        def __call__(self, oracle, images, goal, streams):
            BODY
"""


def assess(**options: object) -> pp.Result:
    given = {"levels": 1, "samples": 2, "max_queries": 10, "attacks": "fgsm", "device": "cpu"}
    return pp.assess(network(), images(30), LABELS, **{**given, **options})


def test_its_code_is_imported_when_its_name_is_asked_for(install: Install) -> None:
    module = install(DARKER, {"corruptions": {"darker": "Darker"}})
    assess(defence="median(2)")
    assert module not in sys.modules
    result = assess(corruption="darker(0.5)")
    assert module in sys.modules
    assert result.run.manifest.settings["plugins"] == {"their-package": "1.0"}
    assert "plugins" not in assess().run.manifest.settings


def test_importing_and_help_look_for_no_entry_points() -> None:
    code = "import sys, pixelproof, pixelproof.cli; assert 'importlib.metadata' not in sys.modules, 'looked for'"
    assert subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {code}"]).returncode == 0


def test_the_version_is_part_of_the_identity(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(INVERT, {"defences": {"soften": "Soften"}})
    one = assess(defence="soften").run.manifest
    assert one.settings["plugins"] == {"their-package": "1.0"}
    monkeypatch.setattr("importlib.metadata.Distribution.version", "2.0")
    plugins.cache_clear()
    other = assess(defence="soften").run.manifest
    assert other.settings["plugins"] == {"their-package": "2.0"}
    assert other.identity != one.identity
    assert other.model.fingerprint == one.model.fingerprint


@pytest.mark.slow
def test_a_saved_run_is_verified_with_its_plugins_in_the_settings(install: Install, tmp_path, cli: Cli) -> None:
    install(INVERT, {"defences": {"soften": "Soften"}})
    options = ("--model", "zoo:lenet", "--data", "bundled", "--samples", "2", "--levels", "1", "--max-queries", "5")
    assert cli("assess", *options, "--defence", "soften", "--out", tmp_path / "run").code == 0
    assert cli("verify", tmp_path / "run").code == 0


@pytest.mark.parametrize(
    ("kind", "name", "thing", "ask"),
    [
        ("corruptions", "fog", "Darker", {"corruption": "fog(2)"}),
        ("attacks", "pgd", "Darker", {"attacks": "pgd"}),
        ("defences", "jpeg", "Darker", {"defence": "jpeg(75)"}),
        ("searches", "de", "Darker", {"attacks": "threshold", "search": "de"}),
    ],
)
def test_a_name_of_pixelproofs_own_is_refused(install: Install, kind, name, thing, ask, cli: Cli) -> None:
    install(DARKER, {kind: {name: thing}})
    with pytest.raises(pp.InputError) as error:
        assess(**ask)
    text = (
        f"he package their-package 1.0 brings a {kind[:-2] if name == 'de' else kind[:-1]} called {name}, which is the"
    )
    assert f"{text} name of one of pixelproof's own; uninstall their-package" in str(error.value)
    listed = json.loads(cli("list", kind, "--json").out)[kind]
    assert any(sentence.startswith("Refused: ") for sentence in listed.values())
    assess(defence="median(2)")  # others go on


def test_a_name_that_two_packages_bring_is_refused(install: Install) -> None:
    install(DARKER, {"corruptions": {"darker": "Darker"}})
    install(DARKER, {"corruptions": {"darker": "Darker"}}, package="another", version="3")
    with pytest.raises(pp.InputError, match=r"another 3 brings a corruption called darker, and so does their-package"):
        assess(corruption="darker(0.5)")


@pytest.mark.parametrize(
    ("source", "thing", "said"),
    [
        ("raise RuntimeError('no\\nluck')", "Thing", r"does not load \(RuntimeError: no\); update or uninstall"),
        ("import nothing_of_that_name", "Thing", r"does not load \(ModuleNotFoundError: No module named 'nothing_of"),
        ("", "Thing", r"does not load \(AttributeError: "),
        ("Thing = 3", "Thing", r"is 3 where a subclass of pixelproof.attacks.attack.Attack"),
        ("def Thing(): return 1", "Thing", r"is <function Thing at .*> where a subclass"),
        (SIGNED.replace('"signed"', '"other"'), "Signed", r"is <class '.*Signed'> where .* with the name 'signed'"),
    ],
)
def test_what_does_not_load_or_fit_is_said_in_one_sentence(install: Install, source, thing, said, cli: Cli) -> None:
    install(source, {"attacks": {"signed": thing}})
    with pytest.raises(pp.InputError, match=rf"(?i)The attack signed of the package their-package 1.0 {said}"):
        assess(attacks="signed")
    listed = cli("list", "attacks", "--json")
    assert listed.code == 0
    assert "of the package their-package 1.0" in json.loads(listed.out)["attacks"]["signed"]
    answer = cli("assess", "--model", "zoo:lenet", "--data", "bundled", "--attacks", "signed", "--out", "never")
    assert answer.code == 2
    assert "their-package 1.0" in answer.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return images[:, :2]", r"ValueError: signed\(\) returned \(2, 2, 8, 8\) torch.float32 where"),
        ("return None", r"ValueError: signed\(\) returned NoneType where"),
        ("return images.double()", "ValueError: .* torch.float64 where"),
        ("return images.no_such_thing", "AttributeError: 'Tensor' object has no attribute 'no_such_thing'"),
        ("return images + 1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_an_attack_that_fails_is_blamed(install: Install, body: str, said: str) -> None:
    install(SIGNED.replace("BODY", body), {"attacks": {"signed": "Signed"}})
    with pytest.raises(pp.InputError, match=rf"The attack signed of the package their-package 1.0 failed \({said}"):
        assess(attacks="signed")


def test_a_search_and_a_corruption_that_fail_are_blamed(install: Install) -> None:
    source = """
        from pixelproof.search.registry import Entry
        from pixelproof.search.sparse_rs import SparseRS
        from pixelproof.search.square_search import SquareSearch
        from pixelproof.corruptions.fog import Fog

        class Narrow(SquareSearch):
            def _propose(self, state):
                return super()._propose(state)[:, :, 1:]

        class Tall(Fog):
            name = "tall"
            smallest = 4

            def _changed(self, images, strength, seed):
                return images[:, :, 1:]

        NARROW = Entry(Narrow, lambda p: Narrow(p.shape))
        OTHER = Entry(Narrow, lambda p: SparseRS(p.threshold, p.shape))
    """
    points = {"searches": {"narrow": "NARROW", "other": "OTHER"}, "corruptions": {"tall": "Tall"}}
    install(source, points)
    for ask, said in (
        ({"attacks": "threshold", "search": "narrow"}, r"ValueError: candidates are \(2, 1, 191\)"),
        ({"corruption": "tall(2)"}, r"ValueError: \(30, 3, 7, 8\) torch.float32 was made of \(30, 3, 8, 8\)"),
    ):
        with pytest.raises(pp.InputError, match=rf"of the package their-package 1.0 failed \({said}"):
            assess(**ask)
    with pytest.raises(
        pp.InputError, match=r"their-package 1.0 built <.*SparseRS .* where a Narrow of dimension 5 was"
    ):
        assess(attacks="few-pixel", search="other")


def test_an_error_of_the_users_own_is_not_a_plugins(install: Install) -> None:
    install(SIGNED.replace("BODY", "return images"), {"attacks": {"signed": "Signed"}})

    def listener(_: object) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        assess(attacks="signed", listener=listener)


def test_names_that_cannot_be_typed_are_refused(install: Install, cli: Cli) -> None:
    install(DARKER, {"corruptions": {"Dark [red]er": "Darker"}})
    answer = cli("list", "corruptions")
    assert answer.code == 0
    assert "Dark [red]er" in answer.out
    assert "expected small letters" in " ".join(answer.out.split())


def test_an_unknown_name_lists_plugins_too(install: Install) -> None:
    install(SIGNED.replace("BODY", "return images"), {"attacks": {"signed": "Signed"}})
    with pytest.raises(pp.InputError, match=r"here is no attack 'sined' \(is signed meant\?\)"):
        assess(attacks="sined")
    with pytest.raises(pp.InputError, match=r"^search: there is no search 'des' \(is de meant\?\); expected auto, "):
        assess(attacks="threshold", search="des")
