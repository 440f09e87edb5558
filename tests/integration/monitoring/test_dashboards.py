"""Every query of every dashboard, on the real InfluxDB and Prometheus with what the processes wrote."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from monitoring import clouds, operation, own
from monitoring.grafana import Dashboard
from precache.config.store import InfluxStoreConfig
from processor.stores.opening import open_store
from tests.integration.monitoring.queries import Prometheus, Rows, flux, in_promql, prometheus
from tests.services.prometheus import promtool
from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support import captures
from tests.support.openstack import FakeOpenStack, aggregate, service
from tests.support.process import Precache, free_port, wait_until
from tests.support.stack import Stack
from tests.support.store_rows import boot, wanted

pytestmark = pytest.mark.more

ROOT = Path(__file__).parents[3]
IMAGE = "c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"


@pytest.fixture
def stack(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> Stack:
    made = Stack(tmp_path, servers, cloud, topics, bucket)
    made.declare()
    return made


@pytest.fixture
def filled(stack: Stack) -> Stack:
    """A store with two operations that ended, one that runs, a boot, and an image that is kept."""
    with stack.bridge(), stack.processor():
        for name in (captures.MIXED, captures.NO_HOST):
            stack.publish(captures.read_as_of_now(name))
        stack.publish(captures.read_as_of_now(captures.BLOG)[:61])
        stack.wait_processed(25 + 2 + 61)
        wait_until(lambda: len(stack.points("precache_image")) == 2, "the mixed operation's result")
    bucket, now = stack.bucket, time.time_ns()
    token = SecretStr(bucket.token)
    store = open_store(
        InfluxStoreConfig(type="influxdb", url=bucket.url, org=bucket.org, bucket=bucket.name, token=token)
    )
    store.check()
    store.write([boot(cloud="paris", time_ns=now), wanted(cloud="paris", time_ns=now)])
    store.close()
    return stack


def answers(bucket: Bucket, dashboard: Dashboard, **variables: str) -> dict[str, Rows]:
    return {
        panel.title: flux(bucket, query, variables) for panel in dashboard.panels() for query in panel.queries.values()
    }


def test_all_clouds(filled: Stack) -> None:
    assert [row["_value"] for row in flux(filled.bucket, clouds.CLOUDS, {})] == ["paris"]
    shown = answers(filled.bucket, clouds.DASHBOARD, cloud=".*")
    assert [title for title, rows in shown.items() if not rows] == ["Quiet bridges"]
    [running] = shown["Open operations"]
    assert (running["hosts_done"], running["hosts_total"], running["status"]) == ("60", "95", "running")
    assert [row["operation"] for row in shown["Operations running"]] == ["1"]
    assert {row["aggregate_name"]: row["hosts_failed"] for row in shown["Results"]} == {"db-tier": "5", "empty": "0"}
    # The row of the running one has its figures of the last decision.
    assert [row["hosts_failed"] for row in shown["Failed hosts"]] in (["5"], ["13"])
    assert sum(int(row["_value"]) for row in shown["Hosts that reported"] if row["_value"]) == 83
    assert [row["cloud"] for row in shown["Bridges"]] == ["paris"]
    assert not [title for title, rows in answers(filled.bucket, clouds.DASHBOARD, cloud="rome").items() if rows]


def test_one_operation(filled: Stack) -> None:
    choice = operation.DASHBOARD.variables[1].query
    names = [row["_value"] for row in flux(filled.bucket, choice, {"cloud": "paris"})]
    assert len(names) == 3
    [mixed] = [name for name in names if "/cf6aa111-" in name]
    shown = answers(filled.bucket, operation.DASHBOARD, cloud="paris", operation=mixed)
    assert not [title for title, rows in shown.items() if not rows]
    assert [row["status"] for row in shown["Status"]] == ["completed_with_errors"]
    assert [row["hosts_total"] for row in shown["Hosts in all"]] == ["24"]
    assert len(shown["Hosts over time"]) == 23
    assert len(shown["Hosts that failed"]) == 5
    assert len(shown["Images"]) == 2


@pytest.fixture
def scraped(stack: Stack, tmp_path: Path) -> Iterator[tuple[Prometheus, list[Precache]]]:
    """A Prometheus on the product's own configuration, with a bridge, a processor and a keeper."""
    port = free_port()
    with FakeOpenStack() as nova, stack.bridge() as bridge, stack.processor() as processor:
        nova.aggregates = [aggregate(1, "11111111-1111-4111-8111-111111111111", "web", ["web-1"])]
        nova.services = [service("web-1")]
        nova.images = [{"id": IMAGE, "name": "ubuntu", "status": "active", "created_at": "2026-01-01T00:00:00Z"}]
        keep = {
            "kafka": {"bootstrap.servers": stack.servers.kafka, "group.id": f"{stack.topics.prefix}.keeper"},
            "topics": stack.topics.config() | {"replication_factor": 1},
            "store": yaml.safe_load(stack.processor_file().read_text())["store"],
            "operators": {"clouds": [{"name": "paris", "os_cloud": "admin", "purge_after": "24h"}]},
            "wanted": [{"cloud": "paris", "aggregate": "web", "images": ["ubuntu"]}],
            "http": {"listen": f"127.0.0.1:{port}"},
        }
        (tmp_path / "keep.yaml").write_text(yaml.safe_dump(keep))
        with stack.precache("topics", "create", "--config", "keep.yaml") as created:
            assert created.wait_end() == 0, created.stderr
        environ = {"OS_CLIENT_CONFIG_FILE": str(nova.clouds_yaml(tmp_path, "admin"))}
        with Precache(["keep", "--config", "keep.yaml"], tmp_path, name="keep", env=environ, http=port) as keeper:
            keeper.wait_ready()
            targets = {
                f"precache-{name}": each.http or 0
                for name, each in {"bridge": bridge, "processor": processor, "keeper": keeper}.items()
            }
            with prometheus(tmp_path, targets, ROOT / "config" / "prometheus" / "prometheus.yml") as running:
                stack.publish(captures.read_as_of_now(captures.MIXED))
                stack.wait_processed(25)
                yield running, [bridge, processor, keeper]


def test_itself(scraped: tuple[Prometheus, list[Precache]]) -> None:
    running, processes = scraped
    queries = {
        f"{panel.title}: {legend}": in_promql(query)
        for panel in own.DASHBOARD.panels()
        for legend, query in panel.queries.items()
    }

    def empty() -> list[str]:
        return [name for name, query in queries.items() if not running.query(query)]

    # What has no sample as long as nothing is wrong.
    quiet = ["Dead letters: {{cloud}} {{reason}}", "Trouble of processors: dead letters"]
    quiet += ["Trouble of processors: rounds started over", "Requests: {{cloud}} {{answer}}"]
    wait_until(lambda: set(empty()) <= set(quiet), "every panel to show something", 60)
    assert running.query(queries["Bridges up: "])[0]["value"][1] == "1"
    assert running.query('ALERTS{alertstate="firing"}') == []
    for process in processes:
        checked = subprocess.run(
            [str(promtool()), "check", "metrics"],
            input=process.metrics_text(),
            check=False,
            capture_output=True,
            text=True,
        )
        assert checked.stdout + checked.stderr == ""
        assert checked.returncode == 0
