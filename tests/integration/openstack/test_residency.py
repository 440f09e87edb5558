"""`precache residency --live`: a host that joined an aggregate after its last operation is missing."""

import json
from pathlib import Path

import pytest
import yaml

from tests.support.process import wait_until
from tests.support.small_openstack import SmallOpenStack
from tests.support.stack import Stack

pytestmark = pytest.mark.more


def test_a_host_that_joined_later_is_missing(
    stack: Stack, openstack: SmallOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aggregate, image = openstack.aggregate(["cmp1", "cmp2"]), openstack.image()
    config = yaml.safe_load(stack.processor_file().read_text())
    operators = {"clouds": [{"name": "paris", "os_cloud": "admin"}]}
    (tmp_path / "precache.yaml").write_text(yaml.safe_dump({"store": config["store"], "operators": operators}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(openstack.node.clouds_yaml))

    def states(*options: str) -> dict[str, str]:
        words = ["residency", "--config", str(tmp_path / "precache.yaml"), "--aggregate", aggregate.name, "--hosts"]
        with stack.precache(*words, "-o", "json", *options) as asked:
            assert asked.wait_end(90) == 0, asked.stderr
            return {row["host"]: row["state"] for row in map(json.loads, asked.stdout.splitlines())}

    with stack.bridge_in_pool(), stack.processor():
        assert openstack.cache_images(aggregate, image).status == 202
        wait_until(lambda: states() == {"cmp1": "resident", "cmp2": "resident"}, "both hosts to be resident", 120)
    openstack.add_host(aggregate, "cmp4")
    assert states() == {"cmp1": "resident", "cmp2": "resident"}
    assert states("--live") == {"cmp1": "resident", "cmp2": "resident", "cmp4": "missing"}
    assert image not in openstack.node.images_on("cmp4")
