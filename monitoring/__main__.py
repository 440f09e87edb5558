"""Write `docs/metrics.md` and `config/grafana/dashboards/`: `python -m monitoring [ROOT]`."""

import sys
from pathlib import Path
from typing import Final

from monitoring import clouds, metrics, operation, own
from monitoring.grafana import Dashboard

DASHBOARDS: Final[tuple[Dashboard, ...]] = (clouds.DASHBOARD, operation.DASHBOARD, own.DASHBOARD)


def files() -> dict[str, str]:
    """Return the files' contents by their paths within the checkout."""
    made = {f"config/grafana/dashboards/{each.uid}.json": each.text() for each in DASHBOARDS}
    return {"docs/metrics.md": metrics.document(), **made}


def main() -> None:
    """Write the files."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for name, text in files().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


if __name__ == "__main__":
    main()
