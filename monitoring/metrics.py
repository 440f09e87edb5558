"""The list of all metrics, from the code that defines them."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Final

from prometheus_client.metrics import MetricWrapperBase

import bridge.metrics
import keeper.metrics
import precache.runtime.metrics
import processor.metrics

_PARTS: Final[Mapping[str, ModuleType]] = {
    "Every process": precache.runtime.metrics,
    "Bridge": bridge.metrics,
    "Processor": processor.metrics,
    "Keeper": keeper.metrics,
}
_HEAD: Final = """# Metrics

What the processes export at `/metrics`, in Prometheus' conventions. This list is made from the code. Prometheus' own
`process_*` and `python_*` are there, too.

- Scrape: [prometheus.yml](../config/prometheus/prometheus.yml). Alerts, each with what to do:
  [config/prometheus/alerts](../config/prometheus/alerts).
- Grafana: [config/grafana](../config/grafana), see [monitoring.md](monitoring.md).
"""


def document() -> str:
    """Return the document."""
    return "\n".join([_HEAD, *(_section(title, module) for title, module in _PARTS.items())])


def names() -> set[str]:
    """Return the names, as Prometheus shows them."""
    return {_name(each) for module in _PARTS.values() for each in _metrics(module)}


def _section(title: str, module: ModuleType) -> str:
    rows = "".join(
        f"| `{_name(each)}` | {family.type} | {_labels(each)} | {family.documentation} |\n"
        for each in _metrics(module)
        for family in each.describe()
    )
    return f"## {title}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _labels(metric: MetricWrapperBase) -> str:
    return ", ".join(f"`{name}`" for name in metric._labelnames)  # noqa: SLF001 - the client has no other way to ask


def _name(metric: MetricWrapperBase) -> str:
    [family] = metric.describe()
    return f"{family.name}_total" if family.type == "counter" else family.name


def _metrics(module: ModuleType) -> Iterator[MetricWrapperBase]:
    return (value for value in vars(module).values() if isinstance(value, MetricWrapperBase))
