"""``transport_url`` and the rabbit options, read as oslo.messaging reads them.

An operator pastes what stands in nova.conf; oslo.messaging itself parses it here, options in the URL's query included,
so that both mean the same.
"""

import re
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any, Final

_GROUP: Final = "oslo_messaging_rabbit"
_RABBIT_DRIVERS: Final = frozenset({"rabbit", "kombu"})
_DEFAULT_PORT: Final = 5672
_AFTER_AUTHORITY: Final = re.compile(r"[/?#]")

# What the `rabbit` source does with each option of oslo.messaging's that has an effect here.
EFFECTIVE: Final = frozenset(
    {
        "ssl",
        "ssl_version",
        "ssl_key_file",
        "ssl_cert_file",
        "ssl_ca_file",
        "ssl_enforce_hostname_verification",
        "rabbit_login_method",
        "heartbeat_timeout_threshold",
        "kombu_failover_strategy",
        "rabbit_retry_interval",
        "rabbit_interval_max",
        "rabbit_quorum_queue",
        "rabbit_quorum_delivery_limit",
        "rabbit_quorum_max_memory_length",
        "rabbit_quorum_max_memory_bytes",
        "amqp_durable_queues",
    }
)
# Those that would set what this program sets by itself, with what to write instead.
_INSTEAD: Final = {
    "rabbit_retry_backoff": "the pause doubles by itself, from rabbit_retry_interval to rabbit_interval_max",
    "rabbit_qos_prefetch_count": "the cloud's own `prefetch` says it",
    "amqp_auto_delete": "a queue that goes away with its consumer would lose what comes meanwhile",
}
# The versions of TLS that oslo.messaging knows by name; "" and sslv23 leave it to both ends.
TLS_VERSIONS: Final = {
    "": None,
    "sslv23": None,
    "tlsv1": ssl.TLSVersion.TLSv1,
    "tlsv1_1": ssl.TLSVersion.TLSv1_1,
    "tlsv1_2": ssl.TLSVersion.TLSv1_2,
}
# What a cloud waits at most until it connects again, unless its options say otherwise; oslo.messaging has 30 s.
_INTERVAL_MAX_S: Final = 5
_LOGIN_METHODS: Final = frozenset({"PLAIN", "AMQPLAIN", "EXTERNAL"})
_NO_SUCH_OPTION: Final = f"oslo.messaging has no such option in [{_GROUP}]"


# USER:PASSWORD before an @ would be masked in it as a secret.
_NO_URL: Final = (
    "is no transport URL: it should be rabbit://, USER:PASSWORD, an @ and HOST:PORT/VIRTUAL_HOST in one word."
    " Characters such as / @ : # ? , % in a user's name or password must be percent-encoded (what a ${VARIABLE} of a"
    " configuration file holds is encoded in its place)"
)


class TransportError(ValueError):
    """The URL or an option can't be used; the text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Host:
    """One RabbitMQ node, with the credentials for it."""

    name: str
    port: int
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport URL with the options that go with it, taken apart.

    Attributes:
        driver: the URL's scheme.
        hosts: in the URL's order.
        virtual_host: ``/`` unless the URL names one.
        options: every option of the group with its effective value.
        given: the names of those that the configuration or the URL's query set.
    """

    driver: str
    hosts: tuple[Host, ...]
    virtual_host: str
    options: Mapping[str, Any]
    given: frozenset[str]

    @property
    def is_rabbit(self) -> bool:
        """Whether RabbitMQ is at the other end, so that AMQP can be spoken to it directly."""
        return self.driver in _RABBIT_DRIVERS


def oslo() -> Any:
    """Return the modules of oslo.messaging and oslo.config that are used, imported on the first call.

    They take a second, and warn of libraries that they themselves are about to leave: nothing that a user could fix.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import oslo_messaging  # noqa: PLC0415
        from oslo_config import cfg  # noqa: PLC0415
        from oslo_messaging._drivers import amqp, common, impl_rabbit  # noqa: PLC0415
        from oslo_messaging.notify import listener  # noqa: PLC0415
    return SimpleNamespace(
        messaging=oslo_messaging, cfg=cfg, amqp=amqp, common=common, impl_rabbit=impl_rabbit, listener=listener
    )


def new_conf(options: Mapping[str, Any]) -> Any:
    """Return a fresh oslo.config with the rabbit options registered and those given set.

    Raises:
        TransportError: an option is unknown, or has a value that it can't have.
    """
    libraries = oslo()
    cfg = libraries.cfg
    conf = cfg.ConfigOpts()
    conf([], project="precache", default_config_files=[], default_config_dirs=[])
    conf.register_opts(libraries.impl_rabbit.rabbit_opts, group=_GROUP)
    conf.register_opts(libraries.amqp.amqp_opts, group=_GROUP)
    conf.set_default("rabbit_interval_max", _INTERVAL_MAX_S, group=_GROUP)
    for name, value in options.items():
        try:
            conf.set_override(name, value, group=_GROUP)
        except cfg.NoSuchOptError:
            raise TransportError(f"{name}: {_NO_SUCH_OPTION}") from None
        except (ValueError, TypeError) as error:
            raise TransportError(f"{name}: {error}") from None
    return conf


def errors_of_options(options: Mapping[str, Any], *, for_rabbit: bool) -> dict[str, str]:
    """Return what is wrong with options of a configuration file, by their names.

    Args:
        options: as in nova.conf's ``[oslo_messaging_rabbit]``.
        for_rabbit: the ``rabbit`` source is to use them.
    """
    errors = {}
    for name, value in options.items():
        try:
            new_conf({name: value})
        except TransportError as error:
            errors[name] = str(error).removeprefix(f"{name}: ")
    return {**_without_effect(options), **errors} if for_rabbit else errors


def read(transport_url: str, options: Mapping[str, Any]) -> Transport:
    """Take a transport URL and its options apart.

    Raises:
        TransportError: the URL, or an option in the configuration or in the URL's query, can't be used.
    """
    if not _is_unambiguous(transport_url):
        raise TransportError(_NO_URL)
    libraries = oslo()
    messaging = libraries.messaging
    conf = new_conf(options)
    try:
        url = messaging.TransportURL.parse(conf, transport_url)
    except (messaging.InvalidTransportURL, ValueError):
        # Their texts repeat the URL or pieces of it, a piece of the password maybe.
        raise TransportError(_NO_URL) from None
    try:
        proxy = libraries.common.ConfigOptsProxy(conf, url, _GROUP)[_GROUP]
        values = {name: proxy[name] for name in proxy}
    except (AttributeError, ValueError, TypeError, KeyError, libraries.cfg.Error) as error:
        names = ", ".join(sorted(url.query))
        raise TransportError(f"an option in the URL's query ({names}) can't be used: {type(error).__name__}") from None
    return Transport(
        driver=url.transport,
        hosts=tuple(_host(host) for host in url.hosts),
        virtual_host=url.virtual_host or "/",
        options=values,
        given=frozenset(options) | frozenset(url.query),
    )


def _is_unambiguous(transport_url: str) -> bool:
    """Whether no character of a password can be what ends the address, or begins another host.

    What oslo.messaging would then take for a host, a port or a virtual host would be shown in logs and errors.
    """
    _, mark, rest = transport_url.partition("://")
    end = _AFTER_AUTHORITY.search(rest)
    authority, beyond = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    with_user = ["@" in host for host in authority.split(",")]
    return bool(mark) and "#" not in beyond and "@" not in beyond and with_user == sorted(with_user, reverse=True)


def check_driver(transport: Transport) -> list[str]:
    """Return what speaks against a transport that oslo.messaging is to be reached by: it has no such driver."""
    drivers = sorted(entry.name for entry in entry_points(group="oslo.messaging.drivers"))
    if transport.driver.partition("+")[0] in drivers:
        return []
    return [f"oslo.messaging has no driver {transport.driver!r}; it has {', '.join(drivers)}"]


def check_for_rabbit(transport: Transport) -> list[str]:
    """Return what speaks against the ``rabbit`` source: another driver, options without effect."""
    if not transport.is_rabbit:
        return [
            f"the driver {transport.driver!r} is not RabbitMQ: say `source: oslo` to reach it through oslo.messaging"
        ]
    given = {name: transport.options.get(name) for name in sorted(transport.given)}
    errors = [f"{name} {text}" for name, text in _without_effect(given).items()]
    return errors if transport.hosts else ["names no host", *errors]


def _without_effect(options: Mapping[str, Any]) -> dict[str, str]:
    """Return, by their names, the options that the ``rabbit`` source can do nothing with."""
    errors = {}
    for name, value in options.items():
        if name not in EFFECTIVE:
            reason = _INSTEAD.get(name, "take it out, or say `source: oslo`")
            errors[name] = f"has no effect with `source: rabbit`: {reason}"
        elif name == "rabbit_login_method" and value not in _LOGIN_METHODS:
            errors[name] = f"({value}) is not supported with `source: rabbit`: use PLAIN or EXTERNAL"
        elif name == "ssl_version" and str(value).lower() not in TLS_VERSIONS:
            errors[name] = f"({value}) is none that is supported: leave it out, or use TLSv1_2"
    return errors


def _host(host: Any) -> Host:
    return Host(
        host.hostname or "localhost", host.port or _DEFAULT_PORT, host.username or "guest", host.password or "guest"
    )
