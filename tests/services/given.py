"""Addresses that the environment gives: whoever runs the tests may bring servers of their own, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# For each server the variables that have to be given, all or none.
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "rabbitmq": ("PRECACHE_TEST_RABBITMQ_URL",),
    "kafka": ("PRECACHE_TEST_KAFKA",),
    "influxdb": ("PRECACHE_TEST_INFLUX_URL", "PRECACHE_TEST_INFLUX_ORG", "PRECACHE_TEST_INFLUX_TOKEN"),
}

# Started only for the second tier of tests (`make test-more`).
MORE: Final[dict[str, tuple[str, ...]]] = {
    "rabbitmq4": ("PRECACHE_TEST_RABBITMQ4_URL",),
    "openstack": ("PRECACHE_TEST_OPENSTACK",),
}

# Those that no container stands for: they run as processes, also where there is an engine.
NATIVE_ONLY: Final = frozenset({"openstack"})

# What else is known of a server that was started here; with one that is given, tests do without.
OPTIONAL: Final[dict[str, tuple[str, ...]]] = {
    "rabbitmq": ("PRECACHE_TEST_RABBITMQ_API", "PRECACHE_TEST_RABBITMQCTL"),
    "rabbitmq4": ("PRECACHE_TEST_RABBITMQ4_API", "PRECACHE_TEST_RABBITMQ4CTL"),
    "kafka": (),
    "influxdb": (),
    "openstack": (),
}


class GivenError(ValueError):
    """Some of a server's variables are set, and others are not."""


def given_addresses(environment: Mapping[str, str], own: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return, for each server whose address is given, its variables.

    A shell that has read the exports of an earlier run has the variables set as well. What equals our `own` address is
    not given by anybody: that server is looked after, and started again when it has ended.
    """
    given = {}
    for server, names in (REQUIRED | MORE).items():
        ours = own.get(server, {})
        values = {name: environment[name] for name in names if environment.get(name)}
        if not values or all(values.get(name) == ours.get(name) for name in names):
            continue
        missing = [name for name in names if name not in values]
        if missing:
            msg = f"{server}: some of its variables are set, but not {', '.join(missing)}"
            raise GivenError(msg)
        # Empty, where it is our own server's or nobody's, so that a shell forgets what it knew of another server.
        extras = {name: environment.get(name, "") for name in OPTIONAL[server]}
        given[server] = values | {name: "" if value == ours.get(name) else value for name, value in extras.items()}
    return given
