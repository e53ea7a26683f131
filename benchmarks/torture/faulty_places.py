"""Where models that misbehave are reached: an address whose server does, and a program."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.torture.faulty_models import Bench, Tried, answers
from pixelproof.models import Classifier, load_model

# Behind an address.

_JSON = "application/json"
#: What a server sends in place of scores: status, headers, body; more is in ``_Handler``.
SERVED: Mapping[str, tuple[int, Mapping[str, str], bytes]] = {
    "answers 401": (401, {}, b""),
    "answers 404": (404, {}, b"{}"),
    "answers 413": (413, {}, b""),
    "answers 418": (418, {}, b"teapot"),
    "answers 500": (500, {}, b"Traceback"),
    "answers 429": (429, {"Retry-After": "0"}, b""),
    "answers 999": (999, {}, b""),
    "points elsewhere": (302, {"Location": "http://127.0.0.1:9/steal"}, b""),
    "points to itself": (307, {"Location": "/predict"}, b""),
    "answers with nothing": (200, {}, b""),
    "answers with a page": (200, {"Content-Type": "text/html"}, b"<html><script>alert(1)</script></html>"),
    "answers without scores": (200, {}, b'{"error": "\\u001b[2J"}'),
    "answers with null": (200, {}, b"null"),
    "answers with a text": (200, {}, b'{"scores": "cat"}'),
    "answers with too few rows": (200, {}, b'{"scores": [[0, 1, 2, 3]]}'),
    "answers with ragged rows": (200, {}, b'{"scores": [[0, 1], [0]]}'),
    "answers with rows of other lengths": (200, {}, b'{"scores": [[0.5, 1], [0, 1]]}'),
    "answers with nested lists": (200, {}, b"[" * 100_000),
    "answers with a number of 10,000 digits": (200, {}, b'{"scores": [[' + b"9" * 10_000 + b"]]}"),
    "answers with no UTF-8": (200, {}, b'{"scores": "\xff\xfe"}'),
    "answers half": (200, {"Content-Length": "1000"}, b'{"scores": [['),
    "says it is packed": (200, {"Content-Encoding": "gzip"}, b"not so"),
    "drips": (200, {}, b"drip"),
    "never ends": (200, {}, b"flood"),
    "hangs up": (0, {}, b""),
    "speaks no HTTP": (0, {}, b"\x00\x01garbage\r\n\r\n"),
}


class Server:
    """Answers with the model's scores, or from its request ``begins`` on with what ``fault`` says."""

    def __init__(self) -> None:
        self.fault: tuple[int, Mapping[str, str], bytes] | None = None
        self.begins, self.requests, self.seen = 0, 0, set[str]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests += 1
                outer.seen.add(self.headers.get("Authorization", ""))
                if outer.fault is not None and outer.requests >= outer.begins:
                    _misbehave(self, *outer.fault)
                else:
                    _send(self, 200, {}, json.dumps({"scores": _scores(body)}).encode())

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/predict"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _scores(body: bytes) -> list[list[float]]:
    pixels = np.array(json.loads(body)["images"], np.uint8)
    found: list[list[float]] = answers(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255).tolist()
    return found


def _send(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": _JSON, "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _misbehave(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
    handler.close_connection = True
    if status == 0:
        handler.wfile.write(body)
        handler.connection.close()
    elif body in (b"drip", b"flood"):
        _send(handler, 200, {"Content-Length": str(1 << 40)}, b"[")
        piece = b" " if body == b"drip" else b" " * (1 << 20)
        try:
            while True:
                handler.wfile.write(piece)
                time.sleep(0.2 if body == b"drip" else 0)
        except OSError:
            return
    else:
        _send(handler, status, headers, body)


def behind_an_address(share: float = 1.0) -> Iterator[Tried]:
    """Every fault of a server in the middle of the run, and at its first request."""
    server = Server()
    spec = f"{server.url},encoding=list,timeout=1,retries=1,batch=16"

    def sound() -> Classifier:
        server.fault = None
        return load_model(spec)

    try:
        bench = Bench(sound)
        requests = server.requests
        for name, fault in list(SERVED.items())[:: max(1, round(1 / share))]:
            for first in (True, False):
                server.requests, server.fault, server.begins = 0, fault, 1 if first else requests * 2 // 3
                yield bench.failing(f"a server that {name}", load_model(spec), first)
    finally:
        server.close()


# As a command.

_PROGRAM = """
import json, sys, time
import numpy as np
from PIL import Image

calls, fault = json.load(open("state.json"))
json.dump([calls - 1, fault], open("state.json", "w"))
files = sys.argv[1:]
images = np.stack([np.asarray(Image.open(each), np.float32) / 255 for each in files])
weights = np.random.default_rng(5).normal(size=(4, images[0].size)).astype(np.float32)
scores = (images.reshape(len(images), -1) - np.float32(0.5)) @ weights.T
if calls > 0:
    fault = "none"
if fault == "exits":
    sys.exit("no model today")
if fault == "exits 0 without a word":
    sys.exit(0)
if fault == "is killed":
    import os; os.kill(os.getpid(), 9)
if fault == "prints words":
    print("loading model ...")
if fault == "prints bytes":
    sys.stdout.buffer.write(b"\\xff\\xfe\\n" * len(files)); sys.exit(0)
if fault == "prints too few lines":
    scores = scores[1:]
if fault == "floods":
    print("9" * (80 << 20))
if fault == "sleeps":
    time.sleep(60)
if fault == "leaves a child":
    import subprocess; subprocess.Popen(["sleep", "60"]); time.sleep(60)
for row in scores:
    print(*(repr(float(each)) for each in row))
"""
PROGRAMS = (
    *("exits", "exits 0 without a word", "is killed", "prints words", "prints bytes", "prints too few lines"),
    *("floods", "sleeps", "leaves a child"),
)


def as_a_command(share: float = 1.0) -> Iterator[Tried]:
    """Every fault of a program in the middle of the run."""
    with TemporaryDirectory(prefix="faulty-") as place:
        before, folder = Path.cwd(), Path(place)
        (folder / "program.py").write_text(_PROGRAM)
        os.chdir(folder)
        try:
            yield from _programs(folder / "state.json", share)
        finally:
            os.chdir(before)


def _programs(state: Path, share: float) -> Iterator[Tried]:
    spec = f"command:{sys.executable} program.py,timeout=20,batch=64"

    def sound() -> Classifier:
        state.write_text('[1000000, "none"]')
        return load_model(spec, trust_code=True)

    bench = Bench(sound)
    calls = 1_000_000 - json.loads(state.read_text())[0]
    for fault in PROGRAMS[:: max(1, round(1 / share))]:
        faulty = sound()
        state.write_text(json.dumps([calls * 2 // 3, fault]))
        yield bench.failing(f"a program that {fault}", faulty, first=False)
