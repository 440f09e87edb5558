import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Fails as long as fewer runs of this folder came before than its number says.
TEST = """
import pathlib, pytest
@pytest.mark.parametrize("number", range({count}))
def test_it(number):
    runs = pathlib.Path("runs")
    seen = int(runs.read_text()) if runs.exists() else 0
    runs.write_text(str(seen + 1))
    assert seen >= {passes_from}
"""


def run(folder: Path, count: int, passes_from: int) -> subprocess.CompletedProcess[str]:
    (folder / "test_some.py").write_text(TEST.format(count=count, passes_from=passes_from))
    command = [
        sys.executable,
        "-m",
        "tests.support.rerun",
        "-c",
        "/dev/null",
        "--rootdir",
        ".",
        "-o",
        "cache_dir=.pytest_cache",
        ".",
    ]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("count", "passes_from", "code", "says"),
    [
        (1, 0, 0, ""),
        (2, 2, 0, "rerun: flaky: test_some.py::test_it[1]"),
        (3, 3, 1, "rerun: 3 flaky tests; at most 2 are allowed"),
        (1, 9, 1, "rerun: 1 failed beside other tests; once more, alone"),
    ],
)
def test_what_passes_alone_is_counted(tmp_path: Path, count: int, passes_from: int, code: int, says: str) -> None:
    ended = run(tmp_path, count, passes_from)
    assert ended.returncode == code, ended
    assert says in ended.stderr
    assert ("flaky" in ended.stderr) == ("flaky" in says)
