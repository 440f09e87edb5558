"""The container image, built by a real engine from the Dockerfile, and run as docker-compose.yml runs it."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.services.engine import Engine, engine
from tests.services.testing import Bucket, Cloud, Servers, Topics
from tests.support.process import free_port, wait_until
from tests.support.stack import Stack

pytestmark = [pytest.mark.more, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
IMAGE = "nova-precache"
# As compose runs it.
HARD = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"]
MOST_MB = 400


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    # A short path, since a socket's has 107 bytes at most; and on a disk, where layers may lie on each other.
    with tempfile.TemporaryDirectory(prefix="docker-", dir="/var/tmp") as folder, engine(Path(folder)) as running:
        [base] = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
        running.import_base(base)
        built = running.run("build", "--network", "host", "--tag", IMAGE, str(ROOT))
        assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
        yield running


def layers_mb(docker: Engine) -> float:
    """Return what the image adds to its base, in MB."""
    history = docker.run("history", "--no-trunc", "--human=false", "--format", "{{json .}}", IMAGE)
    rows = [json.loads(line) for line in history.stdout.splitlines()]
    return sum(int(row["Size"]) for row in rows[:-1]) / 1e6


def test_it_is_small_and_not_of_root(docker: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    [found] = json.loads(docker.run("image", "inspect", IMAGE).stdout)
    assert found["Config"]["User"] == "10001:10001"
    assert found["Config"]["Entrypoint"] == ["precache"]
    added = layers_mb(docker)
    with capsys.disabled():
        print(f"\nthe image adds {added:.0f} MB to its base")  # noqa: T201 - a figure for the documents
    assert 20 < added < MOST_MB


def test_every_command_is_in_it(docker: Engine) -> None:
    for command in ("bridge", "processor", "keep", "web", "simulate", "start"):
        done = docker.run("run", "--rm", "--network", "none", *HARD, IMAGE, command, "--help")
        assert done.returncode == 0, done.stderr


def test_the_demo_runs_in_it(docker: Engine) -> None:
    done = docker.run("run", "--rm", "--network", "host", *HARD, IMAGE, "demo", "--fast")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Completed 95 hosts, 8 errors" in done.stdout


@pytest.fixture
def stack(tmp_path: Path, servers: Servers, cloud: Cloud, topics: Topics, bucket: Bucket) -> Stack:
    made = Stack(tmp_path, servers, cloud, topics, bucket)
    made.declare()
    return made


def test_a_bridge_works_in_it_and_its_health_check_finds_it(docker: Engine, stack: Stack) -> None:
    port = free_port()
    file = stack.bridge_file(port, [{"name": "paris", "topic": stack.cloud.topic}])
    stack.folder.chmod(0o755)
    file.chmod(0o644)
    mount = ["--volume", f"{stack.folder}:/etc/precache:ro"]
    name = stack.topics.prefix
    # Kept until it is removed: what it ended with is looked at.
    run = ["run", "--detach", "--name", name, "--network", "host", *HARD, *mount, IMAGE]
    started = docker.run(*run, "bridge", "--config", f"/etc/precache/{file.name}")
    assert started.returncode == 0, started.stderr
    try:
        check = [word.replace("9100", str(port)) for word in COMPOSE["services"]["bridge"]["healthcheck"]["test"][1:]]
        wait_until(lambda: docker.run("exec", name, *check).returncode == 0, "the health check to pass", 60, 0.5)
        assert docker.run("exec", name, *[word.replace(str(port), "9") for word in check]).returncode != 0
        assert docker.run("exec", name, "id", "-u").stdout.strip() == "10001"
        stopped = docker.run("stop", "--time", "45", name)
        assert stopped.returncode == 0, stopped.stderr
        [state] = json.loads(docker.run("inspect", name).stdout)
        assert state["State"]["ExitCode"] == 0, docker.run("logs", name).stderr
    finally:
        docker.run("rm", "--force", name)
