"""What people are told of a mistake is one sentence."""

import re

#: Where a sentence ends and another begins.
_NEXT = re.compile(r"[.?!] +[A-Z]")


def one_sentence(text: str, *parts: str) -> None:
    """``text`` is one sentence on one line, whole, no longer than people read, and holds all ``parts``."""
    assert "\n" not in text
    assert "Traceback" not in text
    assert text.endswith((".", "?"))
    assert not text.endswith("..")
    assert not _NEXT.search(text), text
    assert len(text) < 600
    for part in parts:
        assert part in text
