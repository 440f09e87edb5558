"""What goes wrong in a simulated world, and for how long that may stand in the keeper's way."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from keeper.core.declaration import Declaration
from keeper.simulator.invariants import Invariants
from keeper.simulator.nova import NovaModel
from keeper.simulator.path import PathModel
from keeper.simulator.story import DAY_S, HOUR_S, MINUTE_S, Fault, Kind, Story
from keeper.simulator.timeline import Timeline


class Strikeable(Protocol):
    """The parts of a world that can be struck."""

    time: Timeline
    story: Story
    nova: NovaModel
    path: PathModel
    invariants: Invariants

    def add_image(self, name: str) -> None:
        """Add a newer image of this name."""

    def declare(self, declarations: list[Declaration]) -> None:
        """Change what is declared."""

    def start_keeper(self) -> None:
        """Start the keeper, with no memory but the topic's."""

    def stop_keeper(self) -> None:
        """Kill the keeper."""


class Mishaps:
    """Lets faults strike a world."""

    def __init__(self, world: Strikeable) -> None:
        self._world = world
        self._obstacles = world.invariants.obstacles
        # How many faults of a kind last now, and those that wait for their moment.
        self._away: dict[Kind, int] = {}
        self._armed: dict[Kind, list[Fault]] = {}

    def schedule(self) -> None:
        """Let the story's faults happen, each at its time."""
        for fault in self._world.story.faults:
            self._world.time.at(self._world.story.start_s + fault.at_s, partial(self._strike, fault))

    def take(self, kind: Kind) -> bool:
        """Return whether a fault of this kind waits for this moment, and let it happen once."""
        armed = self._armed.get(kind)
        if not armed:
            return False
        armed.pop()
        # What the keeper can't know it waits out: a heartbeat, then the backoff.
        self.excuse(HOUR_S)
        return True

    def excuse(self, seconds: float) -> None:
        """Excuse what is purged without a request from now on, for a while."""
        now_s = self._world.time.now_s
        self._obstacles.everywhere.append((now_s, now_s + seconds))

    def _strike(self, fault: Fault) -> None:
        strike: Callable[[Fault], None] = getattr(self, f"_on_{fault.kind}", self._arm)
        strike(fault)

    def _arm(self, fault: Fault) -> None:
        self._armed.setdefault(fault.kind, []).append(fault)

    def _lasting(self, fault: Fault, begin: Callable[[], None], end: Callable[[], None], after_s: float) -> None:
        """Let something last; ``after_s``: for how long after its end it may still be in the way."""
        self.excuse(fault.for_s + after_s)
        self._away[fault.kind] = self._away.get(fault.kind, 0) + 1
        begin()

        def over() -> None:
            self._away[fault.kind] -= 1
            if not self._away[fault.kind]:
                end()

        self._world.time.after(fault.for_s, over)

    def _on_nova_away(self, fault: Fault) -> None:
        self._lasting(fault, lambda: self._set_nova(False), lambda: self._set_nova(True), 10 * MINUTE_S)

    def _set_nova(self, available: bool) -> None:  # noqa: FBT001 - a switch
        self._world.nova.available = available

    def _part(self, fault: Fault, part: str) -> None:
        def end() -> None:
            setattr(self._world.path, part, True)
            self._world.path.flow()

        def begin() -> None:
            setattr(self._world.path, part, False)
            self._world.path.flow()

        self._lasting(fault, begin, end, 10 * MINUTE_S)

    def _on_store_away(self, fault: Fault) -> None:
        self._part(fault, "store")

    def _on_kafka_away(self, fault: Fault) -> None:
        self._part(fault, "kafka")

    def _on_bridge_away(self, fault: Fault) -> None:
        self._part(fault, "bridge")

    def _on_processor_away(self, fault: Fault) -> None:
        self._part(fault, "processor")

    def _on_keeper_away(self, fault: Fault) -> None:
        self._lasting(fault, self._world.stop_keeper, self._world.start_keeper, 10 * MINUTE_S)

    def _host(self, fault: Fault) -> str:
        names = sorted(self._world.nova.hosts)
        return names[fault.which % len(names)]

    def _in_the_way(self, host: str, seconds: float) -> None:
        """Excuse what is purged on a host's aggregates for a while: a host that fails makes them wait."""
        now_s = self._world.time.now_s
        for aggregate in self._world.nova.aggregates.values():
            if host in aggregate.hosts:
                for image in self._world.nova.images:
                    spans = self._obstacles.by_image.setdefault((aggregate.name, image), [])
                    spans.append((now_s, now_s + seconds))

    def _on_host_down(self, fault: Fault) -> None:
        host = self._world.nova.hosts[self._host(fault)]
        host.up = False
        self._in_the_way(host.name, fault.for_s + DAY_S)

        def end() -> None:
            host.up = True

        self._world.time.after(fault.for_s, end)

    def _on_host_fails(self, fault: Fault) -> None:
        host = self._host(fault)
        self._world.nova.hosts[host].failures += fault.count
        self._in_the_way(host, 2 * DAY_S)

    def _on_host_hangs(self, fault: Fault) -> None:
        host = self._host(fault)
        self._world.nova.hosts[host].hangs += fault.count
        # It hangs whenever it is asked next, and holds up the whole cloud for that long.
        self._in_the_way(host, 2 * DAY_S)
        self.excuse(DAY_S)

    def _on_host_joins(self, fault: Fault) -> None:
        aggregate = sorted(self._world.nova.aggregates)[fault.which % len(self._world.nova.aggregates)]
        name = f"{aggregate}-{len(self._world.nova.hosts) + 1}"
        self._world.nova.add_host(name, purge_offset_s=float(fault.which))
        self._world.nova.aggregates[aggregate].hosts.append(name)

    def _on_host_leaves(self, fault: Fault) -> None:
        host = self._host(fault)
        for aggregate in self._world.nova.aggregates.values():
            if host in aggregate.hosts:
                aggregate.hosts.remove(host)

    def _on_conductor_dies(self, _fault: Fault) -> None:
        self._world.nova.kill_conductor()
        # Until nothing moved for long enough, and the request was repeated.
        self.excuse(4 * HOUR_S)

    def _on_image_replaced(self, fault: Fault) -> None:
        self._world.add_image(self._world.story.images[fault.which % len(self._world.story.images)])

    def _on_image_gone(self, fault: Fault) -> None:
        name = self._world.story.images[fault.which % len(self._world.story.images)]
        gone = {key: image for key, image in self._world.nova.images.items() if image.name == name}
        for key in gone:
            del self._world.nova.images[key]
        self.excuse(fault.for_s + HOUR_S)
        self._world.time.after(fault.for_s, lambda: self._world.nova.images.update(gone))

    def _on_other_request(self, fault: Fault) -> None:
        aggregate = sorted(self._world.nova.aggregates)[fault.which % len(self._world.nova.aggregates)]
        images = list(self._world.nova.images)
        if images and self._world.nova.available:
            self._world.nova.request(
                aggregate, [images[fault.which % len(images)]], f"other-{len(self._world.nova.operations)}"
            )

    def _on_paused(self, fault: Fault) -> None:
        self._world.declare([replace(each, paused=True) for each in self._world.story.declarations])
        self.excuse(fault.for_s + HOUR_S)
        self._world.time.after(fault.for_s, lambda: self._world.declare(list(self._world.story.declarations)))
