"""The small OpenStack can do what tests ask of it: its parts stop and start, its hosts purge, its servers boot."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.openstack import Node
from tests.support.process import wait_until
from tests.support.small_openstack import SmallOpenStack

pytestmark = pytest.mark.more

# A pass each five seconds purges what nobody used for ten.
PURGE = {"image_cache": {"manager_interval": "5", "remove_unused_original_minimum_age_seconds": "10"}}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallOpenStack]:
    base = tmp_path_factory.mktemp("cloud")
    with Node(base / "openstack", hosts=("a", "b"), nova=PURGE) as node:
        yield SmallOpenStack(node)
    left = [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if str(base).encode() in read(entry)]
    assert left == []


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@pytest.mark.timeout(400)
def test_an_image_is_cached_and_purged_when_nobody_uses_it(cloud: SmallOpenStack) -> None:
    aggregate, image, used = cloud.aggregate(["a"]), cloud.image(), cloud.image()
    assert cloud.cache_images(aggregate, image, used).status == 202
    wait_until(lambda: {image, used} <= cloud.node.images_on("a"), "both images on the host", 60)
    server = cloud.boot(used, "a")
    wait_until(lambda: cloud.server_status(server) == "ACTIVE", "the server to run", 60)
    wait_until(lambda: image not in cloud.node.images_on("a"), "the unused image to be purged", 90)
    assert used in cloud.node.images_on("a")


@pytest.mark.timeout(400)
def test_parts_stop_and_start_one_by_one(cloud: SmallOpenStack) -> None:
    cloud.node.stop_service("nova-api")
    assert cloud.ask("GET", "/os-aggregates").status == 0
    cloud.node.start_service("nova-api")
    wait_until(lambda: cloud.ask("GET", "/os-aggregates").status == 200, "nova-api to answer again", 60)
    cloud.node.kill_service("compute-b")
    cloud.node.start_service("compute-b")
    aggregate, image = cloud.aggregate(["b"]), cloud.image()
    assert cloud.cache_images(aggregate, image).status == 202
    wait_until(lambda: image in cloud.node.images_on("b"), "the host that was killed to cache again", 90)


@pytest.mark.timeout(400)
def test_a_host_that_is_down_is_not_asked(cloud: SmallOpenStack) -> None:
    aggregate, image = cloud.aggregate(["a", "b"]), cloud.image()
    cloud.force_down("b", down=True)
    assert cloud.cache_images(aggregate, image).status == 202
    wait_until(lambda: image in cloud.node.images_on("a"), "the host that is up to cache", 60)
    assert image not in cloud.node.images_on("b")
    cloud.force_down("b", down=False)
