"""How numbers and attacks are written, everywhere: in sentences, tables, figures and the terminal."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from math import inf

from pixelproof.errors import text_of

FEW_PIXEL = "few-pixel"
THRESHOLD = "threshold"
NOTHING = "–"
MINUS = "−"

_HEADLINE = re.compile(r":\n\s*")  # as torch's ``Error(s) in loading state_dict for Net:``
_SENTENCE_END = re.compile(r"\n|[.!?] +(?=[A-Z])")
_LINE = 300  # characters of an error that people are shown
#: Characters that change how a terminal or an editor shows others: controls, and marks that turn the direction round.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: How a cell begins that a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ATTACKS = {FEW_PIXEL: "Few-pixel (L0)", THRESHOLD: "Threshold (L∞)"}
_SEARCHES = {"de": "DE", "cma-es": "CMA-ES", "sep-cma-es": "sep-CMA-ES"}
_SAFE = {FEW_PIXEL: "pixel", THRESHOLD: "threshold"}


def percent(share: float | None) -> str:
    """``12.0 %`` of a share in [0, 1]; a dash for None."""
    return NOTHING if share is None else f"{minus(100 * share, '.1f')} %"


def points(difference: float) -> str:
    """``12.0 points`` of a difference of shares in [0, 1]: of percentages, which itself is none."""
    return f"{minus(100 * difference, '.1f')} points"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def tiny(share: float | None) -> str:
    """A share in [0, 1] that may be very small: ``0.12``, ``4.9 × 10⁻⁴``; a dash for None."""
    if share is None:
        return NOTHING
    if share == 0 or share >= 0.01:
        return f"{share:.2g}"
    digits, _, power = f"{share:.1e}".partition("e")
    return f"{digits} × 10{str(int(power)).translate(_RAISED)}"


def minus(number: float | None, form: str = "g") -> str:
    """``number`` formatted as ``form`` says, a negative one with a minus sign, which is no hyphen; a dash for None."""
    return NOTHING if number is None else format(number, form).replace("-", MINUS)


def minus_signs(text: str) -> str:
    """``text`` with minus signs before its negative numbers, where it has hyphens."""
    return re.sub(r"(?<![\w.)\]}-])-(?=\d)", MINUS, text)


def duration(seconds: float | None) -> str:
    """``0:04:00``; a dash for None."""
    if seconds is None:
        return NOTHING
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def between(low: float | None, high: float | None) -> str:
    """``[−0.38, 0.20]``; a dash where there is no interval."""
    return NOTHING if low is None or high is None else f"[{minus(low, '.2f')}, {minus(high, '.2f')}]"


def count(number: int | None) -> str:
    """``1,000``; a dash for None."""
    return NOTHING if number is None else f"{number:,}"


def decimal(number: float | None) -> str:
    """Three digits that matter: ``0.25``, ``12.5``, ``1,234``; a dash for None."""
    if number is None:
        return NOTHING
    digits = 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0
    return minus(number, f",.{digits}f")


def whole(number: float) -> str:
    """``1,000`` of a number with a whole value; ``∞`` of infinity."""
    return "∞" if number == inf else count(round(number))


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``2 images``; ``many`` where an s does not make the plural."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(items: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def attack_name(attack: str) -> str:
    """The attack with its norm, ``Few-pixel (L0)``; an attack not known here keeps its own name."""
    return _ATTACKS.get(attack, attack)


def search_name(search: str) -> str:
    """The search as the papers write it, ``CMA-ES``; a search not known here keeps its own name, ``method_name``."""
    return _SEARCHES.get(search, method_name(search))


def method_name(spec: str) -> str:
    """An attack by name with its parameters, ``pgd(epsilon=8)``, without those left to the attack (``step=None``)."""
    kept = re.sub(r",\w+=None\b", "", spec)
    return re.sub(r"\(\w+=None\)", "", re.sub(r"\(\w+=None,", "(", kept))


def safe_name(attack: str, threshold: int) -> str:
    """The robustness level: ``3-pixel-safe``, ``3-threshold-safe``."""
    return f"{threshold}-{_SAFE.get(attack, attack)}-safe"


def allowance(attack: str, threshold: int) -> str:
    """What ``threshold`` permits: ``1 pixel``, ``3 pixels``, ``±3 of 255``, or ``th = 3``."""
    if attack == FEW_PIXEL:
        return plural(threshold, "pixel")
    return f"±{threshold} of 255" if attack == THRESHOLD else f"th = {threshold}"


def meant(name: str, known: Iterable[str]) -> str:
    """`` (is fog meant?)`` where one of ``known`` is nearly ``name``; else empty."""
    near = nearest_name(name, known)
    return f" (is {near} meant?)" if near else ""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that is nearly ``name``, if there is one."""
    return next(iter(get_close_matches(name, list(known), 1)), None)


def first_line(error: BaseException) -> str:
    """The exception's type and the first sentence of its text."""
    line = _SENTENCE_END.split(_HEADLINE.sub(": ", text_of(error).strip()))[0].rstrip(".")
    line = line if len(line) <= _LINE else f"{line[:_LINE]}…"
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def shown(value: object) -> str:
    """``value`` as Python writes it, cut short where it is long: people may give thousands of digits."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:60]}… of {count(len(text))} characters"


def visible(text: str) -> str:
    """``text`` with what would steer a terminal written out: ``\\u001b`` for the character that begins a command."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def harmless_cell(value: object) -> object:
    """``value`` as it may stand in a CSV: text that a spreadsheet would carry out as a formula is quoted by ``'``."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def printable(text: str) -> str:
    """``text`` as one line, as ``visible``: a line of its own could pass for another's."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
