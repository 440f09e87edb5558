"""A wrong command's name, `-v` on both sides of the name, completion, and manual pages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli import main
from console.cli.main import _COMMANDS
from console.cli.shell.completion import SHELLS
from console.cli.shell.manual import pages

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["opertions"], "operations"),
        (["wacth"], "watch"),
        (["topics", "creat"], "create"),
        (["deadletters", "reply"], "replay"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_one(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(words) == 2
    assert f"No such command {words[-1]!r}. Did you mean {meant!r}?" in capsys.readouterr().err


def test_a_name_like_no_other_is_refused_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["zzz"]) == 2
    err = capsys.readouterr().err
    assert "No such command 'zzz'" in err
    assert "Did you mean" not in err


@pytest.mark.parametrize("words", [["-v", "check-config", "x"], ["operations", "-v", "--config", "/nowhere"]])
def test_verbose_is_taken_before_and_after_the_name(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(words) == 2
    is_seen = "Traceback" in capsys.readouterr().err
    assert is_seen == (words[0] == "operations")  # check-config prints errors, and raises none
    quiet = [word for word in words if word != "-v"]
    assert main.run(quiet) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [[name] for name in _COMMANDS] + [["topics", "check"], ["deadletters", "show"]])
def test_every_command_takes_verbose(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*command, "--help"]) == 0
    assert capsys.readouterr().out.count("--verbose") == 1


def completions(words: list[str]) -> list[str]:
    """Return what bash would offer for the last word, asked as its script asks."""
    asked = {"_PRECACHE_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "console"], env=os.environ | asked, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_options_and_values_are_completed() -> None:
    assert completions(["precache", "oper"]) == ["operations", "operation"]
    assert completions(["precache", "operations", "--status", "comp"]) == ["completed", "completed_with_errors"]
    assert completions(["precache", "residency", "--exp"]) == ["--expiring"]
    assert completions(["precache", "topics", ""]) == ["check", "create"]


def test_completing_a_commands_name_imports_no_client() -> None:
    code = (
        "import os, sys\n"
        "os.environ.update(_PRECACHE_COMPLETE='bash_complete', COMP_WORDS='precache ', COMP_CWORD='1')\n"
        "from console.cli import main; main.run([])\n"
        "heavy = {'confluent_kafka', 'pydantic', 'pika', 'influxdb_client', 'rich', 'structlog', 'openstack'}\n"
        "sys.exit(len(heavy & sys.modules.keys()))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL, cwd=ROOT).returncode == 0
    )


def test_bash_takes_the_script(tmp_path: Path) -> None:
    command = tmp_path / "precache"
    command.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m console "$@"\n')
    command.chmod(0o755)
    text = (
        "source <(precache completion bash); COMP_WORDS=(precache resid); COMP_CWORD=1; "
        '_precache_completion precache; echo "${COMPREPLY[@]}"'
    )
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-c", text], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("residency\n", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["completion", shell]) == 0
    assert f"_PRECACHE_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_a_manual_page_for_each_command(tmp_path: Path) -> None:
    folder = tmp_path / "man1"
    assert main.run(["man", str(folder)]) == 0
    names = {path.name for path in folder.iterdir()}
    assert names >= {"precache.1", "precache-topics-create.1", *(f"precache-{name}.1" for name in _COMMANDS)}
    assert main.run(["man", "/proc/none/man1"]) == 1


def test_manual_pages_hold_options_examples_and_exit_codes() -> None:
    found = dict(pages(main.cli, "1.0"))
    page = found["precache-watch.1"]
    for expected in (
        ".SH NAME\nprecache\\-watch \\- ",
        ".B \\-\\-timeout",
        ".SH EXAMPLES",
        ".SH EXIT STATUS\n.nf\n  0 ",
    ):
        assert expected in page
    assert "\b" not in "".join(found.values())


@pytest.mark.skipif(shutil.which("groff") is None, reason="takes groff")
def test_groff_has_nothing_to_say_against_them() -> None:
    for name, text in pages(main.cli, "1.0"):
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z"], input=text, capture_output=True, text=True, check=False
        )
        assert (name, done.returncode, done.stderr) == (name, 0, "")
