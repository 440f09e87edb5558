"""InfluxDB's own limit: posts bodies that were made beforehand, two at a time. Prints how many points it has posted.

The argument is JSON: url, org, bucket, token, and the folder with the bodies, each called `NUMBER.POINTS`.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

_AT_ONCE: Final = 2


def main() -> None:
    """Post everything, then end."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    bodies = [(int(path.suffix[1:]), path.read_bytes()) for path in sorted(Path(settings["folder"]).iterdir())]
    pool = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False)
    place = urlencode({"org": settings["org"], "bucket": settings["bucket"], "precision": "ns"})
    headers = {"Authorization": f"Token {settings['token']}", "Content-Encoding": "gzip"}

    def post(body: bytes) -> None:
        answer = pool.request("POST", f"{settings['url']}/api/v2/write?{place}", body=body, headers=headers)
        if answer.status != HTTPStatus.NO_CONTENT:
            raise RuntimeError(f"{answer.status}: {answer.data[:500]!r}")

    posted = 0
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for (points, _), _ in zip(bodies, threads.map(post, [body for _, body in bodies]), strict=True):
            posted += points
            print(posted, flush=True)


if __name__ == "__main__":
    main()
