"""The AsyncAPI document, held against the specification's own schema and read by the official parser (npm)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.services.build import made_once, run
from tests.services.debian import install_package
from tests.services.state import cache_dir, emit

pytestmark = pytest.mark.more

DOCUMENT = Path(__file__).parents[3] / "docs" / "contract" / "asyncapi.yaml"
PACKAGES = ("@asyncapi/parser@3.6.6", "@asyncapi/specs@6.11.1")
# Diagnostics of severity 0 are errors, of 1 warnings.
WARNING = 1


@pytest.fixture(scope="module")
def modules() -> Path:
    """Where the packages lie, installed once."""
    name = "asyncapi-parser-3.6.6"
    with made_once(name) as folder:
        if folder is not None:
            if shutil.which("npm") is None:
                install_package("npm", "npm", provides=Path("/usr/bin/npm"))
            emit("asyncapi", "installing AsyncAPI's parser from npm (once)")
            argv = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), *PACKAGES]
            run(argv, cwd=folder, log=cache_dir() / "install-asyncapi.log")
    return cache_dir() / name / "node_modules"


def test_the_specifications_own_schema(modules: Path) -> None:
    schema = json.loads((modules / "@asyncapi/specs/schemas/3.0.0-without-$id.json").read_text())
    validator = Draft7Validator(schema)
    document = yaml.safe_load(DOCUMENT.read_text())
    assert [error.message for error in validator.iter_errors(document)] == []
    del document["info"]["title"]
    assert [error.message for error in validator.iter_errors(document)], "a check that can't fail"


def parsed(modules: Path, file: Path) -> dict[str, list[object]]:
    argv = ["node", str(Path(__file__).with_name("asyncapi.mjs")), str(modules), str(file)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120)
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def test_the_official_parser(modules: Path, tmp_path: Path) -> None:
    found = parsed(modules, DOCUMENT)
    assert [each for each in found["found"] if isinstance(each, dict) and each["severity"] <= WARNING] == []
    assert found["channels"] == [
        ["nova.notifications", 5],
        ["precache.progress", 1],
        ["precache.operations", 1],
        ["precache.deadletters", 2],
        ["nova.instances", 1],
        ["precache.wanted", 1],
    ]
    broken = yaml.safe_load(DOCUMENT.read_text())
    broken["components"]["messages"]["operation"]["examples"][0]["payload"]["hosts_done"] = "many"
    file = tmp_path / "broken.yaml"
    file.write_text(yaml.safe_dump(broken))
    assert parsed(modules, file)["found"], "an example that is not as its schema says goes through"
