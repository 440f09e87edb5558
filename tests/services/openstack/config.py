"""The configuration files of all services: what stands in them, and how they are written."""

from __future__ import annotations

import configparser
import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.services.network import HOST
from tests.services.postgres import USER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# It reaches no further than the loopback address.
PASSWORD: Final = "precache"
# The host that nova-api and nova-conductor say they are on.
CONTROLLER: Final = "ctrl1"

# Each service of the catalogue, and its type there.
TYPES: Final = {
    "keystone": "identity",
    "placement": "placement",
    "glance": "image",
    "nova-api": "compute",
    "neutron": "network",
}
_PATHS: Final = {"keystone": "/v3", "nova-api": "/v2.1"}
_WSGI: Final = {
    "keystone": "keystone.wsgi.api",
    "placement": "placement.wsgi.api",
    "glance": "glance.wsgi.api",
    "nova-api": "nova.wsgi.osapi_compute",
}


@dataclass(frozen=True)
class Layout:
    """Where everything of one cloud is."""

    base: Path
    # By the name of the service.
    ports: Mapping[str, int]
    database_port: int
    transport_url: str
    hosts: tuple[str, ...] = ()
    # Sections of nova.conf that win over those below.
    nova: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def url(self, service: str) -> str:
        """Return the address of an API."""
        return f"http://{HOST}:{self.ports[service]}{_PATHS.get(service, '')}"

    def database(self, name: str) -> str:
        """Return the address of a database."""
        return f"postgresql+psycopg2://{USER}@{HOST}:{self.database_port}/{name}"

    @property
    def etc(self) -> Path:
        """Where the configuration files are."""
        return self.base / "etc"

    def log(self, name: str) -> Path:
        """Return a service's own log."""
        return self.base / "log" / f"{name}.log"


def _login(layout: Layout, user: str) -> dict[str, Any]:
    return {
        "auth_type": "password",
        "auth_url": layout.url("keystone"),
        "username": user,
        "password": PASSWORD,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": "RegionOne",
    }


def _token_check(layout: Layout, user: str) -> dict[str, Any]:
    more = {"service_token_roles": "service", "service_token_roles_required": True}
    return _login(layout, user) | {"www_authenticate_uri": layout.url("keystone")} | more


def _keystone(layout: Layout) -> dict[str, dict[str, Any]]:
    keys = layout.base / "keystone"
    return {
        "DEFAULT": {"log_file": layout.log("keystone")},
        "database": {"connection": layout.database("keystone")},
        "token": {"provider": "fernet"},
        "fernet_tokens": {"key_repository": keys / "fernet"},
        "credential": {"key_repository": keys / "credential"},
        "cache": {"enabled": False},
        # The cheapest hash: each service logs in while the cloud starts.
        "identity": {"password_hash_rounds": 4},
    }


def _placement(layout: Layout) -> dict[str, dict[str, Any]]:
    return {
        "DEFAULT": {"log_file": layout.log("placement")},
        "placement_database": {"connection": layout.database("placement")},
        "keystone_authtoken": _token_check(layout, "placement"),
    }


def _glance(layout: Layout) -> dict[str, dict[str, Any]]:
    stores = {
        name: {"filesystem_store_datadir": layout.base / name}
        for name in ("os_glance_staging_store", "os_glance_tasks_store")
    }
    return {
        "DEFAULT": {"log_file": layout.log("glance"), "enabled_backends": "files:file"},
        "database": {"connection": layout.database("glance")},
        "keystone_authtoken": _token_check(layout, "glance"),
        "paste_deploy": {"flavor": "keystone"},
        "glance_store": {"default_backend": "files"},
        "files": {"filesystem_store_datadir": layout.base / "images"},
        "oslo_concurrency": {"lock_path": layout.base / "lock"},
        **stores,
    }


def _nova(layout: Layout) -> dict[str, dict[str, Any]]:
    login = _login(layout, "nova")
    return {
        "DEFAULT": {
            "transport_url": layout.transport_url,
            "my_ip": HOST,
            "host": CONTROLLER,
            "state_path": layout.base / "nova",
            "compute_driver": "scripted.ScriptedDriver",
            "rpc_response_timeout": 60,
            # A machine that is busy with other tests takes its time for an image from Glance.
            "long_rpc_timeout": 30,
            # Both are spread over up to a minute, or done every minute for each host, for no use here.
            "periodic_fuzzy_delay": 0,
            "heal_instance_info_cache_interval": -1,
        },
        "api_database": {"connection": layout.database("nova_api")},
        "database": {"connection": layout.database("nova_cell1")},
        "keystone_authtoken": _token_check(layout, "nova"),
        "service_user": login | {"send_service_user_token": True},
        "placement": login,
        "neutron": login,
        "keystone": login,
        "glance": {"num_retries": 1},
        "vnc": {"enabled": False},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 1},
        "image_cache": {"precache_concurrency": 8, "manager_interval": -1},
        "notifications": {
            "notification_format": "versioned",
            # The second is what docs/operations.md recommends: a topic of the bridge's own.
            "versioned_notifications_topics": "versioned_notifications,precache",
            "notify_on_state_change": "vm_and_task_state",
        },
        "oslo_messaging_notifications": {"driver": "messagingv2"},
        "oslo_messaging_rabbit": {"heartbeat_in_pthread": False},
        "oslo_concurrency": {"lock_path": layout.base / "lock"},
    }


def _with(sections: dict[str, dict[str, Any]], more: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    return sections | {name: sections.get(name, {}) | dict(values) for name, values in more.items()}


def _write_ini(file: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    # DEFAULT is a section like any other to oslo.config, and its values are to stand in it alone.
    parser = configparser.RawConfigParser(default_section="none of the sections")
    parser.read_dict({name: {key: str(value) for key, value in values.items()} for name, values in sections.items()})
    with file.open("w") as output:
        parser.write(output)


def write(layout: Layout, venv: Path) -> None:
    """Write what the services, the launcher and the clients read."""
    for folder in ("etc", "log", "lock", "nova", "script", "wanted", "running", "images"):
        (layout.base / folder).mkdir(exist_ok=True)
    nova = _with(_nova(layout), layout.nova)
    files = {
        "keystone.conf": _keystone(layout),
        "placement.conf": _placement(layout),
        "glance-api.conf": _glance(layout),
        "nova.conf": nova,
        # As where Nova is deployed: a compute knows no database.
        "nova-compute.conf": {key: value for key, value in nova.items() if key not in ("api_database", "database")},
    }
    for name, sections in files.items():
        _write_ini(layout.etc / name, sections)
    shutil.copy(venv / "etc" / "nova" / "api-paste.ini", layout.etc)
    shutil.copy(venv / "etc" / "glance" / "glance-api-paste.ini", layout.etc)
    for host in layout.hosts:
        state = layout.base / "hosts" / host
        state.mkdir(parents=True, exist_ok=True)
        _write_ini(layout.etc / f"{host}.conf", {"DEFAULT": {"host": host, "state_path": state}})
    (layout.base / "launcher.json").write_text(json.dumps(_services(layout), indent=1))
    (layout.base / "clouds.yaml").write_text(json.dumps({"clouds": _clouds(layout)}, indent=1))


def _services(layout: Layout) -> dict[str, dict[str, Any]]:
    """Return what the launcher has to know of each service."""
    services: dict[str, dict[str, Any]] = {
        name: {"kind": "wsgi", "module": module, "port": layout.ports[name]} for name, module in _WSGI.items()
    }
    services["neutron"] = {"kind": "neutron", "port": layout.ports["neutron"]}
    for name in ("conductor", "scheduler"):
        services[f"nova-{name}"] = _main(layout, f"nova.cmd.{name}", f"nova-{name}", layout.etc / "nova.conf")
    for host in layout.hosts:
        files = (layout.etc / "nova-compute.conf", layout.etc / f"{host}.conf")
        after = {"log": "nova-conductor.log", "text": "Starting conductor node"}
        services[f"compute-{host}"] = _main(layout, "nova.cmd.compute", f"compute-{host}", *files) | {"after": after}
    return {
        name: service | {"group": "nova" if name.startswith(("nova-", "compute-")) else "others"}
        for name, service in services.items()
    }


def _main(layout: Layout, module: str, name: str, *files: Path) -> dict[str, Any]:
    arguments = [word for file in files for word in ("--config-file", str(file))]
    return {"kind": "main", "module": module, "arguments": [*arguments, "--log-file", str(layout.log(name))]}


def _clouds(layout: Layout) -> dict[str, Any]:
    """Return clouds.yaml: an administrator, and a user whom Nova's policy refuses."""

    def cloud(user: str, project: str) -> dict[str, Any]:
        auth = {
            "auth_url": layout.url("keystone"),
            "username": user,
            "password": PASSWORD,
            "project_name": project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        return {"auth": auth, "region_name": "RegionOne", "identity_api_version": "3"}

    return {"admin": cloud("admin", "admin"), "member": cloud("member", "demo")}
