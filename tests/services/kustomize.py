"""kustomize, built from source."""

from pathlib import Path
from typing import Final

from .build import made_once, require, run
from .state import cache_dir, emit

VERSION: Final = "5.7.1"


def program() -> Path:
    """Return kustomize's program, built by `go install` the first time (a minute or two)."""
    name = f"kustomize-{VERSION}"
    with made_once(name) as folder:
        if folder is not None:
            require("kustomize", "go")
            emit("kustomize", f"fetching and building kustomize {VERSION} (a minute or two; this once)")
            argv = ["go", "install", f"sigs.k8s.io/kustomize/kustomize/v5@v{VERSION}"]
            run(argv, cwd=folder, log=folder / "build.log", GOBIN=str(folder), CGO_ENABLED="0")
    return cache_dir() / name / "kustomize"
