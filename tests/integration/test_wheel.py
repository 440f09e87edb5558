"""The wheel, installed with each extra into a bare environment: what one part needs must not come with the other."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
BRIDGE_ONLY = ("oslo_messaging", "pika")
PROCESSOR_ONLY = ("influxdb_client",)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of programs of an environment with the wheel and some extras in it, made once for all tests."""

    @cache
    def made(extras: str) -> Path:
        folder = tmp_path_factory.mktemp("venv")
        subprocess.run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        target = f"nova-precache{extras} @ {wheel.as_uri()}"
        subprocess.run([UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python", target], check=True)
        return folder / "bin"

    return made


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    # Nothing of this checkout may be found from there.
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(command, cwd="/", env=env, text=True, capture_output=True, check=False)


def importable(programs: Path, *modules: str) -> list[str]:
    # Found is not enough: it has to load. One process for all, since each would load most of the same.
    attempt = "import importlib, sys\nfor name in sys.argv[1:]:\n  try: importlib.import_module(name); print(name)\n"
    told = run(programs / "python", "-c", f"{attempt}  except ModuleNotFoundError: pass", *modules)
    assert told.returncode == 0, told.stderr
    return told.stdout.split()


@pytest.mark.more
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("extras", "there", "missing"),
    [
        ("", (), BRIDGE_ONLY + PROCESSOR_ONLY),
        ("[bridge]", BRIDGE_ONLY, PROCESSOR_ONLY),
        ("[processor]", PROCESSOR_ONLY, BRIDGE_ONLY),
        ("[all]", BRIDGE_ONLY + PROCESSOR_ONLY, ()),
    ],
)
def test_each_extra(
    install: Callable[[str], Path], tmp_path: Path, extras: str, there: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    programs = install(extras)
    precache = programs / "precache"
    for command in ([], ["bridge"], ["processor"], ["watch"], ["demo"]):
        told = run(precache, *command, "--help")
        assert told.returncode == 0, told.stderr
        assert told.stdout.startswith("Usage: precache")
    assert importable(programs, *there, *missing) == list(there)
    bridge, processor = _write_configs(tmp_path)
    has_bridge, has_processor = bool(there) and "pika" in there, "influxdb_client" in there
    assert_reported(run(precache, "check-config", bridge), "bridge", installed=has_bridge)
    assert run(precache, "check-config", processor).returncode == 0
    assert_reported(run(precache, "doctor", "--config", bridge), "bridge", installed=has_bridge)
    assert_reported(run(precache, "doctor", "--config", processor), "processor", installed=has_processor)


def assert_reported(done: subprocess.CompletedProcess[str], part: str, *, installed: bool) -> None:
    told = f"pip install 'nova-precache[{part}]'" in done.stdout + done.stderr
    assert told is not installed, done.stdout + done.stderr
    assert "internal error" not in done.stderr
    assert done.returncode != 0 or installed


def _write_configs(folder: Path) -> tuple[Path, Path]:
    bridge, processor = folder / "bridge.yaml", folder / "processor.yaml"
    kafka = "kafka: {bootstrap.servers: 127.0.0.1:1}\n"
    bridge.write_text(f"{kafka}clouds: [{{name: paris, transport_url: 'rabbit://u:p@127.0.0.1:1/', topic: x}}]\n")
    influx = "{type: influxdb, url: 'http://127.0.0.1:1', org: o, bucket: b, token: t}"
    processor.write_text(f"{kafka}store: {influx}\n")
    return bridge, processor


@pytest.mark.timeout(600)
def test_the_demo_of_an_installed_wheel(install: Callable[[str], Path], tmp_path: Path) -> None:
    programs = install("[all]")
    told = run(programs / "precache", "demo", "--fast", "--store", tmp_path / "demo.sqlite")
    assert told.returncode == 0, told.stderr
    assert "no difference" in told.stdout
    # Its settings came with it.
    found = run(programs / "python", "-c", "from console.demo import settings; print(settings.path())")
    assert Path(found.stdout.strip()).is_relative_to(programs.parent)
