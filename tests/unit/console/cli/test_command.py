"""The command as a whole: help, exit codes, words instead of tracebacks. Run in this process; no network."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from console.cli import main
from console.cli.main import _COMMANDS
from console.doctor.findings import Check, ok, run_all
from precache import __version__

SUBCOMMANDS = [[name] for name in _COMMANDS] + [
    ["topics", "create"],
    ["topics", "check"],
    ["deadletters", "list"],
    ["deadletters", "show"],
]
GROUPS = [["topics"], ["deadletters"]]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in _COMMANDS)


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_help_of_each_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*command, "--help"]) == 0
    out = capsys.readouterr().out
    if command not in GROUPS:
        assert "Examples:" in out
        assert "Exit codes:" in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"precache {__version__}\n"


@pytest.mark.parametrize("args", [["nothing"], ["watch", "--nothing"], ["bridge"], ["check-config"], ["topics"]])
def test_usage_errors(args: list[str]) -> None:
    assert main.run(args) == 2


def test_help_imports_no_client() -> None:
    code = (
        "import sys; from console.cli import main; main.run(['--help'])\n"
        "heavy = {'confluent_kafka', 'pydantic', 'oslo_messaging', 'pika', 'influxdb_client', 'rich', 'structlog'}\n"
        "sys.exit(len(heavy & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0


def test_an_internal_error_is_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("console.cli.configs.top_level_keys", broken)
    assert main.run(["check-config", "x.yaml"]) == 1
    err = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oops" in err
    assert "Traceback" not in err
    assert main.run(["-v", "check-config", "x.yaml"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_internal_error_of_watch_is_6(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("console.watch.feeds.source.kafka_at", broken)
    assert main.run(["watch", "--kafka", "a:1"]) == 6


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("console.cli.configs.top_level_keys", interrupted)
    assert main.run(["check-config", "x.yaml"]) == 130


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("oslo_messaging.notify", "pip install 'nova-precache[bridge]'"),
        ("pika", "pip install 'nova-precache[bridge]'"),
        ("influxdb_client", "pip install 'nova-precache[processor]'"),
        ("openstack.connection", "pip install 'nova-precache[openstack]'"),
    ],
)
def test_a_missing_extra_is_reported_with_the_command_that_installs_it(
    module: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing_extra(*_args: object) -> str:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("console.commands.check_config.load", missing_extra)
    assert main.run(["check-config", "x.yaml"]) == 2
    assert text in capsys.readouterr().err
    (finding,) = run_all([Check("x", lambda: [ok("x", missing_extra())])])
    assert finding.remedy == text


def test_another_module_that_is_missing_is_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing_extra(*_args: object) -> None:
        raise ModuleNotFoundError("No module named 'bridge.nothing'", name="bridge.nothing")

    monkeypatch.setattr("console.commands.check_config.load", missing_extra)
    assert main.run(["check-config", "x.yaml"]) == 1


GOOD_BRIDGE = {
    "kafka": {"bootstrap.servers": "k:9092"},
    "clouds": [{"name": "paris", "transport_url": "rabbit://u:p@h/", "topic": "precache"}],
}
GOOD_PROCESSOR = {"kafka": {"bootstrap.servers": "k:9092"}, "store": {"type": "sqlite", "path": "x.sqlite"}}


def write(folder: Path, name: str, config: object) -> str:
    file = folder / name
    file.write_text(yaml.safe_dump(config))
    return str(file)


def test_check_config_of_good_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [
        write(tmp_path, "bridge.yaml", GOOD_BRIDGE),
        write(tmp_path, "processor.yaml", GOOD_PROCESSOR),
        write(tmp_path, "watch.yaml", {"kafka": {"bootstrap.servers": "k:9092"}}),
        "config/demo.yaml",
    ]
    assert main.run(["check-config", *files]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 4
    assert "a bridge's" in told[0]
    assert "a processor's" in told[1]
    assert "the demo's" in told[3]


def test_check_config_reports_every_error_of_every_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOBODY_SET_THIS", raising=False)
    bridge = tmp_path / "bridge.yaml"
    bridge.write_text(
        "kafka: {bootstrap.servers: k:9092}\n"
        "clouds:\n"
        "  - name: paris\n"
        "    transport_url: rabbit://u:${NOBODY_SET_THIS}@h/\n"
        "    topic: precache\n"
        "    prefech: 10\n"
    )
    store = {"type": "influxdb", "url": "not a url", "org": "o", "bucket": "b", "token": "t"}
    processor = write(tmp_path, "processor.yaml", GOOD_PROCESSOR | {"store": store})
    assert main.run(["check-config", str(bridge), processor, str(tmp_path / "none.yaml")]) == 2
    err = capsys.readouterr().err
    assert f"{bridge}:4: clouds[0].transport_url: the environment variable NOBODY_SET_THIS is not set" in err
    assert f"{bridge}:6: clouds[0].prefech: unknown key 'prefech'; did you mean 'prefetch'?" in err
    assert "store.url" in err
    assert "none.yaml: cannot be read" in err


def test_check_config_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write(tmp_path, "watch.yaml", {"kafka": {"bootstrap.servers": "k:9092"}})
    bad = write(tmp_path, "bad.yaml", {"kafka": {}, "store": {"type": "sqlite", "path": "x"}})
    assert main.run(["check-config", "--json", good, bad]) == 2
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"file": good, "kind": "kafka", "errors": []}
    assert second["kind"] == "processor"
    assert second["errors"][0]["path"] == "kafka.bootstrap.servers"


def test_check_config_holds_files_against_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cloud = {"name": "paris", "transport_url": "rabbit://u:p@h/", "topic": "precache", "hold": "20m"}
    bridge = write(tmp_path, "bridge.yaml", {"kafka": {"bootstrap.servers": "k:9092"}, "clouds": [cloud]})
    short = write(tmp_path, "short.yaml", GOOD_PROCESSOR | {"operations": {"allowed_lateness": "20m"}})
    long = write(tmp_path, "long.yaml", GOOD_PROCESSOR | {"operations": {"allowed_lateness": "21m"}})
    assert main.run(["check-config", bridge, long]) == 0
    assert main.run(["check-config", bridge, short, long]) == 2
    assert capsys.readouterr().err.startswith(
        f"{short}: operations.allowed_lateness: should be longer than the `hold` of cloud paris (1200 s), and is 1200 s"
    )


def test_check_config_takes_a_file_with_a_services_keys_for_a_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "p.yaml", {"kafka": {"bootstrap.servers": "k:9092"}, "http": {"lisen": "x"}})
    assert main.run(["check-config", file]) == 2
    err = capsys.readouterr().err
    assert "store: is required" in err
    assert "did you mean 'listen'?" in err


@pytest.mark.parametrize("command", ["bridge", "processor", "doctor"])
def test_bad_configuration_is_2(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, "bad.yaml", {"kafka": {"bootstrap.servers": "k:1"}, "clouds": [], "store": {}})
    assert main.run([command, "--config", file]) == 2
    assert f"{file} cannot be used:" in capsys.readouterr().err


def test_doctor_refuses_a_file_without_a_part(tmp_path: Path) -> None:
    assert main.run(["doctor", "--config", write(tmp_path, "w.yaml", {"kafka": {"bootstrap.servers": "k:1"}})]) == 2


def test_demo_overwrites_nothing(tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    there.write_text("precious")
    assert main.run(["demo", "--store", str(there)]) == 2
    assert main.run(["demo", "--store", str(tmp_path / "no" / "x.sqlite")]) == 2
    assert there.read_text() == "precious"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "Choose a source: --config FILE"),
        (["--kafka", "a:1", "--transport-url", "rabbit://"], "Choose one source"),
        (["--kafka", "not an address"], "--kafka"),
        (["--kafka", "a:1", "--timeout", "soon"], "should be a duration"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_usage_of_watch(args: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["watch", *args]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bridge", "processor", "keep", "web"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "x.yaml: cannot be read: No such file or directory"),
        ("", "x.yaml: is empty"),
        ("kafka:\n\ta: 1\n", "x.yaml:2: not valid YAML: a tab: indent with spaces"),
        ("- a\n", "x.yaml:1: "),
    ],
)
def test_a_file_that_cannot_be_read_is_of_no_kind(
    command: str, text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.yaml"
    if text is not None:
        file.write_text(text)
    assert main.run([command, "--config", str(file)]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "is needed here" not in err


@pytest.mark.parametrize(
    ("command", "file", "said"),
    [
        ("processor", "bridge.yaml", "a bridge's file, and a processor's file is needed here"),
        ("bridge", "processor.yaml", "a processor's file, and a bridge's file is needed here"),
        ("web", "keep.yaml", "a keeper's file, and a web page's file is needed here"),
    ],
)
def test_a_file_of_another_command(
    command: str, file: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARIS_PASSWORD", "x")
    monkeypatch.setenv("INFLUX_TOKEN", "x")
    path = Path(__file__).parents[4] / "config" / file
    assert main.run([command, "--config", str(path)]) == 2
    assert capsys.readouterr().err == f"precache: {path} is {said}\n"
