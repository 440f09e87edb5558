"""Ready is a processor that has its partitions, not one that only found its servers well."""

from pathlib import Path
from typing import Any

import pytest

from precache.config import load
from precache.runtime.health import Health
from precache.runtime.shutdown import Stop
from processor import service
from processor.config import ProcessorConfig


def test_a_processor_that_has_no_partitions_yet_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "processor.yaml"
    file.write_text(
        f"kafka: {{bootstrap.servers: localhost:9}}\nstore: {{type: sqlite, path: {tmp_path}/ops.db}}\nhttp: null\n"
    )
    seen: list[tuple[bool, Any]] = []

    def loop(*_: object, health: Health, **__: object) -> None:
        seen.append((health.ready(), health.report()))

    monkeypatch.setattr(service, "_run_loop", loop)
    assert service.run(load(file, ProcessorConfig), Stop(), check_topics=False)
    ((ready, report),) = seen
    assert not ready, report
    assert "partitions" in str(report)
