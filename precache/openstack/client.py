"""One cloud through openstacksdk: bounded in time, reads tried again, the request that caches images sent once."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar
from urllib.parse import quote
from uuid import UUID

import openstack
from openstack import exceptions as sdk
from openstack.connection import Connection

from precache import __version__
from precache.openstack import errors
from precache.openstack.api import (
    MICROVERSION,
    Aggregate,
    CloudUnreachableError,
    ComputeHost,
    Image,
    OpenStackError,
)
from precache.openstack.names import find_aggregate, find_image
from precache.runtime.backoff import backoff_s
from precache.runtime.bounded import call_within
from precache.runtime.deadline import Deadline
from precache.runtime.logs import log

# Between two bytes of a response, and for a connection.
_SILENCE_S: Final = 20.0
# For one whole answer, and for all attempts to have it.
_ANSWER_S: Final = 30.0
_ATTEMPTS: Final = 3
_READ_S: Final = 60.0
# Nova asks Glance for each image before it answers.
_REQUEST_S: Final = 60.0
_ACCEPTED: Final = 202
_NOT_FOUND: Final = 404
_PAGE: Final = 200
# Of these the newest are wanted: nobody declares more.
_MOST_IMAGES: Final = 1_000

T = TypeVar("T")


def connect(os_cloud: str | None, region: str | None = None, *, place: str = "") -> "CloudClient":
    """Read how to reach a cloud, and log in.

    Args:
        os_cloud: its entry in `clouds.yaml`; None for OS_CLOUD, or the other OS_* of the environment.
        region: where the entry has several.
        place: what errors call the cloud; the entry by default.

    Raises:
        OpenStackError: no such entry, no network, wrong credentials.
    """
    place = place or os_cloud or "the cloud of OS_*"
    try:
        connection = openstack.connect(
            cloud=os_cloud, region_name=region, app_name="precache", app_version=__version__, api_timeout=_SILENCE_S
        )
    # Whatever the SDK and its plugins raise here is of the configuration or the network, and becomes words.
    except Exception as error:
        raise errors.translate(error, place, errors.LOG_IN) from error
    client = CloudClient(connection, place)
    client.log_in()
    return client


class CloudClient:
    """A :class:`~precache.openstack.api.Cloud`. One thread uses it at a time.

    Args:
        connection: of openstacksdk.
        place: what errors call the cloud.
    """

    def __init__(self, connection: Connection, place: str) -> None:
        self._connection = connection
        self._place = place

    def log_in(self) -> None:
        """Have a token that does not expire within the next seconds."""
        self.read(errors.LOG_IN, self._connection.session.get_token)

    def aggregate(self, wanted: str) -> Aggregate:
        """Return the aggregate of this id, uuid or name."""
        return find_aggregate(self.aggregates(), wanted, self._place)

    def aggregates(self) -> list[Aggregate]:
        """Return all aggregates."""
        found = self._get("list aggregates", "/os-aggregates")["aggregates"]
        return [Aggregate(each["id"], each["uuid"], each["name"], tuple(each["hosts"])) for each in found]

    def image(self, wanted: str) -> Image:
        """Return the image of this id or name."""
        doing = f"look for the image {wanted!r}"
        return find_image(self.read(doing, lambda: self._images(wanted)), wanted, self._place)

    def images(self, properties: Mapping[str, str]) -> list[Image]:
        """Return all images with these properties, the newest first."""
        doing = f"list images with {', '.join(f'{key}={value}' for key, value in properties.items())}"
        return self.read(doing, lambda: self._images_with(properties))

    def _images_with(self, properties: Mapping[str, str]) -> list[Image]:
        # As Glance sends them: the SDK's own listing knows some properties by other names.
        found: list[Image] = []
        path, query = "/images", {**properties, "sort": "created_at:desc", "limit": str(_PAGE)}
        while path and len(found) < _MOST_IMAGES:
            response = self._connection.image.get(path, params=query, skip_cache=True)
            sdk.raise_from_response(response)
            page = response.json()
            found += map(_image_of, page["images"])
            # Glance's link has its own version before the path, and the query in it.
            path, query = str(page.get("next") or "").removeprefix("/v2"), {}
        return found

    def image_by_id(self, identity: str) -> Image | None:
        """Return the image with this id; ``None``: there is none that this user may see."""

        def ask() -> Image | None:
            response = self._connection.image.get(f"/images/{quote(identity, safe='')}", skip_cache=True)
            if response.status_code == _NOT_FOUND:
                return None
            sdk.raise_from_response(response)
            return _image_of(response.json())

        return self.read(f"look for the image {identity!r}", ask)

    def compute_hosts(self) -> list[ComputeHost]:
        """Return all compute hosts."""
        found = self._get("list compute services", "/os-services?binary=nova-compute")["services"]
        return [ComputeHost(each["host"], each["state"] == "up", each["status"] == "enabled") for each in found]

    def cache_images(self, aggregate: Aggregate, images: Sequence[str], global_request_id: str) -> str:
        """Ask once for images (by id) on the hosts of an aggregate; return Nova's request id, ``""`` if untold."""
        doing = f"cache images on aggregate {aggregate.name!r}"
        # A token that is about to expire is renewed here, where a failure is known to come before the request.
        self.log_in()
        body = {"cache": [{"id": image} for image in images]}

        def ask() -> Any:
            return self._connection.compute.post(
                f"/os-aggregates/{aggregate.id}/images",
                json=body,
                microversion=MICROVERSION,
                global_request_id=global_request_id,
                timeout=_REQUEST_S,
                # Each of these would send it a second time.
                connect_retries=0,
                status_code_retries=0,
                redirect=False,
                allow_reauth=False,
            )

        log.debug("openstack.request", cloud=self._place, doing=doing, images=images, id=global_request_id)
        try:
            response = call_within(_REQUEST_S, ask)
        except Exception as error:
            raise errors.of_request(error, self._place, doing) from error
        log.debug("openstack.response", cloud=self._place, doing=doing, status=response.status_code)
        if response.status_code != _ACCEPTED:
            raise errors.of_response(response.status_code, _said(response), self._place, doing)
        return str(response.headers.get("x-openstack-request-id", ""))

    def read(self, doing: str, call: Callable[[], T]) -> T:
        """Make a call that changes nothing, and make it again when the network or the cloud fails for a moment.

        Args:
            doing: what for, in the words of an error: "cannot ...".
            call: to be made in a thread of its own.

        Raises:
            OpenStackError: it was refused, or no attempt had an answer in time.
        """
        deadline = Deadline.after(_READ_S)
        attempt = 0
        while True:
            failure, began = OpenStackError(), time.monotonic()
            try:
                found = call_within(min(_ANSWER_S, max(1.0, deadline.left())), call)
            except Exception as error:  # noqa: BLE001 - each becomes one of precache's, or is raised as it is
                failure = errors.translate(error, self._place, doing)
                failure.__cause__ = error
                log.debug("openstack.failed", cloud=self._place, doing=doing, error=str(failure))
            else:
                log.debug("openstack.answered", cloud=self._place, doing=doing, seconds=time.monotonic() - began)
                return found
            attempt += 1
            again = isinstance(failure, CloudUnreachableError) and failure.transient
            if not again or attempt >= _ATTEMPTS or deadline.passed:
                raise failure
            time.sleep(backoff_s(attempt))

    def _get(self, doing: str, path: str) -> Any:
        def ask() -> Any:
            # A cache that clouds.yaml asks for would return yesterday's hosts.
            response = self._connection.compute.get(path, microversion=MICROVERSION, skip_cache=True)
            sdk.raise_from_response(response)
            return response.json()

        return self.read(doing, ask)

    def _images(self, wanted: str) -> list[Image]:
        images = self._connection.image
        found: list[Any] = []
        if _is_uuid(wanted):
            with suppress(sdk.NotFoundException):
                found = [images.get_image(wanted)]
        # A name may look like an id.
        found = found or list(images.images(name=wanted))
        return [Image(str(each.id), str(each.name or ""), str(each.status)) for each in found]


def _image_of(found: Mapping[str, Any]) -> Image:
    created_at = str(found.get("created_at") or "")
    return Image(str(found["id"]), str(found.get("name") or ""), str(found["status"]), created_at)


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _said(response: Any) -> str:
    """Return the words of a response that is no success."""
    try:
        sdk.raise_from_response(response)
    except sdk.HttpException as error:
        return str(error.details or "")
    return f"a redirection to {response.headers.get('location', 'nowhere')!r}"
