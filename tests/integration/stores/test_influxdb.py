"""InfluxDB's refusals and its access rules, on the real server."""

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from precache.config.store import InfluxStoreConfig
from precache.contract.operation import ImageResult
from precache.contract.progress import Progress
from precache.contract.tables.measurements import Record, Row
from processor.stores.api import StoreRetry, WriteReport, numbered
from processor.stores.influxdb.store import InfluxStore
from processor.stores.opening import open_store
from tests.services.network import call
from tests.services.testing import Bucket
from tests.support.influx_rows import read_points
from tests.support.store_rows import MEASUREMENT, image, operation, parsed, progress

TLS: Final = Path(__file__).parents[2] / "data" / "tls"
TOKEN: Final = "s3cret-t0ken"
HOUR_NS: Final = 3_600_000_000_000


def config_of(place: Bucket, **more: Any) -> InfluxStoreConfig:
    values = {"url": place.url, "org": place.org, "bucket": place.name, "token": SecretStr(place.token)}
    return InfluxStoreConfig(type="influxdb", **(values | more))


@contextmanager
def opened(config: InfluxStoreConfig) -> Iterator[InfluxStore]:
    store = open_store(config)
    assert isinstance(store, InfluxStore)
    yield store
    store.close()


def api(bucket: Bucket, method: str, path: str, body: Any = None) -> Any:
    status, answer = call(method, f"{bucket.url}/api/v2/{path}", body=body, token=bucket.token, timeout_s=30.0)
    assert 200 <= status < 300, f"{status} {answer}"
    return answer


def described(bucket: Bucket) -> Any:
    return api(bucket, "GET", f"buckets?name={quote(bucket.name)}&org={quote(bucket.org)}")["buckets"][0]


def keep(bucket: Bucket, seconds: int) -> None:
    rules = [{"type": "expire", "everySeconds": seconds, "shardGroupDurationSeconds": 3_600}]
    api(bucket, "PATCH", f"buckets/{described(bucket)['id']}", {"retentionRules": rules})


def token_for(bucket: Bucket, *actions: str) -> SecretStr:
    found = described(bucket)
    resource = {"type": "buckets", "id": found["id"], "orgID": found["orgID"]}
    permissions = [{"action": action, "resource": resource} for action in actions]
    made = api(bucket, "POST", "authorizations", {"orgID": found["orgID"], "permissions": permissions})
    return SecretStr(made["token"])


def raw_write(bucket: Bucket, line: str) -> None:
    """Write a line as another program would."""
    request = urllib.request.Request(
        f"{bucket.url}/api/v2/write?org={quote(bucket.org)}&bucket={bucket.name}&precision=ns",
        data=line.encode(),
        headers={"Authorization": f"Token {bucket.token}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 204


def stored(bucket: Bucket, kind: type[Record] = Progress) -> list[dict[str, Any]]:
    found = read_points(bucket.url, bucket.org, bucket.token, bucket.name, MEASUREMENT[kind])
    return [parsed(point) for point in found]


def recent(*ages_h: float) -> list[Row]:
    now = time.time_ns()
    return [progress(host=f"cn-{number}", time_ns=now - int(age * HOUR_NS)) for number, age in enumerate(ages_h)]


def test_check_writes_nothing(bucket: Bucket) -> None:
    with opened(config_of(bucket)) as store:
        store.check()
    assert all(stored(bucket, kind) == [] for kind in MEASUREMENT)


@pytest.mark.parametrize("act", ["check", "write"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bucket": "no such"}, "make it by `influx bucket create --org precache --name 'no such'`"),
        ({"org": "no such"}, "make it by `influx org create --name 'no such'`"),
        (
            {"token": SecretStr(TOKEN)},
            "make one by `influx auth create --org precache --read-bucket ID --write-bucket ID`",
        ),
    ],
)
def test_what_is_missing_is_actionable_and_named_with_its_command(
    bucket: Bucket, act: str, change: dict[str, Any], said: str
) -> None:
    with opened(config_of(bucket, **change)) as store:
        attempt = store.check if act == "check" else lambda: store.write([progress()])
        with pytest.raises(StoreRetry) as raised:
            attempt()
    assert raised.value.actionable
    assert said in str(raised.value)
    assert TOKEN not in str(raised.value)
    assert TOKEN not in repr(raised.getrepr(chain=True))


def test_a_token_that_may_only_read_is_not_enough(bucket: Bucket) -> None:
    with opened(config_of(bucket, token=token_for(bucket, "read"))) as store:
        with pytest.raises(StoreRetry, match="403 insufficient permissions for write: ") as raised:
            store.check()
        assert raised.value.actionable


def test_a_token_that_may_only_write_is_enough(bucket: Bucket) -> None:
    keep(bucket, 3_600)
    with opened(config_of(bucket, token=token_for(bucket, "write"))) as store:
        store.check()
        report = store.write(recent(0.1, 5, 0.2, 6))
    assert report == WriteReport(dropped_old=2)
    assert [point["host"] for point in stored(bucket)] == ["cn-0", "cn-2"]


def test_a_bucket_made_while_we_wait_is_taken(bucket: Bucket) -> None:
    bucket.remove()
    with opened(config_of(bucket)) as store:
        with pytest.raises(StoreRetry, match="influx bucket create"):
            store.write([progress()])
        bucket.create()
        assert store.write([progress()]) == WriteReport()
    assert len(stored(bucket)) == 1


def test_points_of_another_type_than_the_bucket_knows_are_refused_and_the_others_are_there(bucket: Bucket) -> None:
    rows = recent(*(number / 10_000 for number in range(1_000)))
    # Another program wrote this field as an integer: InfluxDB keeps to it in every shard, for all of the measurement.
    raw_write(bucket, f"precache_operation,cloud=x percent=1i {rows[0].time_ns}")
    bad = [operation(time_ns=row.time_ns) for row in rows[::100]]
    mixed: list[Row] = [*rows[:500], *bad, *rows[500:], image(time_ns=rows[0].time_ns)]
    with opened(config_of(bucket)) as store:
        report = store.write(mixed)
    # A batch is looked through in the order of its times.
    assert sorted((row for _, row, _ in report.refused), key=lambda row: row.time_ns) == bad[::-1]
    assert all('field type conflict: input field "percent"' in why for _, _, why in report.refused)
    assert len(stored(bucket)) == 1_000
    assert len(stored(bucket, ImageResult)) == 1


def test_points_beyond_retention_are_dropped_counted_and_the_others_are_there(bucket: Bucket) -> None:
    keep(bucket, 3_600)
    rows = recent(0.5, 1.5, 0.7, 100, 10_000, 0, -1)
    with opened(config_of(bucket)) as store:
        store.check()
        assert store.write(rows) == WriteReport(dropped_old=3)
    assert [point["host"] for point in stored(bucket)] == ["cn-0", "cn-2", "cn-5", "cn-6"]


def test_a_retention_that_was_shortened_meanwhile_is_noticed_by_the_refusal(bucket: Bucket) -> None:
    with opened(config_of(bucket)) as store:
        store.check()
        keep(bucket, 3_600)
        store._retention._read_at = time.monotonic() - 60
        rows = recent(*(number / 100 for number in range(500)))
        report = store.write(rows)
        assert report.refused == ()
        assert report.dropped_old == 400
        # InfluxDB took some of the older ones in the first attempt: those in the shard of the oldest that it keeps.
        assert {f"cn-{number}" for number in range(100)} <= {point["host"] for point in stored(bucket)}
        assert store._retention.kept(numbered(rows)) == numbered(rows)[:100]


def test_beyond_retention_and_of_another_type_in_one_batch(bucket: Bucket) -> None:
    keep(bucket, 3_600)
    old_and_new = recent(0.1, 3, 0.2, 4)
    raw_write(bucket, f"precache_operation,cloud=x percent=1i {old_and_new[0].time_ns}")
    conflicts = [operation(time_ns=old_and_new[0].time_ns + number) for number in range(3)]
    # A token that does not see the bucket: all is learnt from refusals, whose text names one kind of trouble only.
    with opened(config_of(bucket, token=token_for(bucket, "write"))) as store:
        report = store.write([*old_and_new[:2], *conflicts, *old_and_new[2:]])
    assert [row for _, row, _ in report.refused] == conflicts
    assert report.dropped_old == 2
    assert [point["host"] for point in stored(bucket)] == ["cn-0", "cn-2"]
