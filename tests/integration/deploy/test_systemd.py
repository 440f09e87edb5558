"""The systemd units: valid, hardened, and each starts the command that it should."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.debian import install_package

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
PRECACHE = Path(sys.executable).with_name("precache")
MOST_EXPOSED = 2.5
ANALYZE = Path("/usr/bin/systemd-analyze")


@pytest.fixture(scope="module", autouse=True)
def _systemd() -> None:
    if not ANALYZE.exists():
        install_package("systemd", "systemd", provides=ANALYZE)


every_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


def analyze(*args: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [str(ANALYZE), *map(str, args)]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)


def installed(unit: Path, folder: Path, **changes: str) -> Path:
    """Return a copy whose program is where this checkout has it."""
    text = unit.read_text().replace("/opt/precache/bin/precache", str(PRECACHE))
    for old, new in changes.items():
        text = re.sub(old, new, text)
    copy = folder / unit.name
    copy.write_text(text)
    return copy


def test_there_is_one_for_each_service() -> None:
    assert [unit.stem for unit in UNITS] == [
        "precache-bridge",
        "precache-keeper",
        "precache-processor",
        "precache-web",
    ]


@every_unit
def test_it_is_valid(unit: Path, tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", installed(unit, tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@every_unit
def test_a_mistake_is_found(unit: Path, tmp_path: Path) -> None:
    done = analyze("verify", "--man=no", installed(unit, tmp_path, Restart="Restrat"))
    assert "Restrat" in done.stderr


@every_unit
def test_it_exposes_little(unit: Path, tmp_path: Path) -> None:
    def exposure(path: Path) -> float:
        done = analyze("security", "--offline=true", "--no-pager", path)
        return float(re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)[0])

    assert exposure(installed(unit, tmp_path)) < MOST_EXPOSED
    weaker = installed(unit, tmp_path, ProtectSystem="#", CapabilityBoundingSet="#", SystemCallFilter="#")
    assert exposure(weaker) > MOST_EXPOSED


@every_unit
def test_it_runs_a_command_that_exists(unit: Path) -> None:
    [line] = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    program, command, option, file = line.split()
    assert program == "/opt/precache/bin/precache"
    assert option == "--config"
    assert (ROOT / "config" / Path(file).name).exists()
    done = subprocess.run([PRECACHE, command, "--help"], check=True, capture_output=True, text=True)
    assert "--config" in done.stdout


def test_a_wrong_configuration_is_not_started_again_and_again() -> None:
    for unit in UNITS:
        text = unit.read_text()
        assert "Restart=always" in text
        assert "RestartPreventExitStatus=2" in text
        assert "StartLimitIntervalSec=0" in text


def test_user_and_folders(tmp_path: Path) -> None:
    """What the examples make, made in a folder that stands for the whole machine."""
    (tmp_path / "etc").mkdir()
    users = ["systemd-sysusers", f"--root={tmp_path}", ROOT / "deploy" / "systemd" / "precache.sysusers"]
    done = subprocess.run([str(each) for each in users], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"^precache:x:\d+:\d+:precache:/var/lib/precache:/usr/sbin/nologin$",
        (tmp_path / "etc" / "passwd").read_text(),
        re.MULTILINE,
    )
    files = ["systemd-tmpfiles", f"--root={tmp_path}", "--create", ROOT / "deploy" / "systemd" / "precache.tmpfiles"]
    done = subprocess.run([str(each) for each in files], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc" / "precache").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "var" / "lib" / "precache").stat().st_mode & 0o777 == 0o750
