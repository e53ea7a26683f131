"""A chart that answers: what a Vega-Lite specification needs for tooltips and for a legend that hides its series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]

#: The signal that lists the series which the reader has hidden; ``charts.js`` sets it.
HIDDEN = "hidden"
_NAMED = ("color", "shape", "strokeDash", "opacity")  # channels whose legend names series
_READ = ("x", "y", "row", "facet", "xOffset", "yOffset", *_NAMED, "text")
_VIEWS = ("layer", "vconcat", "hconcat")
_SILENT = ("area", "rule")  # their neighbours say more
_REACH = 180  # px² around a corner of a line that answer for it


def interactive(spec: Spec) -> Spec:
    """``spec`` (a unit, layers, facets or concatenated views) with tooltips and, where it has series, ``HIDDEN``.

    The field of the series stands in its ``usermeta``, for ``charts.js``.
    """
    series = _series(spec)
    made = _Answering(series, spec.get("datasets", {})).view(spec, {}, [])
    if series:
        made["params"] = [*made.get("params", ()), {"name": HIDDEN, "value": []}]
    return {**made, "usermeta": {"series": series}}


def _series(spec: Spec) -> str | None:
    """The field of the first legend of names."""
    for channel in _NAMED:
        encoded = spec.get("encoding", {}).get(channel, {})
        if encoded.get("type") in ("nominal", "ordinal") and encoded.get("legend", {}) is not None:
            return str(encoded["field"])
    parts = [*(part for key in _VIEWS for part in spec.get(key, ())), *([spec["spec"]] if "spec" in spec else [])]
    return next((found for part in parts if (found := _series(part))), None)


@dataclass(frozen=True)
class _Answering:
    """What the views of one specification have in common."""

    series: str | None
    datasets: Mapping[str, Sequence[Spec]]

    def view(self, spec: Spec, above: Mapping[str, Any], rows: Sequence[Spec]) -> Spec:
        """``spec`` below what encodes its parents (``above``) and the ``rows`` of data that these have."""
        encoding = {**above, **spec.get("encoding", {}), **({"facet": spec["facet"]} if "facet" in spec else {})}
        data = spec.get("data", {})
        rows = data.get("values") or self.datasets.get(data.get("name", ""), rows)
        made = dict(spec)
        for key in _VIEWS:
            if key in spec:
                made[key] = [self.view(part, encoding, rows) for part in spec[key]]
        if "spec" in spec:
            made["spec"] = self.view(spec["spec"], encoding, rows)
        return self.unit(made, encoding, rows) if "mark" in spec else made

    def unit(self, spec: Spec, encoding: Spec, rows: Sequence[Spec]) -> Spec:
        """One mark: with a tooltip, or, as a line has one only for its whole, with points that have."""
        mark = spec["mark"] if isinstance(spec["mark"], dict) else {"type": spec["mark"]}
        own = dict(spec.get("encoding", {}))
        if self.series and rows and self.series in rows[0]:
            seen = encoding.get("opacity", {"value": mark.get("opacity", 1)})
            own["opacity"] = {
                "condition": {"test": f"indexof({HIDDEN}, datum['{self.series}']) < 0", **seen},
                "value": 0,
            }
        if mark["type"] in _SILENT:
            return {**spec, "encoding": own}
        tooltip = encoding.get("tooltip") or _tooltip(encoding, rows)
        if mark["type"] != "line":
            return {**spec, "encoding": {**own, "tooltip": tooltip}}
        points = {key: encoding[key] for key in ("x", "y")} | {"tooltip": tooltip}
        answering = {"mark": {"type": "point", "filled": True, "opacity": 0, "size": _REACH}, "encoding": points}
        whole = {key: value for key, value in spec.items() if key not in ("mark", "encoding")}
        return {**whole, "layer": [{"mark": mark, "encoding": own}, answering]}


def _tooltip(encoding: Spec, rows: Sequence[Spec]) -> list[Spec]:
    """What a mark is drawn from, by the names that its axes and legends have; each field once."""
    said: dict[str, Spec] = {}
    for channel in _READ:
        encoded = encoding.get(channel, {})
        if (field := encoded.get("field")) and field not in said:
            name = encoded.get("title") or str(field).capitalize()
            said[field] = {"field": field, "type": encoded["type"], "title": name}
    if rows and {"low", "high"} <= rows[0].keys():
        said |= {end: {"field": end, "type": "quantitative", "title": f"95 %: {end}"} for end in ("low", "high")}
    return [_formatted(each) if each["type"] == "quantitative" else each for each in said.values()]


def _formatted(each: Spec) -> Spec:
    return {**each, "format": ".1f" if "%" in each["title"] else ",.3~f"}
