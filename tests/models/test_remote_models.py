"""Models behind a URL and behind a command: the records of the network itself, whatever fails on the way."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pixelproof as pp
from model_files import CLASSES, images, network
from model_server import serving
from pixelproof.errors import ModelError
from pixelproof.models import load_model
from pixelproof.models.sent import Sender

pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def http_client() -> None:
    pytest.importorskip("httpx")
    pytest.importorskip("stamina")


def records(model: object) -> tuple[list[Any], np.ndarray]:
    """Of a small assessment: all that is exact, and the margins and confidences."""
    pixels = (images(6, seed=3) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    labels = network()(images(6, seed=3)).argmax(1).numpy()
    limits: dict[str, Any] = {"attacks": ("few-pixel",), "levels": (1, 5), "search": "de", "max_queries": 80}
    found = pp.assess(model, pixels, labels, **limits).run.records()
    exact = [replace(each, margin=0.0, confidence=0.0, clean_confidence=0.0, seconds=0.0) for each in found]
    return exact, np.array([(each.margin, each.confidence, each.clean_confidence) for each in found])


def same_records(model: object) -> None:
    (exact, near), (found, close) = records(network()), records(model)
    assert found == exact
    assert np.allclose(near, close, atol=1e-4)


@pytest.mark.parametrize("parameters", ["", ",send=multipart,batch=7", ",encoding=list,field=instances"])
def test_a_server_gives_the_same_records(parameters: str) -> None:
    with serving(network()) as served:
        same_records(load_model(served.url + parameters))
        assert set(served.answered.values()) == {1}  # equal images are sent once


def test_a_server_that_fails_now_and_then_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors, dropped connections, slow answers and 429: all is asked again, and no query is counted twice."""
    import stamina

    monkeypatch.setattr("stamina._core._compute_backoff", lambda *_: 0.0, raising=False)
    with serving(network(), faults=("500", "dropped", "429", "503", "slow")) as served:
        same_records(load_model(served.url + ",timeout=1,batch=16"))
        assert set(served.answered.values()) == {1}
        assert all(served.requests[fault] for fault in ("500", "dropped", "429", "503", "slow"))
    assert stamina.is_active()


def test_answers_are_found_where_they_are_said_to_be() -> None:
    for answer, read in (("", ""), ("result.predictions", ",read=result.predictions")):
        with serving(network(), answer=answer) as served:
            assert torch.allclose(load_model(served.url + read).scores(images(3)), network()(images(3)), atol=1e-5)
    with serving(network(), answer="predictions") as served, pytest.raises(ModelError) as told:
        load_model(served.url).scores(images(3))
    assert "answered without 'scores' (predictions); expected N rows of scores there, so name their entry" in str(
        told.value
    )


def test_a_token_is_sent_and_stored_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIXELPROOF_MY_TOKEN", "s3cr3t")
    with serving(network()) as served:
        spec = served.url + ",token=PIXELPROOF_MY_TOKEN"
        pixels = (images(4) * 255).round().byte().permute(0, 2, 3, 1).numpy()
        labels = network()(images(4)).argmax(1).numpy()
        pp.assess(load_model(spec), pixels, labels, attacks=("threshold",), levels=(1,), max_queries=20, out=tmp_path)
        assert served.tokens == {"Bearer s3cr3t"}
    assert not any(b"s3cr3t" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    with pytest.raises(ModelError, match="holds a name or a password, which would be stored with the run"):
        load_model("http://me:s3cr3t@127.0.0.1/predict")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("401", "answered 401 Unauthorized; expected a token, so put it into the environment"),
        ("404", "answered 404 Not Found; expected a model at that address"),
        ("413", "answered 413 .*; expected smaller requests, so add batch=8"),
        ("429", "answered 429 Too Many Requests; it wants fewer requests, so add rate=1"),
        ("500", "answered 500 Internal Server Error; expected scores, so look at the server's own log"),
    ],
)
def test_a_server_that_refuses_is_quoted(status: str, sentence: str) -> None:
    with serving(network(), faults=(status,), always=True) as served:
        model = load_model(served.url + ",retries=1")
        with pytest.raises(ModelError, match=sentence):
            model.scores(images(1))


def test_a_refused_connection_is_not_of_the_images_shape() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError, match=r"cannot be reached \(ConnectError.*\), after 2 attempts; .* start it"):
        load_model(f"http://127.0.0.1:{port}/predict,retries=1").scores(images(1))


def test_a_limit_and_a_rate_are_kept() -> None:
    with serving(network()) as served:
        model = load_model(served.url + ",limit=5,batch=2,rate=1000")
        model.scores(images(5))
        model.scores(images(5))  # known already
        with pytest.raises(ModelError, match=r"The limit of 5 images to .* is used up"):
            model.scores(images(2, seed=9))
        assert sum(served.answered.values()) == 5


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("command:false", "ended with exit code 1: it printed nothing"),
        ("command:echo 1 2", r"answered with what is no scores"),
        ("command:printf '1 2\\n'", "answered 2 images with 1×2; expected 2 rows"),
        ("command:sh -c 'sleep 5',timeout=0.2", "took more than 0.2 s for 2 images"),
        ("command:no-such-program-here", "cannot be started"),
        ("command:'open", "cannot be read"),
        ("command:  ", "names no program"),
    ],
)
def test_a_command_that_fails_is_quoted(spec: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        load_model(spec, trust_code=True).scores(images(2))


def test_a_command_needs_trust() -> None:
    with pytest.raises(ModelError, match="runs a program; expected your word that you trust it"):
        load_model("command:echo")


@pytest.mark.parametrize("spec", ["http://127.0.0.1/,normalise=imagenet", "command:echo,mean=0.5"])
def test_what_is_sent_as_pictures_takes_no_normalisation(spec: str) -> None:
    with pytest.raises(ModelError, match="expected no mean, std, scale or normalise"):
        load_model(spec, trust_code=True)


def test_a_preflight_asks_about_pictures_alone() -> None:
    """A model that is seldom right is probed for other channel orders, but not for values that are no pictures."""
    pixels = (images(40, seed=5) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    labels = (network()(images(40, seed=5)).argmax(1).numpy() + (np.arange(40) // 2 % 2)) % CLASSES
    with serving(network()) as served:
        model = load_model(served.url)
        result = pp.assess(model, pixels, labels, attacks=("threshold",), levels=(1,), max_queries=20, samples=4)
        assert [each.name for each in result.run.manifest.findings if each.name == "low-accuracy"]


def test_equal_images_are_asked_about_once() -> None:
    asked: list[int] = []

    def send(pixels: Any) -> object:
        asked.append(len(pixels))
        return [[float(each.sum()), 0.0] for each in pixels]

    sender = Sender(send, "counting", batch=2)
    batch = torch.cat([images(3), images(3)])
    first = sender.answers(batch)
    assert torch.equal(first, sender.answers(batch))
    assert asked == [2, 1]
    assert torch.equal(first[:3], first[3:])
    with pytest.raises(ModelError, match="are no whole grey levels"):
        sender.answers(images(1) * 0.77)


def test_numbers_of_parameters_are_checked() -> None:
    for text in ("batch=0", "batch=2.5", "timeout=never", "rate=-1", "retries=x"):
        with pytest.raises(ModelError, match=f"{text} in .* is no (whole )?number above 0"):
            load_model(f"http://127.0.0.1/,{text}")
