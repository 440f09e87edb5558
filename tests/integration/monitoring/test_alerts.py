"""The alert rules: each fires when it should and not when it shouldn't, as promtool sees it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.services.prometheus import promtool

pytestmark = pytest.mark.more

ROOT = Path(__file__).parents[3]
RULES = ROOT / "config" / "prometheus" / "alerts"
CASES = ROOT / "tests" / "data" / "alerts"


def run(*args: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    argv = [str(promtool()), *map(str, args)]
    return subprocess.run(argv, check=False, capture_output=True, text=True, input=text, timeout=120)


@pytest.mark.parametrize("name", sorted(each.name for each in RULES.iterdir()))
def test_each_rule_fires_when_it_should_alone(name: str) -> None:
    done = run("test", "rules", CASES / name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("bridge.yml", "for: 3m", "for: 30m"), ("processor.yml", "> 1000", "> 9000"), ("keeper.yml", "> 900", "> 9e9")],
)
def test_a_rule_that_is_wrong_is_found(tmp_path: Path, name: str, old: str, new: str) -> None:
    wrong = (RULES / name).read_text().replace(old, new)
    assert wrong != (RULES / name).read_text()
    (tmp_path / name).write_text(wrong)
    cases: dict[str, Any] = yaml.safe_load((CASES / name).read_text())
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases | {"rule_files": [name]}))
    assert run("test", "rules", tmp_path / "cases.yml").returncode == 1


def test_the_configuration_is_what_prometheus_takes() -> None:
    done = run("check", "config", ROOT / "config" / "prometheus" / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(list(RULES.iterdir()))} rule files found" in done.stdout
