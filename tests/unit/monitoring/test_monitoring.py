"""Dashboards and the list of metrics are those that the code makes, and name nothing that doesn't exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.__main__ import DASHBOARDS, files
from monitoring.grafana import Dashboard
from monitoring.metrics import names
from precache.contract.tables.measurements import MEASUREMENTS
from tests.unit.docs.test_commands import command_of

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "config" / "prometheus" / "alerts"
METRIC = re.compile(r"precache_(?:bridge|processor|keeper|build)_[a-z_]+")
NO_METRICS = {"precache_bridge", "precache_build"}

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)


@pytest.mark.parametrize("name", files())
def test_the_committed_file_is_what_the_code_makes(name: str) -> None:
    assert (ROOT / name).read_text() == files()[name], "run `make monitoring`"


@every_dashboard
def test_panels_lie_beside_each_other_within_the_grid(dashboard: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    panels = json.loads(dashboard.text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@every_dashboard
def test_each_panel_is_explained_and_titled_once(dashboard: Dashboard) -> None:
    titles = [panel.title for panel in dashboard.panels()]
    assert len(set(titles)) == len(titles)
    assert all(panel.description.endswith(".") for panel in dashboard.panels())


@every_dashboard
def test_data_sources_are_those_that_are_provisioned(dashboard: Dashboard) -> None:
    file = ROOT / "config" / "grafana" / "provisioning" / "datasources" / "precache.yml"
    known = {each["uid"] for each in yaml.safe_load(file.read_text())["datasources"]}
    used = set(re.findall(r'"uid": "(precache-(?:influxdb|prometheus))"', dashboard.text()))
    assert used
    assert used <= known


def test_queries_and_alerts_name_metrics_and_measurements_that_exist() -> None:
    queries = [query for each in DASHBOARDS for panel in each.panels() for query in panel.queries.values()]
    used = {word for text in queries for word in re.findall(r'_measurement == "(\w+)"', text)}
    assert used == {each.name for each in MEASUREMENTS}
    texts = [query for query in queries if "from(bucket" not in query]
    texts += [rule["expr"] for file in ALERTS.iterdir() for rule in rules(file)]
    found = {re.sub(r"_(?:bucket|sum|count)$", "", word) for text in texts for word in METRIC.findall(text)}
    assert len(found) > 20
    assert found <= names()


def rules(file: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def test_the_commands_that_alerts_name_exist() -> None:
    actions = [rule["annotations"]["action"] for file in ALERTS.iterdir() for rule in rules(file)]
    commands = [command for action in actions for command in re.findall(r"`(precache [^`]+)`", action)]
    assert len(commands) > 8
    for command in commands:
        words = re.sub(r"\{\{[^}]+\}\}", "x", command).split()
        known = {option for parameter in command_of(words).params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, command


def test_each_alert_has_a_case_in_which_it_fires_and_what_to_do() -> None:
    for file in sorted(ALERTS.iterdir()):
        cases = yaml.safe_load((ROOT / "tests" / "data" / "alerts" / file.name).read_text())["tests"]
        fired = {each["alertname"] for case in cases for each in case.get("alert_rule_test", []) if each["exp_alerts"]}
        assert fired == {rule["alert"] for rule in rules(file)}
        assert all(set(rule["annotations"]) == {"summary", "action"} for rule in rules(file))
