"""Run the services, each a process forked from this one, which has imported once what they share.

usage: launcher.py FOLDER nova|others

FOLDER/launcher.json names the services: `{"nova-api": {"kind": "wsgi", "module": ..., "port": ...}, ...}`. Nova's have
a launcher of their own: Nova forbids its process to import eventlet, and Keystone and Glance import it. The file
FOLDER/wanted/NAME says that a service shall run; it may be made and removed at any time. FOLDER/running/NAME holds the
number of its process. A service that ends by itself is no longer wanted. SIGTERM ends all.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_EXIT_TIMEOUT_S = 5.0

# What Keystone, Placement, Glance and Nova have in common; none of it imports eventlet.
_SHARED = (
    "cheroot.wsgi", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql.psycopg2", "oslo_db.sqlalchemy.enginefacade",
    "oslo_log.log", "oslo_middleware", "oslo_policy.policy", "keystonemiddleware.auth_token", "paste.deploy", "routes",
    "jsonschema",
)  # fmt: skip
_NOVA = (
    "nova.cmd.compute", "nova.cmd.conductor", "nova.cmd.scheduler", "nova.compute.manager", "nova.conductor.manager",
    "nova.scheduler.manager", "nova.scheduler.client.report", "nova.api.openstack.wsgi_app",
    "nova.api.openstack.compute.routes", "nova.virt",
)  # fmt: skip


def _import(names: tuple[str, ...]) -> None:
    for name in names:
        importlib.import_module(name)


def _serve_wsgi(module: str, port: int) -> None:
    from cheroot import wsgi  # noqa: PLC0415 - only these services need it

    sys.argv = [module]
    application = importlib.import_module(module).application
    server = wsgi.Server(
        ("127.0.0.1", port), application, numthreads=8, server_name="127.0.0.1", request_queue_size=128
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.start()


def _run(service: dict[str, Any]) -> None:
    match service["kind"]:
        case "wsgi":
            _serve_wsgi(service["module"], service["port"])
        case "neutron":
            # A sibling module: this file runs as a script.
            importlib.import_module("neutron").serve(service["port"])
        case "main":
            sys.argv = [service["module"], *service["arguments"]]
            importlib.import_module(service["module"]).main()


def _child(folder: Path, name: str, service: dict[str, Any]) -> None:
    """Become the service. Never returns."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # As the leader of a group it can't leave the session, by which the whole cloud is ended.
        os.setpgid(0, 0)
        output = os.open(folder / "log" / f"{name}.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        _run(service)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever it is, it is said, and the fork must not go on as its parent
        sys.excepthook(*sys.exc_info())
    sys.stderr.flush()
    os._exit(code)


class Launcher:
    """What runs, and what shall run."""

    def __init__(self, folder: Path, services: dict[str, dict[str, Any]]) -> None:
        self._folder = folder
        self._services = services
        self._pids: dict[str, int] = {}
        self._asked: dict[str, float] = {}
        self.is_ending = False

    def run(self) -> None:
        """Go on until told to end, and all has ended."""
        while self._pids or not self.is_ending:
            self._step()
            time.sleep(0.05)

    def _step(self) -> None:
        """Start what is wanted, and end what is not."""
        self._reap()
        for name in self._services:
            is_wanted = not self.is_ending and (self._folder / "wanted" / name).exists()
            if is_wanted and name not in self._pids and self._may_start(name):
                self._start(name)
            elif not is_wanted and name in self._pids:
                self._end(name)

    def _may_start(self, name: str) -> bool:
        """Whether the log of another service says what it waits for: a compute without a conductor sleeps 10 s."""
        waits_for = self._services[name].get("after")
        if waits_for is None:
            return True
        log = self._folder / "log" / waits_for["log"]
        return log.exists() and waits_for["text"] in log.read_text(errors="replace")

    def _start(self, name: str) -> None:
        pid = os.fork()
        if pid == 0:
            _child(self._folder, name, self._services[name])
        self._pids[name] = pid
        draft = self._folder / f"{name}.draft"
        draft.write_text(str(pid))
        draft.rename(self._folder / "running" / name)

    def _end(self, name: str) -> None:
        """Ask it to end, and after a while make it."""
        asked = self._asked.get(name)
        if asked is not None and time.monotonic() < asked + _EXIT_TIMEOUT_S:
            return
        self._asked[name] = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pids[name], signal.SIGTERM if asked is None else signal.SIGKILL)

    def _reap(self) -> None:
        for name, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self._pids[name]
            was_asked = self._asked.pop(name, None) is not None
            print(f"{name} ended: {os.waitstatus_to_exitcode(status)}{' as asked' * was_asked}", flush=True)  # noqa: T201 - its log
            if not was_asked:
                (self._folder / "wanted" / name).unlink(missing_ok=True)
            (self._folder / "running" / name).unlink(missing_ok=True)


def _import_nova(config_file: Path) -> None:
    importlib.import_module("nova.monkey_patch").patch(backend="threading")
    # How often periodic tasks run is read from the configuration when their modules are imported.
    configuration = importlib.import_module("nova.conf").CONF
    configuration(["--config-file", str(config_file)], project="nova")
    _import(_NOVA)
    configuration.reset()
    # Nova takes drivers from this package alone.
    importlib.import_module("nova.virt").__path__.append(str(Path(__file__).parent))
    importlib.import_module("nova.virt.scripted")


def main() -> None:
    """Run one group of a folder's services."""
    folder, group = Path(sys.argv[1]), sys.argv[2]
    services = json.loads((folder / "launcher.json").read_text())
    launcher = Launcher(folder, {name: service for name, service in services.items() if service["group"] == group})

    def end(*_: object) -> None:
        launcher.is_ending = True

    signal.signal(signal.SIGTERM, end)
    if group == "nova":
        _import_nova(folder / "etc" / "nova.conf")
    _import(_SHARED)
    gc.collect()
    # What was imported stays shared with the children, where a collection would touch, and so copy, all of it.
    gc.freeze()
    launcher.run()


if __name__ == "__main__":
    main()
