"""What people who have a server have: python serve.py, and http://127.0.0.1:8000 answers with scores."""

import base64
import io
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import torch
from mine import network
from PIL import Image


class Predict(BaseHTTPRequestHandler):
    """Takes {"images": [a PNG in base64, …]}."""

    def do_POST(self) -> None:
        """Answer with {"scores": [[…], …]}."""
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["images"]
        pixels = np.stack([np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in sent])
        with torch.inference_mode():
            scores = network()(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
        answer = json.dumps({"scores": scores.tolist()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def server(port: int = 8000) -> ThreadingHTTPServer:
    """One on the loopback interface."""
    return ThreadingHTTPServer(("127.0.0.1", port), Predict)


if __name__ == "__main__":
    server().serve_forever()
