"""Dashboards of Grafana in its classic JSON: as much of it as these need.

Source: Grafana's documentation, "Dashboard JSON model"; schema version 39 is read by Grafana 10 and every newer one.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any, Final, Literal

_SCHEMA_VERSION: Final = 39
_COLUMNS: Final = 24
Json = dict[str, Any]
Source = Literal["influxdb", "prometheus"]
Shape = Literal["stat", "timeseries", "table"]

# Thresholds' colours are never alone: each panel shows the figure or the word, too.
GOOD, WARN, BAD = "green", "orange", "red"


@dataclass(frozen=True)
class Panel:
    """One panel; ``queries``: Flux or PromQL by their legends; ``steps``: from which value on which colour."""

    title: str
    shape: Shape
    source: Source
    queries: Mapping[str, str]
    description: str
    width: int = 12
    height: int = 8
    unit: str = "short"
    steps: Mapping[float | None, str] = field(default_factory=lambda: {None: "text"})
    decimals: int | None = None

    def json(self, number: int, x: int, y: int) -> Json:
        """Return the panel at a place of the grid."""
        place = _place(self.source)
        return {
            "id": number,
            "title": self.title,
            "description": self.description,
            "type": self.shape,
            "datasource": place,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                {"refId": chr(ord("A") + index), "datasource": place, **self._target(legend, query)}
                for index, (legend, query) in enumerate(self.queries.items())
            ],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _OPTIONS[self.shape],
        }

    def _target(self, legend: str, query: str) -> Json:
        if self.source == "influxdb":
            return {"query": query}
        instant = self.shape != "timeseries"
        return {"expr": query, "legendFormat": legend, "instant": instant, "range": not instant} | (
            {"format": "table"} if self.shape == "table" else {}
        )

    def _defaults(self) -> Json:
        steps = [{"value": value, "color": colour} for value, colour in self.steps.items()]
        return {
            "unit": self.unit,
            "thresholds": {"mode": "absolute", "steps": steps},
            "noValue": "-",
            **({} if self.decimals is None else {"decimals": self.decimals}),
            **({"min": 0, "custom": {"showPoints": "auto", "spanNulls": False}} if self.shape == "timeseries" else {}),
        }


@dataclass(frozen=True)
class Variable:
    """A variable that is chosen at the top; ``query`` gives its values."""

    name: str
    label: str
    source: Source
    query: str
    has_all: bool = True

    def json(self) -> Json:
        """Return the variable."""
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": _place(self.source),
            "query": self.query,
            "refresh": 2,
            "sort": 0,
            "multi": self.has_all,
            "includeAll": self.has_all,
            **({"allValue": ".*", "current": {"text": "All", "value": "$__all"}} if self.has_all else {}),
        }


@dataclass(frozen=True)
class Dashboard:
    """One dashboard: rows of panels under their titles."""

    uid: str
    title: str
    description: str
    rows: Mapping[str, tuple[Panel, ...]]
    variables: tuple[Variable, ...] = ()
    span: str = "now-24h"

    def panels(self) -> Iterable[Panel]:
        """Return all panels."""
        return (panel for row in self.rows.values() for panel in row)

    def text(self) -> str:
        """Return the file's content."""
        return json.dumps(self._json(), indent=1) + "\n"

    def _json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["precache"],
            "schemaVersion": _SCHEMA_VERSION,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.span, "to": "now"},
            "timezone": "",
            "annotations": {"list": []},
            "templating": {"list": [each.json() for each in self.variables]},
            "links": [{"type": "dashboards", "tags": ["precache"], "title": "precache", "asDropdown": False}],
            "panels": list(self._placed()),
        }

    def _placed(self) -> Iterable[Json]:
        number = y = 0
        for title, panels in self.rows.items():
            number += 1
            yield {
                "id": number,
                "title": title,
                "type": "row",
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
            }
            y, x, height = y + 1, 0, 0
            for panel in panels:
                if x + panel.width > _COLUMNS:
                    y, x, height = y + height, 0, 0
                number += 1
                yield panel.json(number, x, y)
                x, height = x + panel.width, max(height, panel.height)
            y += height


def flux(text: str) -> str:
    """Return a query as Grafana's editor shows it."""
    return dedent(text).strip()


def _place(source: Source) -> Json:
    """Return a data source, by the uid that the provisioning gives it."""
    return {"type": source, "uid": f"precache-{source}"}


_OPTIONS: Final[Mapping[Shape, Json]] = {
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
    },
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    "table": {"showHeader": True, "footer": {"show": False}},
}
