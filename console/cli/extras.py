"""Parts that are installed by extras, and the words for when one is not."""

from typing import Final

# Which extra brings a module that a part of precache imports.
_EXTRA_OF: Final = {
    "oslo_messaging": "bridge",
    "oslo_config": "bridge",
    "kombu": "bridge",
    "amqp": "bridge",
    "pika": "bridge",
    "influxdb_client": "processor",
    "openstack": "openstack",
    "keystoneauth1": "openstack",
    "jinja2": "web",
    "starlette": "web",
    "uvicorn": "web",
}


def missing(error: ModuleNotFoundError) -> str | None:
    """Return what to say of a module that is not there; None when no extra of precache would bring it."""
    module = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF.get(module)
    if extra is None:
        return None
    return f"{module} is not installed: this needs the extra [{extra}].\nTry: pip install 'nova-precache[{extra}]'"
