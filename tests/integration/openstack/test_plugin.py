"""The real `openstack`, with the plugin, on the small OpenStack."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.process import Precache
from tests.support.small_openstack import SmallOpenStack
from tests.support.stack import Stack

pytestmark = pytest.mark.more

OPENSTACK = str(Path(sys.executable).with_name("openstack"))


@pytest.fixture
def run(stack: Stack, openstack: SmallOpenStack, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    processor = yaml.safe_load(stack.processor_file().read_text())
    config: dict[str, Any] = {key: processor[key] for key in ("topics", "store")}
    config["kafka"] = {"bootstrap.servers": processor["kafka"]["bootstrap.servers"]}
    config["operators"] = {"clouds": [{"name": "paris"}]}
    (tmp_path / "precache.yaml").write_text(yaml.safe_dump(config))
    env = {
        "OS_CLIENT_CONFIG_FILE": str(openstack.node.clouds_yaml),
        "OS_CLOUD": "admin",
        "PRECACHE_CONFIG": str(tmp_path / "precache.yaml"),
    }

    def run(*words: str) -> tuple[int, str]:
        with Precache(["precache", *words], tmp_path, name="openstack", env=env, command=(OPENSTACK,)) as process:
            code = process.wait_end(120)
            assert code == 0 or process.stderr, "a failure says why"
            return code, process.stdout

    return run


def test_start_and_lists(stack: Stack, openstack: SmallOpenStack, run: Callable[..., tuple[int, str]]) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image()
    openstack.node.script(image, {"cmp2": {"result": "error"}})
    with stack.bridge_in_pool(), stack.processor():
        code, out = run("start", aggregate.name, image, "--cloud", "paris")
    assert code == 1, out
    global_id, operation, *_ = out.splitlines()
    assert [logged.global_request_id for logged in openstack.requests(aggregate)] == [global_id]
    code, out = run("operation", "list", "--aggregate", aggregate.name, "--long", "-f", "json")
    assert [(row["operation"], row["hosts_failed"]) for row in json.loads(out)] == [(operation, 1)]
    code, out = run("operation", "show", global_id, "-f", "value", "-c", "status")
    assert (code, out.strip()) == (0, "completed_with_errors")
    openstack.add_host(aggregate, "cmp3")
    code, out = run("residency", "list", "--aggregate", aggregate.uuid, "--live", "-f", "json")
    states = {row["host"]: row["state"] for row in json.loads(out)}
    assert states == {"cmp1": "resident", "cmp2": "failed", "cmp3": "missing"}
    code, out = run("operation", "show", "req-unknown")
    assert code == 1
