"""From a host name to a connected socket, TLS included, within a time and stoppable."""

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from bridge.source.transport_url import TLS_VERSIONS
from precache.runtime.bounded import NotReturnedError, call_within

_STEP_S: Final = 0.2


class DialError(Exception):
    """No connection could be made; the text says why."""


def dial(
    host: str, port: int, *, timeout_s: float, stopped: Callable[[], bool], tls: ssl.SSLContext | None
) -> socket.socket:
    """Connect to a host, trying each of its addresses.

    Args:
        host: a name or an address.
        port: the TCP port.
        timeout_s: for all addresses together.
        stopped: asked several times a second; dialling ends when it says yes.
        tls: the context for a TLS connection; ``None`` for a plain one.

    Raises:
        DialError: no address answered in time, TLS failed, or it was stopped.
    """
    deadline = time.monotonic() + timeout_s
    try:
        # A resolver whose servers are away takes minutes, and no timeout.
        addresses = call_within(timeout_s, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
    except NotReturnedError:
        raise DialError(f"{host} can't be resolved within {timeout_s:g} s") from None
    except OSError as error:
        raise DialError(f"{host} can't be resolved: {error.strerror or error}") from None
    why = "no address"
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            _connect(sock, address, deadline, stopped)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock if tls is None else _handshake(sock, host, tls, deadline, stopped)
        except OSError as error:
            sock.close()
            why = _words(error)
        except BaseException:
            sock.close()
            raise
    raise DialError(f"{host}:{port}: {why}")


def tls_context(options: Mapping[str, Any]) -> ssl.SSLContext | None:
    """Return the TLS context that the rabbit options ask for; ``None`` without ``ssl``.

    As oslo.messaging does it: the broker is verified when ``ssl_ca_file`` is given, and not otherwise.

    Raises:
        OSError: a file can't be read, or does not hold what it should.
    """
    if not options["ssl"]:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # With `source: oslo` any may be given, and is oslo.messaging's own matter: `doctor` connects all the same.
    version = TLS_VERSIONS.get(options["ssl_version"].lower())
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if options["ssl_ca_file"]:
        context.load_verify_locations(options["ssl_ca_file"])
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = bool(options["ssl_enforce_hostname_verification"])
    if options["ssl_cert_file"]:
        context.load_cert_chain(options["ssl_cert_file"], options["ssl_key_file"] or None)
    return context


def _connect(sock: socket.socket, address: Any, deadline: float, stopped: Callable[[], bool]) -> None:
    sock.setblocking(False)
    error = sock.connect_ex(address)
    if error not in {0, errno.EINPROGRESS}:
        raise OSError(error, os.strerror(error))
    _wait(sock, select.POLLOUT, deadline, stopped)
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))


def _handshake(
    sock: socket.socket, host: str, tls: ssl.SSLContext, deadline: float, stopped: Callable[[], bool]
) -> ssl.SSLSocket:
    wrapped = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    while True:
        try:
            wrapped.do_handshake()
        except ssl.SSLWantReadError:
            _wait(wrapped, select.POLLIN, deadline, stopped)
        except ssl.SSLWantWriteError:
            _wait(wrapped, select.POLLOUT, deadline, stopped)
        else:
            return wrapped


def _wait(sock: socket.socket, event: int, deadline: float, stopped: Callable[[], bool]) -> None:
    poll = select.poll()
    poll.register(sock, event)
    while not poll.poll(1000 * _STEP_S):
        if stopped():
            raise DialError("stopped")
        if time.monotonic() > deadline:
            raise TimeoutError(None, "no answer in time")


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the broker's certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return error.strerror or str(error)
