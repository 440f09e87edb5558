"""`precache start` as an administrator of the small OpenStack, by a `clouds.yaml` and a `precache.yaml` of a test."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from tests.faults.processor.proxy import Proxy
from tests.support.process import Precache
from tests.support.small_openstack import Aggregate, SmallOpenStack
from tests.support.stack import Stack

# A request to cache images, as it passes a proxy.
POST = re.compile(rb"POST /v2\.1/os-aggregates/\d+/images ")
_RESUME = re.compile(r"with: precache (watch .*)$", re.MULTILINE)


class Starter:
    """What runs `precache start`, with one cloud, `paris`, for which it is the administrator."""

    def __init__(self, stack: Stack, openstack: SmallOpenStack, folder: Path) -> None:
        self.stack = stack
        self._openstack = openstack
        self._folder = folder
        self._given = json.loads(openstack.node.clouds_yaml.read_text())["clouds"]
        self._clouds = dict(self._given)
        self._begun: list[Precache] = []
        self.clouds_yaml = folder / "clouds.yaml"
        self.config = folder / "precache.yaml"
        self.entry("admin")
        self.operate(paris="admin")

    def entry(self, name: str, of: str = "admin", **changed: Any) -> None:
        """Write an entry of `clouds.yaml`: that of `admin` or `member`, with some keys changed."""
        self._clouds[name] = self._given[of] | changed
        self.clouds_yaml.write_text(json.dumps({"clouds": self._clouds}))

    def operate(self, **os_clouds: str) -> None:
        """Write the operator's file: each cloud, and its entry of `clouds.yaml`."""
        config = {
            "kafka": {"bootstrap.servers": self.stack.servers.kafka},
            "topics": self.stack.topics.config(),
            "operators": {"clouds": [{"name": name, "os_cloud": entry} for name, entry in os_clouds.items()]},
        }
        self.config.write_text(yaml.safe_dump(config))

    def nova_api(self) -> str:
        """Return where nova-api listens."""
        return self._openstack.node.layout.url("nova-api").removesuffix("/v2.1")

    def through(self, proxy: Proxy) -> None:
        """Have the administrator reach Nova through a proxy."""
        self.entry("admin", compute_endpoint_override=f"{proxy.url}/v2.1")

    def run(self, *args: str) -> Precache:
        """Start `precache ARGS...`."""
        env = {"OS_CLIENT_CONFIG_FILE": str(self.clouds_yaml)}
        process = Precache(args, self._folder, name=f"{args[0]}-{len(self._begun)}", env=env)
        self._begun.append(process)
        return process

    def start(self, aggregate: Aggregate, image: str, *args: str) -> Precache:
        """Start `precache start` for the cloud `paris`, unless the arguments name others."""
        cloud = [] if "--cloud" in args else ["--cloud", "paris"]
        return self.run("start", aggregate.name, image, *cloud, "--config", str(self.config), *args)

    def resume(self, process: Precache) -> Precache:
        """Start the command that a process printed last, as an operator copies it."""
        return self.run(*shlex.split(_RESUME.findall(process.stderr)[-1]))

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._begun:
            process.__exit__(None, None, None)
