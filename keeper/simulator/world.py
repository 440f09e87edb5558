"""The simulated world: Nova, the path, a Kafka that remembers, and the real rounds of the keeper on top."""

from collections.abc import Mapping, Sequence
from typing import Final, Self

from keeper.api import Reply
from keeper.core.choice import find_images
from keeper.core.declaration import Declaration
from keeper.core.observed import CloudView, ObservedAggregate, ObservedHost, ObservedImage, Unavailable
from keeper.core.requests import rfc3339
from keeper.round import CloudDeclarations, Round
from keeper.simulator.invariants import Invariants
from keeper.simulator.mishaps import Mishaps
from keeper.simulator.nova import AggregateModel, NovaModel, OperationModel, SentNotification
from keeper.simulator.path import PathModel
from keeper.simulator.story import DAY_S, MINUTE_S, Kind, Story
from keeper.simulator.timeline import Timeline
from precache.contract.wanted import Wanted

CLOUD: Final = "cloud"


class KilledError(Exception):
    """The keeper's process ends here."""


class AwayError(Exception):
    """A server does not answer."""


class World:
    """Runs a story; raises where an invariant breaks.

    Attributes:
        topic: the records of ``precache.wanted``, which outlive the keeper.
        rounds: how many the keeper made.
    """

    def __init__(self, story: Story) -> None:
        self.story = story
        self.time = Timeline(story.start_s)
        self.topic: dict[str, Wanted] = {}
        self.rounds = 0
        self._wishes = [CloudDeclarations(CLOUD, story.rules, story.declarations)]
        self._declared = list(story.declarations)
        self.nova = NovaModel(self.time, story.rules.purge_after_s, self._send, self._on_purge, first_s=story.first_s)
        self.path = PathModel(self.time, {name: f"uuid-{name}" for name in story.aggregates})
        self.invariants = Invariants(self.nova, self.path, story.rules.requests)
        self._fill()
        self._alive = True
        self._since: dict[str, float] = {}
        self._last_hosts: set[tuple[str, bool]] = set()
        self.start_keeper()
        self.time.every(story.interval_s, self._round, first_s=5.0)
        self._mishaps = Mishaps(self)
        self._mishaps.schedule()

    def run(self) -> Self:
        """Let the story's days pass."""
        self.time.run(self.story.start_s + self.story.days * DAY_S)
        return self

    def absent(self) -> list[str]:
        """Return what is declared and not there now, in truth, on hosts that are up: ``IMAGE on HOST``."""
        return [
            f"{image.name} on {name}"
            for declaration in self.story.declarations
            for choice in declaration.images
            for image in find_images(choice, list(self.nova.images.values()))[0]
            for name in self.nova.aggregates[declaration.aggregate].hosts
            if self.nova.hosts[name].up and image.id not in self.nova.hosts[name].images
        ]

    # --- the cloud

    def _fill(self) -> None:
        for number, (name, hosts) in enumerate(self.story.aggregates.items(), 1):
            names = [f"{name}-{host}" for host in range(1, hosts + 1)]
            self.nova.aggregates[name] = AggregateModel(number, f"uuid-{name}", name, names)
            for host in names:
                self.nova.add_host(host, purge_offset_s=37.0 * len(self.nova.hosts))
        for name in self.story.images:
            self.add_image(name)

    def add_image(self, name: str) -> None:
        """Add a newer image of this name."""
        number = len(self.nova.images) + 1
        image = ObservedImage(
            f"{name}-{number}", name, "active", rfc3339(self.time.now_s + number), {"os_distro": name}
        )
        self.nova.images[image.id] = image

    def _send(self, notification: SentNotification) -> None:
        self.path.send(notification)

    def _on_purge(self, host: str, image: str, touched_s: float) -> None:
        for declaration in self._declared:
            aggregate = self.nova.aggregates[declaration.aggregate]
            if host not in aggregate.hosts or declaration.paused:
                continue
            for choice in declaration.images:
                if any(each.id == image for each in find_images(choice, list(self.nova.images.values()))[0]):
                    self.invariants.on_purge(
                        self.time.now_s,
                        host,
                        aggregate=aggregate.name,
                        image=image,
                        touched_s=touched_s,
                        declaration=declaration,
                    )

    # --- what the keeper needs of the world: keeper.api.Clouds and keeper.api.Memory

    def look(self, _cloud: str, _records: Mapping[str, Wanted]) -> CloudView | Unavailable:
        """Return the cloud as the keeper sees it."""
        if not self.nova.available:
            return Unavailable("Nova does not answer")
        if not self.path.store:
            return Unavailable("the store does not answer")
        return CloudView(
            aggregates=[self._seen(each) for each in self.nova.aggregates.values()],
            images=list(self.nova.images.values()),
            residency=self.path.residency,
            operations=self.path.operations(),
            started=self.path.started,
            heartbeat_s=self.path.heartbeat_s,
        )

    def _seen(self, model: AggregateModel) -> ObservedAggregate:
        hosts = [ObservedHost(name, self.nova.hosts[name].up, self._since_s(model.name, name)) for name in model.hosts]
        return ObservedAggregate(model.id, model.uuid, model.name, hosts)

    def _since_s(self, aggregate: str, host: str) -> float | None:
        """Return when this keeper first saw a host there and up; ``None`` when it was so at the keeper's start."""
        place = f"{aggregate}/{host}"
        if not self.nova.hosts[host].up:
            self._since.pop(place, None)
            return None
        if self._first:
            self._since[place] = -1.0
        since_s = self._since.setdefault(place, self.time.now_s)
        return None if since_s < 0 else since_s

    def ask(self, _cloud: str, aggregate_id: int, image: str, global_request_id: str) -> Reply:
        """Ask Nova, with what goes wrong on the way."""
        name = next(each.name for each in self.nova.aggregates.values() if each.id == aggregate_id)
        reply, took = self._request(name, image, global_request_id)
        record = next(each for each in self.topic.values() if each.global_request_id == global_request_id)
        declaration = next(each for each in self._declared if each.aggregate == name)
        self.invariants.on_request(self.time.now_s, record, name, declaration, took)
        self._kill("killed_after_request")
        return reply

    def _request(self, aggregate: str, image: str, global_request_id: str) -> tuple[Reply, OperationModel | None]:
        if self._mishaps.take("request_lost"):
            return Reply("unknown", "connection lost"), None
        if self._mishaps.take("refused"):
            return Reply("refused", "403: policy"), None
        try:
            why = self.nova.request(aggregate, [image], global_request_id)
        except LookupError as error:
            return Reply("unknown", str(error)), None
        if why:
            return Reply("refused", why), None
        took = self.nova.operations[-1]
        return Reply("unknown", "connection lost") if self._mishaps.take("response_lost") else Reply("accepted"), took

    def read(self) -> Mapping[str, Wanted]:
        """Return the records."""
        if not self.path.kafka:
            raise AwayError("Kafka does not answer")
        return dict(self.topic)

    def write(self, records: Sequence[Wanted]) -> None:
        """Write records."""
        intent = any(record.answer == "intended" for record in records)
        if intent:
            self._kill("killed_before_intent")
        if not self.path.kafka:
            raise AwayError("Kafka does not answer")
        self.topic.update({record.key: record for record in records})
        if intent:
            self._kill("killed_after_intent")

    # --- the keeper's life

    def start_keeper(self) -> None:
        """Start the keeper, with no memory but the topic's."""
        self._alive = True
        self._first = True
        self._since.clear()
        self._keeper = Round(self, self, lambda: self.time.now_s)

    def _round(self) -> None:
        if not self._alive:
            return
        self.rounds += 1
        try:
            self._keeper.run(self._wishes)
        except AwayError:
            return
        except KilledError:
            self._alive = False
            self._mishaps.excuse(20 * MINUTE_S)
            self.time.after(5 * MINUTE_S, self.start_keeper)
        else:
            self._first = self._first and not self._looked()

    def _looked(self) -> bool:
        return self.nova.available and self.path.store

    def _kill(self, kind: Kind) -> None:
        if self._mishaps.take(kind):
            raise KilledError(kind)

    def stop_keeper(self) -> None:
        """Kill the keeper."""
        self._alive = False

    def declare(self, declarations: list[Declaration]) -> None:
        """Change what is declared."""
        self._declared = declarations
        self._wishes = [CloudDeclarations(CLOUD, self.story.rules, declarations)]
