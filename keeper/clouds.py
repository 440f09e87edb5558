"""The clouds as the keeper looks at them and asks them: OpenStack, the store, and the notifications in Kafka."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from keeper.api import Reply
from keeper.core.declaration import ImageChoice
from keeper.core.observed import CloudView, ObservedImage, Unavailable
from keeper.notifications import NotificationLog
from keeper.view import (
    HostClock,
    merged,
    observed_aggregates,
    observed_images,
    observed_operation,
    observed_residency,
)
from precache.contract.times import NS_PER_S
from precache.contract.wanted import Wanted
from precache.openstack.api import Aggregate, CloudInventory, Image, NoResponseError, OpenStackError
from precache.query.api import BootFilter, Evidence, QueryError, Reader
from precache.query.residency import Question, estimate

# What began earlier says nothing of an image that Nova keeps for a day; a longer purge_after looks back further.
_LOOK_BACK_S: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class ReachableCloud:
    """How one cloud is reached, and which images are declared there.

    Attributes:
        connect: logs in.
        choices: the declared images.
        purge_after_s: takes the names of an aggregate; in seconds.
        longest_purge_s: the longest that Nova keeps an unused image there.
    """

    connect: Callable[[], CloudInventory]
    choices: Sequence[ImageChoice]
    purge_after_s: Callable[..., float]
    longest_purge_s: float


class OpenStackClouds:
    """A :class:`keeper.api.Clouds`. For one thread.

    Args:
        reader: the store.
        log: the notifications in Kafka.
        clock: seconds since the epoch.
    """

    def __init__(self, reader: Reader, log: NotificationLog, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._log = log
        self._clock = clock
        self._access: Mapping[str, ReachableCloud] = {}
        self._clients: dict[str, CloudInventory] = {}
        self._host_clocks: dict[str, HostClock] = {}

    def configure(self, access: Mapping[str, ReachableCloud]) -> None:
        """Take what the configuration says of each cloud; clients are made anew."""
        self._access = access
        self._clients.clear()

    def look(self, cloud: str, _records: Mapping[str, Wanted]) -> CloudView | Unavailable:
        """See :meth:`keeper.api.Clouds.look`.

        Raises:
            KafkaCallError: the notifications can't be read.
        """
        self._log.catch_up()
        try:
            return self._view(cloud)
        except OpenStackError as error:
            self._clients.pop(cloud, None)
            return Unavailable(str(error))
        except QueryError as error:
            return Unavailable(f"the store: {error}")

    def ask(self, cloud: str, aggregate_id: int, image: str, global_request_id: str) -> Reply:
        """See :meth:`keeper.api.Clouds.ask`."""
        aggregate = Aggregate(aggregate_id, "", str(aggregate_id), ())
        try:
            self._client(cloud).cache_images(aggregate, [image], global_request_id)
        except NoResponseError as error:
            self._clients.pop(cloud, None)
            return Reply("unknown", str(error))
        except OpenStackError as error:
            # Nova refused, or nothing was sent: either way it has no request.
            self._clients.pop(cloud, None)
            return Reply("refused", str(error))
        return Reply("accepted")

    def _client(self, cloud: str) -> CloudInventory:
        if cloud not in self._clients:
            self._clients[cloud] = self._access[cloud].connect()
        return self._clients[cloud]

    def _view(self, cloud: str) -> CloudView:
        client, now_s = self._client(cloud), self._clock()
        aggregates = client.aggregates()
        services = client.compute_hosts()
        images = [each for choice in self._access[cloud].choices for each in _images(client, choice)]
        evidence = self._evidence(cloud, now_s)
        live = {(cloud, each.uuid): each.hosts for each in aggregates}
        access = self._access[cloud]
        question = Question(
            now_ns=int(now_s * NS_PER_S),
            purge_after_s=lambda _cloud, *names: access.purge_after_s(*names),
            live_hosts=live,
        )
        boots = self._reader.boots(BootFilter(cloud=cloud, since_ns=self._since_ns(cloud, now_s)))
        return CloudView(
            aggregates=observed_aggregates(
                aggregates, services, self._host_clocks.setdefault(cloud, HostClock()), now_s
            ),
            images=merged(images),
            operations=[observed_operation(each) for each in evidence.operations],
            residency=observed_residency(estimate(evidence, question, boots)),
            started=self._log.started,
            heartbeat_s=self._log.heartbeats.get(cloud),
        )

    def _evidence(self, cloud: str, now_s: float) -> Evidence:
        return self._reader.evidence(self._since_ns(cloud, now_s), cloud)

    def _since_ns(self, cloud: str, now_s: float) -> int:
        look_back_s = max(_LOOK_BACK_S, 2 * self._access[cloud].longest_purge_s)
        return int((now_s - look_back_s) * NS_PER_S)


def _images(client: CloudInventory, choice: ImageChoice) -> list[ObservedImage]:
    found: list[Image]
    if choice.text:
        by_id = client.image_by_id(choice.text)
        found = client.images({"name": choice.text}) if by_id is None else [by_id]
    else:
        found = client.images(dict(choice.properties))
    return observed_images(choice, found)
