"""A query as Grafana sends it: its variables replaced, to the real InfluxDB or Prometheus."""

import csv
import io
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from tests.services.prometheus import program
from tests.services.testing import Bucket
from tests.support.process import free_port, wait_until

Rows = list[dict[str, Any]]


def flux(bucket: Bucket, query: str, variables: Mapping[str, str]) -> Rows:
    """Return what InfluxDB answers; Grafana puts the time range and the default bucket into `v`."""
    lines = query.splitlines()
    imports = [line for line in lines if line.startswith("import ")]
    option = (
        f'option v = {{defaultBucket: "{bucket.name}", timeRangeStart: -24h, timeRangeStop: now(), windowPeriod: 10m}}'
    )
    body = "\n".join([*imports, option, *(line for line in lines if line not in imports)])
    for name, value in variables.items():
        body = body.replace(f"${{{name}:regex}}", value).replace(f"${{{name}}}", value)
    assert "${" not in body, body
    request = urllib.request.Request(
        f"{bucket.url}/api/v2/query?org={bucket.org}",
        data=body.encode(),
        headers={
            "Authorization": f"Token {bucket.token}",
            "Content-Type": "application/vnd.flux",
            "Accept": "application/csv",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.read().decode()}\n{body}") from error
    tables = text.replace("\r\n", "\n").strip().split("\n\n")
    return [row for table in tables for row in csv.DictReader(io.StringIO(table))]


class Prometheus:
    """A Prometheus of one test's own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> Rows:
        """Return the samples of a query, now."""
        return self._get("query", {"query": expression})

    def is_up(self, jobs: int) -> bool:
        """Return whether that many targets answer."""
        return len(self.query("up == 1")) == jobs

    def _get(self, path: str, params: Mapping[str, str]) -> Rows:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(params)}") as answer:
                result: Rows = json.load(answer)["data"]["result"]
                return result
        except urllib.error.HTTPError as error:
            # It listens, and does not answer yet.
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                return []
            raise AssertionError(f"{params}: {error.read().decode()}") from error
        except urllib.error.URLError:
            return []


def in_promql(expression: str) -> str:
    """Return a query with Grafana's variables replaced."""
    return expression.replace("$__rate_interval", "1m").replace("$cloud", ".*")


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, int], config: Path) -> Iterator[Prometheus]:
    """Run Prometheus on a configuration of the product's, its targets moved to where the test has them."""
    made = yaml.safe_load(config.read_text())
    made["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    made["rule_files"] = [str(config.parent / each) for each in made["rule_files"]]
    for job in made["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{targets[job['job_name']]}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(made))
    port = free_port()
    argv = [
        str(program()),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            running = Prometheus(f"http://127.0.0.1:{port}")
            wait_until(lambda: running.is_up(len(targets)), "all targets to be scraped", 60)
            yield running
        finally:
            process.terminate()
