"""The one place where errors of openstacksdk and keystoneauth become ours, with what to do about each."""

import re
from typing import Final

from keystoneauth1 import exceptions as auth
from openstack import exceptions as sdk
from urllib3 import exceptions as wire

from precache.openstack.api import (
    MICROVERSION,
    CloudConfigError,
    CloudUnreachableError,
    NoResponseError,
    OpenStackError,
    RefusedError,
)
from precache.runtime.bounded import NotReturnedError
from precache.runtime.masking import mask_text

# What a client does first, in words.
LOG_IN: Final = "log in"

_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500

# What to do about a status of Nova or Glance.
_REMEDIES: Final = {
    400: "Check the images with `openstack image show`: each must exist, be visible to this user and be given once",
    401: "The token has expired or is not valid here: log in again, and see that clocks agree",
    403: "Use credentials that may do this (as a rule the role admin), or change the policy",
    404: "It may have been removed meanwhile: look with `openstack aggregate list` and `openstack image list`",
    406: f"This Nova has no microversion {MICROVERSION}: pre-caching needs Nova of Ussuri (21.0) or later",
    429: "Too many requests: wait, and try again",
}
_POLICIES: Final = "policy compute:aggregates:images"

# How keystoneauth begins what it says of a connection; behind it comes a chain of quoted exceptions.
_WHERE: Final = re.compile(r"(?:Unable to establish connection to|SSL exception connecting to|Request to) (\S+?):? ")

# Nothing had left this machine yet when one of these was raised.
_BEFORE_SENDING: Final = (
    wire.NewConnectionError,
    wire.ConnectTimeoutError,
    wire.SSLError,
    wire.ProxyError,
    wire.LocationParseError,
)
_BAD_CONFIG: Final = (
    sdk.ConfigException,
    auth.MissingRequiredOptions,
    auth.OptionError,
    auth.NoMatchingPlugin,
    auth.UnsupportedParameters,
    auth.MissingAuthPlugin,
    auth.AuthPluginException,
    auth.CatalogException,
    auth.VersionNotAvailable,
    sdk.EndpointNotFound,
)


def translate(error: Exception, place: str, doing: str) -> OpenStackError:
    """Return our error for one that was raised while a cloud was only read.

    Args:
        error: of openstacksdk, keystoneauth, or a call that did not return.
        place: the cloud, as a person named it.
        doing: what was asked, such as ``list aggregates``.
    """
    if isinstance(error, OpenStackError):
        return error
    text = f"{place}: cannot {doing}: {_words(error)}"
    if isinstance(error, _BAD_CONFIG):
        return CloudConfigError(f"{text}. Check the cloud's entry in clouds.yaml, or OS_CLOUD and the other OS_*")
    status = _status(error)
    if isinstance(error, auth.HttpError) and (status == _UNAUTHORIZED or (doing == LOG_IN and status == _NOT_FOUND)):
        remedy = "Keystone refuses the credentials: check them in clouds.yaml, or the OS_* of the environment"
        # Of a token that has expired or was revoked Keystone says 404; so does what is no Keystone.
        remedy += "" if status == _UNAUTHORIZED else ", and auth_url. A token may have expired: get a new one"
        return CloudUnreachableError(f"{text}. {remedy}", transient=False)
    if status is None or status >= _SERVER_ERROR or status == _TOO_MANY:
        return CloudUnreachableError(f"{text}. Check the network, and the endpoints (`openstack catalog list`)")
    return refused(status, text)


def of_request(error: Exception, place: str, doing: str) -> OpenStackError:
    """Return our error for a request that changes something, and had no response.

    Args:
        error: what was raised instead of a response.
        place: the cloud, as a person named it.
        doing: what was asked.
    """
    if _never_sent(error):
        return translate(error, place, doing)
    return NoResponseError(f"{place}: cannot tell whether Nova took the request to {doing}: {_words(error)}")


def of_response(status: int, words: str, place: str, doing: str) -> OpenStackError:
    """Return our error for a response that is no success, to a request that changes something.

    A server error leaves open whether the request was taken: a gateway in between says so when it lost the response.
    """
    said = mask_text(words).strip() or "no reason was given"
    if status >= _SERVER_ERROR:
        return NoResponseError(f"{place}: cannot tell whether Nova took the request to {doing}: {said} (HTTP {status})")
    return refused(status, f"{place}: Nova refused to {doing}: {said} (HTTP {status})")


def refused(status: int, text: str) -> RefusedError:
    """Return a refusal with what to do about it."""
    remedy = _REMEDIES.get(status, "Nova took nothing")
    if status < 400:  # noqa: PLR2004 - HTTP's own number
        remedy = "A request is not sent twice: let the service catalogue name the address behind the redirection"
    if status == 403 and "cache" in text:  # noqa: PLR2004 - HTTP's own number
        remedy += f" ({_POLICIES})"
    return RefusedError(f"{text.rstrip('. ')}. {remedy}", status)


def _words(error: Exception) -> str:
    if isinstance(error, NotReturnedError):
        return f"no answer: {error}"
    place = _WHERE.match(str(error)) if isinstance(error, auth.ConnectionError) else None
    if place is not None:
        root = _chain(error)[-1]
        return mask_text(f"{place[1]}: {'timed out' if isinstance(root, TimeoutError) else root}")
    details = getattr(error, "details", None)
    text = str(details or getattr(error, "message", None) or error)
    status = _status(error)
    return mask_text(text).strip().rstrip(".") + (f" (HTTP {status})" if status and str(status) not in text else "")


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None) or getattr(error, "http_status", None)
    return status if isinstance(status, int) and status else None


def _never_sent(error: BaseException) -> bool:
    """Return whether an error, or one behind it, shows that no connection came about."""
    return any(isinstance(each, (*_BEFORE_SENDING, auth.SSLError)) for each in _chain(error))


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and those behind it, the first cause last."""
    found = [error]
    while (behind := found[-1].__cause__ or found[-1].__context__) is not None and behind not in found:
        found.append(behind)
    return found
