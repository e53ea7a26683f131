"""What two runs do not have in common beside the network: what is named, and what makes comparing them meaningless."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pixelproof.runs.record import Manifest
from pixelproof.wording import shown

#: Settings that may differ: chance, the machine, how many samples, and what one of the runs measured beside.
_HARMLESS = (
    *("seed", "device", "batch_size", "precision", "cohort", "samples", "per_class", "minimal", "worst_case"),
    *("suite", "only", "severities", "certify", "certify_seconds", "preset", "stored", "defence"),
)
#: Settings that are lists of what was measured: what both measured must have been measured alike.
_LISTS = ("searches", "attacks", "settings")
_CALLED = {"max_queries": "budget", "method": "search"}
_ENVIRONMENT = ("pixelproof", "torch")


@dataclass(frozen=True)
class SettingDifference:
    """``grave``: the runs cannot be compared for it."""

    what: str
    old: str
    new: str
    grave: bool

    def __str__(self) -> str:
        return f"the old and the new run differ in {self.what}: {self.old} against {self.new}"


def setting_differences(old: Manifest, new: Manifest) -> list[SettingDifference]:
    """What ``old`` and ``new``, two runs of one kind of job, do not have in common, what is grave first."""
    found = [*_data(old, new), *_settings(old.settings, new.settings), *_environments(old, new)]
    return sorted(found, key=lambda each: not each.grave)


def _data(old: Manifest, new: Manifest) -> Iterator[SettingDifference]:
    if old.data.sha256 != new.data.sha256:
        one, other = (f"{each.data.name} ({each.data.sha256[:12]})" for each in (old, new))
        yield SettingDifference("data", one, other, True)


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[SettingDifference]:
    for key in dict.fromkeys([*old, *new]):
        one, other = old.get(key), new.get(key)
        if one == other:
            continue
        if key in _LISTS:
            yield from _measured(_by_name(one), _by_name(other))
        else:
            yield _difference(key.replace("_", " "), one, other, key not in _HARMLESS)


def _measured(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[SettingDifference]:
    """What one alone measured is named; what both did, differently, is grave."""
    for name in dict.fromkeys([*old, *new]):
        if name not in old or name not in new:
            one, other = ("measured" if name in each else "not measured" for each in (old, new))
            yield SettingDifference(name, one, other, False)
        elif old[name] != new[name]:
            yield from _details(name, old[name], new[name])


def _details(name: str, old: Any, new: Any) -> Iterator[SettingDifference]:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield _difference(name, old, new, True)
        return
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            what = f"{_CALLED.get(key, key.replace('_', ' '))} of {name}"
            yield _difference(f"the {what}", old.get(key), new.get(key), key != "cohort")


def _by_name(values: Any) -> dict[str, Any]:
    """Searches by their level, attacks as they are typed, corruptions by their names."""
    found: dict[str, Any] = {}
    for each in values or ():
        if isinstance(each, Mapping):
            level = "" if "spec" in each else f"{each['constraint']}, th = {each['threshold']}"
            found[each.get("spec") or level] = each
        else:
            constants, name, strengths = each
            found |= {f"{name} at {strength:g}": constants for strength in strengths}
    return found


def _environments(old: Manifest, new: Manifest) -> Iterator[SettingDifference]:
    for key in _ENVIRONMENT:
        one, other = old.environment.get(key), new.environment.get(key)
        if one != other:
            yield _difference(f"the version of {key}", one, other, False)


def _difference(what: str, old: Any, new: Any, grave: bool) -> SettingDifference:
    one, other = ("none" if each is None else shown(each).strip("'") for each in (old, new))
    return SettingDifference(what, one, other, grave)
