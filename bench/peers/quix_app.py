"""A Quix Streams application that counts the different hosts of each operation. Run in an environment of its own."""

import json
import sys
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found] # lives in an environment of its own

_PRINT_EVERY = 2_000


def main() -> None:
    """Apply until ended; print how many messages went through."""
    settings = json.loads(sys.argv[1])
    app = Application(
        broker_address=settings["bootstrap"],
        consumer_group=settings["group"],
        auto_offset_reset="earliest",
        state_dir=settings["state"],
        loglevel="WARNING",
    )
    frame = app.dataframe(app.topic(settings["topic"], value_deserializer="json"))
    count = 0

    def apply(value: dict[str, Any], state: State) -> dict[str, Any]:
        nonlocal count
        operation = value["context"]["request_id"]
        data = value["payload"]["nova_object.data"]
        done, failed = state.get(operation, (0, 0))
        report = f"{operation}/{data.get('host')}"
        # A host that has reported counts no second time.
        if "host" in data and not state.exists(report):
            state.set(report, True)
            done, failed = done + 1, failed + bool(data["images_failed"])
            state.set(operation, (done, failed))
        count += 1
        if count % _PRINT_EVERY == 0:
            print(count, flush=True)
        return {"operation": operation, "hosts_done": done, "hosts_failed": failed}

    frame.apply(apply, stateful=True)
    app.run()


if __name__ == "__main__":
    main()
