"""``http://…`` and ``https://…``: a model behind a URL, which is sent images and answers with scores in JSON."""

import base64
import hashlib
import json
import logging
import os
import time
from collections.abc import Sequence
from datetime import timedelta
from http.client import responses
from typing import Any
from urllib.parse import urlsplit

from torch import Tensor

from pixelproof.errors import ModelError
from pixelproof.extras import needed
from pixelproof.models.adapter import Adapter
from pixelproof.models.classifier import ScoreKind
from pixelproof.models.sent import Pixels, Sender, png
from pixelproof.models.spec import Given
from pixelproof.wording import first_line, shown

#: The environment's variable that holds the token, unless ``token=NAME`` says another.
TOKEN = "PIXELPROOF_HTTP_TOKEN"  # noqa: S105  # the name of a variable, no secret
_OURS = "PIXELPROOF_"  # how the names of variables begin that may be sent
#: Bytes of an answer, which for a thousand classes and 64 images are a hundredth of that.
MOST_BYTES = 64 << 20
#: Answers after which the same request may succeed.
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


def load(given: Given) -> "HttpClassifier":
    """A URL and parameters, all optional.

    ``send=json`` posts ``{"images": […]}``, each image a base64 PNG or with ``encoding=list`` rows of pixels of channel
    values 0–255; ``send=multipart`` posts PNG files. ``field=NAME`` names the field in place of ``images``,
    ``read=a.b`` the entry of the answer that holds N rows of scores (``scores``). ``batch=64`` images a request,
    ``rate=10`` requests a second, ``limit=100000`` images in all, ``timeout=30`` seconds, ``retries=5``. The
    environment variable PIXELPROOF_HTTP_TOKEN, or the one that ``token=PIXELPROOF_…`` names, is sent as a bearer token.
    """
    given.check("send", "encoding", "field", "read", "batch", "rate", "limit", "timeout", "retries", "token")
    if given.normalisation() is not None:
        raise ModelError(f"{given.spec!r} is sent 8-bit images; expected no mean, std, scale or normalise for a URL.")
    return HttpClassifier(
        given.place,
        send=given.choose("send", ("json", "multipart"), "json"),
        encoding=given.choose("encoding", ("png", "list"), "png"),
        field=given.parameters.get("field", "images"),
        read=given.parameters.get("read", "scores"),
        batch=int(given.number("batch", 64, whole=True)),
        rate=given.number("rate", None),
        limit=given.number("limit", None, whole=True),
        timeout=given.number("timeout", 30.0),
        retries=int(given.number("retries", 5, whole=True)),
        token=given.parameters.get("token", TOKEN),
    )


class HttpClassifier(Adapter):
    """Scores that a server answers with; equal images are sent once. See ``load`` for what the parameters mean.

    The fingerprint is of the address and of how it is asked, a stand-in: what answers there may change. Raises
    ``ModelError`` where the address holds a password, and whenever the server cannot be reached or answers otherwise.
    """

    differentiable = False
    pictures_only = True

    def __init__(
        self,
        url: str,
        *,
        name: str | None = None,
        kind: ScoreKind | None = None,
        send: str = "json",
        encoding: str = "png",
        field: str = "images",
        read: str = "scores",
        batch: int = 64,
        rate: float | None = None,
        limit: float | None = None,
        timeout: float | None = 30.0,
        retries: int = 5,
        token: str = TOKEN,
    ) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise ModelError(f"The address {url!r} cannot be read ({error}); expected http://HOST/PATH.") from error
        if not token.startswith(_OURS):
            raise ModelError(
                f"token={token} names a variable that another program may keep a secret in; expected one whose name "
                f"begins with {_OURS}, so that no address is sent what was not meant for it."
            )
        if parts.username or parts.password:
            raise ModelError(
                f"The address of {parts.hostname} holds a name or a password, which would be stored with the run; "
                f"expected none, so put a token into the environment variable {token}."
            )
        super().__init__(name or url, kind)
        self._url = url
        self._httpx, self._stamina = needed("httpx", "http", url), needed("stamina", "http", url)
        logging.getLogger("stamina").addHandler(logging.NullHandler())  # retries are no news to people
        self._send, self._encoding, self._field, self._read = send, encoding, field, read
        self._pause, self._limit, self._retries = 1 / rate if rate else 0.0, limit, retries
        self._token, self._last = token, 0.0
        self._timeout = timeout
        self._client = self._httpx.Client(timeout=timeout)  # and follows nowhere: images are for this address
        self._sender = Sender(self._post, self.name, batch)
        asked = f"http\n{url}\n{send}\n{encoding}\n{field}\n{read}"
        self.fingerprint = hashlib.sha256(asked.encode()).hexdigest()

    def scores(self, images: Tensor) -> Tensor:
        """Scores float32 N×K on the device of ``images``, float32 N×C×H×W in [0, 1], whole grey levels.

        Raises ``ModelError`` when the server cannot be reached after all retries, refuses, or answers with anything
        but N rows of numbers, and when the limit of images is used up.
        """
        return self.as_scores(self._sender.answers(images), len(images))

    def _post(self, images: Sequence[Pixels]) -> object:
        if self._limit is not None and self._sender.sent + len(images) > self._limit:
            raise ModelError(
                f"The limit of {self._limit:,.0f} images to {self.name} is used up; what was found is kept, so raise "
                "limit=… and resume."
            )
        attempts = self._stamina.retry_context(on=self._again, attempts=self._retries + 1, timeout=None)
        answer = b""
        try:
            for attempt in attempts:
                with attempt:
                    answer = self._once(images)
        except self._httpx.HTTPStatusError as error:
            raise ModelError(_refusal(self.name, error.response)) from error
        except self._httpx.InvalidURL as error:
            raise ModelError(f"The address {self._url!r} cannot be asked ({first_line(error)}).") from error
        except self._httpx.HTTPError as error:
            raise ModelError(
                f"The model {self.name} cannot be reached ({first_line(error)}), after {self._retries + 1} attempts; "
                "expected a server that answers there, so start it or check the address; what was found is kept."
            ) from error
        return self._scores_in(answer)

    def _once(self, images: Sequence[Pixels]) -> bytes:
        """The body of one answer."""
        time.sleep(max(0.0, self._last + self._pause - time.monotonic()))
        self._last = time.monotonic()
        content, begun = bytearray(), time.monotonic()
        with self._client.stream("POST", self._url, headers=self._headers(), **self._body(images)) as response:
            response.raise_for_status()
            for part in response.iter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise ModelError(
                        f"The model {self.name} answered with more than {MOST_BYTES:,} bytes; expected rows of scores."
                    )
                if self._timeout is not None and time.monotonic() - begun > self._timeout:
                    raise self._httpx.ReadTimeout(f"no whole answer within {self._timeout:g} s")
        return bytes(content)

    def _headers(self) -> dict[str, str]:
        token = os.environ.get(self._token)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _body(self, images: Sequence[Pixels]) -> dict[str, Any]:
        if self._send == "multipart":
            return {"files": [(self._field, (f"{k}.png", png(each), "image/png")) for k, each in enumerate(images)]}
        if self._encoding == "list":
            return {"json": {self._field: [each.tolist() for each in images]}}
        return {"json": {self._field: [base64.b64encode(png(each)).decode("ascii") for each in images]}}

    def _again(self, error: Exception) -> bool | timedelta:
        """Whether the request may succeed when it is made again, or when, where the server says so."""
        if isinstance(error, self._httpx.HTTPStatusError):
            if error.response.status_code not in TRANSIENT:
                return False
            after = error.response.headers.get("Retry-After", "")
            return (
                timedelta(seconds=min(int(after), 3600))
                if after.isascii() and after.isdecimal() and len(after) < 6
                else True
            )
        return isinstance(error, self._httpx.TransportError)

    def _scores_in(self, content: bytes) -> object:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ModelError(
                f"The model {self.name} answered with what is no JSON; expected scores under {self._read!r}."
            ) from error
        if isinstance(answer, list):
            return answer
        for key in self._read.split("."):
            if not isinstance(answer, dict) or key not in answer:
                held = shown(", ".join(answer))[1:-1] if isinstance(answer, dict) else type(answer).__name__
                raise ModelError(
                    f"The model {self.name} answered without {self._read!r} ({held}); expected N rows of scores there, "
                    "so name their entry with read=…."
                )
            answer = answer[key]
        return answer


def _refusal(name: str, response: Any) -> str:
    status, phrase = response.status_code, responses.get(response.status_code, "")  # not in the server's own words
    moved = response.headers.get("Location", "")
    advice = {
        401: "expected a token, so put it into the environment",
        403: "expected a token that may ask it, so check the one in the environment",
        404: "expected a model at that address, so check it",
        413: "expected smaller requests, so add batch=8 or less behind the address",
        429: "it wants fewer requests, so add rate=1 behind the address and resume",
    }.get(status, "expected scores, so look at the server's own log")
    if 300 <= status < 400 and moved:
        advice = f"it points to {shown(moved)}, where no images are sent unasked, so give the address of the model"
    return f"The model {name} answered {status} {phrase}".rstrip() + f"; {advice}."
