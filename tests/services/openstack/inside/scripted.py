"""Nova's fake driver with a real image cache: a folder of images for each host, filled from Glance, purged by age.

What a host does with an image stands in the file IMAGE_ID.json of the folder PRECACHE_SCRIPT, read at each call:

    {"*": {"delay_s": 0.5}, "cmp2": {"result": "error"}}

The entry of the host wins over that of all hosts. `delay_s` (seconds) comes before the result; a delay beyond
long_rpc_timeout makes the conductor give up. `result`: `cached` (the default), `error`, `unsupported`, or `exit` (the
process ends). `boot: error` makes a boot from the image fail.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import nova.conf
from nova.image import glance
from nova.virt import fake, node

CONF = nova.conf.CONF


def _rule(image_id: str) -> dict[str, Any]:
    try:
        rules = json.loads((Path(os.environ["PRECACHE_SCRIPT"]) / f"{image_id}.json").read_text())
    except FileNotFoundError:
        return {}
    return {**rules.get("*", {}), **rules.get(CONF.host, {})}


class ScriptedDriver(fake.FakeDriver):  # type: ignore[misc]
    """What a real driver does with images, without a hypervisor."""

    capabilities = fake.FakeDriver.capabilities | {"has_imagecache": True}

    # The identity of the node outlasts the process, as a real one's does: without it, a second start is refused.
    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        resources: dict[str, Any] = super().get_available_resource(nodename)
        return resources | {"uuid": node.get_local_node_uuid()}

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:  # noqa: FBT001, FBT002, ARG002 - Nova's
        return {node.get_local_node_uuid(): self.get_available_nodes()[0]}

    def cache_image(self, context: Any, image_id: str) -> bool:
        rule = _rule(image_id)
        time.sleep(rule.get("delay_s", 0))
        match rule.get("result", "cached"):
            case "exit":
                os._exit(9)
            case "unsupported":
                raise NotImplementedError
            case "error":
                raise RuntimeError("the script says so")
        return _fetch(context, image_id)

    def manage_image_cache(self, context: Any, all_instances: Any) -> None:  # noqa: ARG002 - Nova's signature
        """Purge what is unused for too long, as libvirt's driver does."""
        in_use = {instance.image_ref for instance in all_instances}
        oldest = time.time() - CONF.image_cache.remove_unused_original_minimum_age_seconds
        for file in _cache().iterdir():
            if file.name in in_use:
                file.touch()
            elif file.stat().st_mtime < oldest:
                file.unlink()

    def spawn(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        rule = _rule(instance.image_ref)
        if rule.get("boot") == "error":
            raise RuntimeError("the script says so")
        _fetch(context, instance.image_ref)
        super().spawn(context, instance, *args, **kwargs)


def _cache() -> Path:
    folder = Path(CONF.state_path) / "images"
    folder.mkdir(exist_ok=True)
    return folder


def _fetch(context: Any, image_id: str) -> bool:
    """Take an image from Glance unless it is here; its time is that of its last use."""
    file = _cache() / image_id
    if file.exists():
        file.touch()
        return False
    draft = Path(CONF.state_path) / f"{image_id}.part"
    glance.API().download(context, image_id, dest_path=str(draft))
    draft.rename(file)
    return True
