"""What is in a store, read without the product's code: every point of a measurement, in one order.

By InfluxQL, since its JSON says every string as it is and every 64-bit integer exactly.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.services.network import call

Points = list[dict[str, Any]]


def read_points(url: str, org: str, token: str, bucket: str, measurement: str) -> Points:
    """Return all points of a bucket's measurement: tags, fields and `time` (nanoseconds), sorted by tags and time.

    A measurement that was never written has none. A field that a point lacks is None.
    """
    where = (url, org, token, bucket)
    floats = {
        values[0]
        for series in _query(*where, f'SHOW FIELD KEYS FROM "{measurement}"')
        for values in series["values"]
        if values[1] == "float"
    }
    points = [
        series["tags"] | dict(zip(series["columns"], values, strict=True))
        for series in _query(*where, f'SELECT * FROM "{measurement}" GROUP BY *')  # noqa: S608
        for values in series["values"]
    ]
    for point in points:
        for name in floats:
            # JSON does not tell 100.0 from 100, and says whole floats past 2**53 in decimals that are not theirs.
            point[name] = None if point.get(name) is None else float(point[name])
    # The keys' order is the same in every point of a measurement, so that two results compare byte for byte too.
    return _sorted([dict(sorted(point.items())) for point in points])


def _query(url: str, org: str, token: str, bucket: str, query: str) -> list[dict[str, Any]]:
    parameters = {"db": bucket, "org": org, "epoch": "ns", "q": query}
    status, answer = call("GET", f"{url}/query?{urlencode(parameters)}", token=token, timeout_s=60.0)
    assert status == 200, f"{status} {answer}"
    (result,) = answer["results"]
    assert "error" not in result, result["error"]
    series: list[dict[str, Any]] = result.get("series", [])
    return series


def read_table(path: Path, table: str) -> Points:
    """Return all rows of a table or view of a SQLite store, as :func:`read_points` does; true is 1, false 0."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
    return _sorted([dict(sorted(dict(row).items())) for row in found])


def _sorted(points: Points) -> Points:
    keys = ("cloud", "aggregate_uuid", "aggregate_name", "host", "image", "instance", "time")
    return sorted(points, key=lambda point: tuple((key in point, point.get(key, "")) for key in keys))
