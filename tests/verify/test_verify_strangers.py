"""A stranger's run names a model and data of its own: none of their code is run, and nothing is fetched."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Never

import pytest
from benchmarks.torture.alterations import forge

from pixelproof.runs import RunStore
from tiny_run import Cli

pytestmark = pytest.mark.slow

#: Models that would do something, by what they would do.
REACHING = {
    "os:abort": "code of a module",
    "shutil:rmtree": "code of a module",
    "maite:os:abort": "code of a module",
    "evil.net:model": "code of a module",
    "timm:resnet18": "over the network",
    "torchvision:resnet18": "over the network",
    "hf:someone/model": "over the network",
    "http://127.0.0.1:9/model": "over the network",
    "https://example.com": "over the network",
    "command:touch evil": "trust it",
    "evil.py:model": "code of a module",
    "evil.pt": "trust",
    "evil.pt2": "trust",
}


@pytest.fixture(autouse=True)
def nothing_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Never:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def stranger(whole: bytes, tmp_path: Path) -> Callable[..., Path]:
    """A run whose spec says ``changes``, sealed as if it had been so from the first."""

    def make(**changes: object) -> Path:
        with RunStore.of_bytes(whole) as run:
            spec = {**run._manifest_values()["spec"], **changes}
            run._db.execute("UPDATE manifest SET value = ? WHERE key = 'spec'", (json.dumps(spec),))
            forge(run)
            run.copy_to(tmp_path / "run")
        return tmp_path / "run"

    return make


@pytest.mark.parametrize("model", REACHING)
def test_a_strangers_model_is_refused(
    stranger: Callable[..., Path], cli: Cli, model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("evil.py", "evil.pt", "evil.pt2"):
        (tmp_path / name).write_text("open('evil', 'w')\n", "utf-8")
    answer = cli("verify", stranger(model=model))
    assert answer.code == 2
    assert REACHING[model] in answer.err
    assert "--trust-code" in answer.err or "--model" in answer.err
    assert not (tmp_path / "evil").exists()


def test_its_records_can_be_looked_at_all_the_same(stranger: Callable[..., Path], cli: Cli) -> None:
    answer = cli("verify", stranger(model="os:abort"), "--records-only")
    assert (answer.code, answer.err) == (0, "")
    assert "not checked: The model was not asked" in answer.out


def test_its_model_is_taken_from_elsewhere(stranger: Callable[..., Path], cli: Cli) -> None:
    answer = cli("verify", stranger(model="os:abort"), "--model", "zoo:lenet")
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize("data", ["cifar10:nowhere", "hf:someone/pictures"])
def test_its_data_are_not_fetched(
    stranger: Callable[..., Path], cli: Cli, data: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = cli("verify", stranger(data=data))
    assert (answer.code, answer.err) == (0, "")
    assert "not checked: The data is not at hand" in answer.out
    assert not (tmp_path / "nowhere").exists()


def test_its_words_do_not_steer_the_terminal(stranger: Callable[..., Path], cli: Cli) -> None:
    answer = cli("verify", stranger(corruption="\x1b[31mfog(3)"), "--records-only")
    assert "\x1b" not in answer.out + answer.err
