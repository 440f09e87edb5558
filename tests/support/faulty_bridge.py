"""`precache bridge` whose decoder fails on every payload of image pre-caching while a file is there: FILE ARGS..."""

import sys
from pathlib import Path
from typing import Any

from bridge.decode import payloads
from console.cli.main import main


def install(file: Path) -> None:
    """Make the decoder fail while the file is there."""
    check = payloads.check

    def failing(event_type: str, payload: Any) -> str:
        if file.exists():
            raise ZeroDivisionError(payload["nova_object.data"]["uuid"])
        return check(event_type, payload)

    payloads.check = failing


if __name__ == "__main__":
    install(Path(sys.argv.pop(1)))
    main()
