"""A real server on loopback with a network behind it, which can be told to fail now and then."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn


@dataclass
class Served:
    """What the server saw: images answered, by their bytes, requests by what became of them, and headers."""

    url: str = ""
    answered: Counter[bytes] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    tokens: set[str] = field(default_factory=set)


@contextmanager
def serving(
    network: nn.Module, faults: tuple[str, ...] = (), answer: str = "scores", always: bool = False
) -> Iterator[Served]:
    """A server whose every other request, from the second on, or ``always`` each, meets the next of ``faults``.

    ``answer`` names the entry of its JSON, dots inside; empty: the rows alone.
    """
    served, lock = Served(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                served.tokens.add(self.headers.get("Authorization", ""))
                number = sum(served.requests.values())
                met = faults and (always or number % 2)
                fault = faults[number // 2 % len(faults)] if met else "answered"
                served.requests[fault] += 1
            if fault == "dropped":
                self.connection.close()
            elif fault == "slow":
                time.sleep(1.5)
                self._send(503, {})
            elif fault.isdecimal():
                self._send(int(fault), {"error": "as told"})
            else:
                self._send(200, self._scores(body))

        def _scores(self, body: bytes) -> Any:
            images = _images(body, self.headers["Content-Type"])
            with lock:
                served.answered.update(image.tobytes() for image in images)
            batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
            with torch.inference_mode():
                found: Any = network(batch).tolist()
            for key in reversed(answer.split(".") if answer else []):
                found = {key: found}
            return found

        def _send(self, status: int, content: Any) -> None:
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Type", "application/json")
            text = json.dumps(content).encode()
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # clients that went away, as tests want it

    server = Server(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/predict"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _images(body: bytes, kind: str) -> list[np.ndarray]:
    if kind.startswith("multipart"):
        return [_decoded(each) for each in re.findall(rb"\x89PNG.*?IEND\xaeB`\x82", body, re.DOTALL)]
    [images] = json.loads(body).values()
    return [_decoded(base64.b64decode(each)) if isinstance(each, str) else np.array(each, np.uint8) for each in images]


def _decoded(content: bytes) -> np.ndarray:
    image = np.asarray(Image.open(io.BytesIO(content)))
    return image if image.ndim == 3 else image[:, :, None]
