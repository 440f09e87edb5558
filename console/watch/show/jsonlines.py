"""The same events as JSON, one object a line (`--json`). Shapes: docs/watch.md."""

from typing import Any, Final

from msgspec import to_builtins

from console.watch.events import Event, Finished, Progressed, Resumed, Stalled, Started, TimedOut, Twin

_STARTED: Final = (
    "operation",
    "cloud",
    "aggregate_uuid",
    "aggregate_name",
    "hosts_total",
    "started_at",
    "status",
    "global_request_id",
)
_SO_FAR: Final = ("operation", "hosts_total", "hosts_done", "errors", "percent")


def as_object(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object: its name in ``event``, then what it knows."""
    match event:
        case Started(operation) | Twin(operation):
            name = "started" if isinstance(event, Started) else "twin"
            return {"event": name, **{key: getattr(operation, key) for key in _STARTED}}
        case Progressed(progress):
            return {"event": "progress", **to_builtins(progress)}
        case Stalled(operation) | Resumed(operation):
            name = "stalled" if isinstance(event, Stalled) else "resumed"
            return {"event": name, **{key: getattr(operation, key) for key in _SO_FAR}}
        case Finished(operation, exit_code):
            return {"event": "finished", "exit_code": exit_code, **to_builtins(operation)}
        case TimedOut(last, hosts_done, exit_code):
            which = None if last is None else last.operation
            return {"event": "timeout", "exit_code": exit_code, "operation": which, "hosts_done": hosts_done}
