"""A server that a test stops, kills or pauses as it likes. InfluxDB stands for all three: it is up in half a second."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import influxdb
from tests.services.network import call
from tests.services.process import Process, wait_until

ROOT = Path(__file__).parents[3]

HOLDER = """
import pathlib, sys, time
from tests.services import influxdb
node = influxdb.Node(pathlib.Path(sys.argv[1]))
node.start()
print(node.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[influxdb.Node]:
    with influxdb.Node(tmp_path / "influxdb") as running:
        yield running


def buckets(node: influxdb.Node) -> set[str]:
    status, answer = call("GET", f"{node.url}/api/v2/buckets", token=node.token)
    assert status == 200
    return {bucket["name"] for bucket in answer["buckets"]}


def test_address_and_data_outlast_a_kill(node: influxdb.Node) -> None:
    before = node.exports()
    _, orgs = call("GET", f"{node.url}/api/v2/orgs", token=node.token)
    own = next(org["id"] for org in orgs["orgs"] if org["name"] == node.org)
    status, _ = call("POST", f"{node.url}/api/v2/buckets", token=node.token, body={"orgID": own, "name": "kept"})
    assert status == 201
    node.kill()
    assert not node.answers()
    node.start()
    assert node.exports() == before
    assert "kept" in buckets(node)


def test_a_paused_server_is_alive_and_does_not_answer(node: influxdb.Node) -> None:
    node.pause()
    assert node.is_alive()
    # Its threads stop one after another.
    silent = (0, None)
    assert wait_until(lambda: call("GET", f"{node.url}/health", timeout_s=0.5) == silent, 10)
    node.resume()
    assert node.answers()


def test_another_node_on_the_folder_finds_the_server(node: influxdb.Node) -> None:
    other = influxdb.Node(node.base, tied=False)
    assert other.pid == node.pid
    assert other.answers()


def test_wiped_data_is_gone_and_the_address_stays(node: influxdb.Node) -> None:
    before = node.exports()
    node.wipe()
    node.start()
    assert node.exports() == before
    assert "kept" not in buckets(node)


def test_a_killed_test_run_leaves_no_server_behind(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLDER, str(tmp_path / "influxdb")]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        server = Process.of(int(holder.stdout.readline()))
        assert server.is_alive()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert wait_until(lambda: not server.is_alive(), 10.0)


def test_a_recycled_number_is_not_signalled() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        impostor = Process(stranger.pid, "another boot:1")
        assert not impostor.is_alive()
        impostor.kill()
        assert stranger.poll() is None
        stranger.kill()
