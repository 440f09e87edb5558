"""How long a host took before."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import convert, to_builtins

from console.watch.history import History, seconds_a_host
from precache.query.records import StoredOperation
from tests.support.process import wait_until
from tests.support.watched import IMAGE, completed


def former(duration_s: float, **changes: Any) -> StoredOperation:
    return convert(
        {**to_builtins(completed(duration_s=duration_s)), "time": 1, "images": [IMAGE], **changes}, StoredOperation
    )


@pytest.mark.parametrize(
    ("operations", "images", "expected"),
    [
        ([], [IMAGE], None),
        ([former(30.0)], [IMAGE], 10.0),
        ([former(30.0), former(3.0), former(60.0)], [IMAGE], 10.0),
        ([former(30.0)], [IMAGE, "other"], None),
        ([former(30.0, images=["other", IMAGE])], [IMAGE, "other"], 10.0),
        ([former(30.0, images=["other"])], [], 10.0),
        ([former(1_800.0, hosts_silent=1)], [IMAGE], None),
        ([former(1_800.0, status="abandoned")], [IMAGE], None),
        ([former(1_800.0, status="running")], [IMAGE], None),
        ([former(0.1, hosts_done=0)], [IMAGE], None),
    ],
)
def test_the_median_of_those_that_tell(
    operations: list[StoredOperation], images: list[str], expected: float | None
) -> None:
    assert seconds_a_host(operations, images) == expected


@pytest.mark.parametrize("content", [None, "kafka: {bootstrap.servers: k:1}\noperators: {}\n"])
def test_without_a_store_nothing_is_known(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "precache.yaml"
    if content is not None:
        path.write_text(content)
    history = History(path)
    assert history.host_s("x", "paris", "uuid") is None
    wait_until(lambda: history._tasks["x"].is_over, "the store to be asked")
    assert history.host_s("x", "paris", "uuid") is None
