"""The processor's place in its consumer group.

The callbacks of a rebalance only note what happened: a partition is read from when its state was rebuilt, which takes
longer than a callback may. Until then it is the group's promise to us, and not yet assigned to the client.
"""

from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from precache.service.kafka.errors import kafka_errors
from precache.service.logs import log


class Membership:
    """One member of the group. For one thread.

    Attributes:
        owned: the partitions that the group gave us.
        joined: the group has given us a share, be it an empty one.
    """

    def __init__(self, consumer: Consumer, topic: str, *, cooperative: bool) -> None:
        self.owned: set[int] = set()
        self.joined = False
        self._consumer = consumer
        self._topic = topic
        self._cooperative = cooperative
        self._reading: set[int] = set()
        self._anew: set[int] = set()
        self._lost: set[int] = set()
        self._paused: set[int] = set()

    def join(self) -> None:
        """Ask for a share of the topic's partitions."""
        with kafka_errors("subscribe"):
            self._consumer.subscribe(
                [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )

    def poll(self, records: int, timeout_s: float) -> list[Message]:
        """Serve the group and return what there is to read: what comes within the time, then only what is there."""
        with kafka_errors("read"):
            messages = self._consumer.consume(1, timeout_s)
            return messages + self._consumer.consume(records - 1, 0) if messages else messages

    def more(self, records: int) -> list[Message]:
        """Return what is there to be read at once."""
        with kafka_errors("read"):
            return self._consumer.consume(records, 0)

    def take_lost(self) -> set[int]:
        """Return the partitions that were taken away since this was last called; some may be owned again."""
        lost, self._lost = self._lost, set()
        return lost

    def any_lost(self) -> bool:
        """Return whether a partition was taken away since :meth:`take_lost` was last called."""
        return bool(self._lost)

    def read_anew(self, number: int) -> None:
        """Have the next :meth:`read` go back to the partition's frontier, whatever was fetched of it already."""
        self._anew.add(number)

    def read(self, frontiers: Mapping[int, int]) -> None:
        """Read these partitions and no others, each from its frontier on.

        Call it between rounds only, with nothing polled that was not applied: it may go back to the frontiers of all.
        """
        removed = self._reading & (self._anew | (self._reading - frontiers.keys()))
        added = frontiers.keys() - (self._reading - removed)
        self._anew.clear()
        if not added and not removed:
            return
        self._resume(removed)
        with kafka_errors("assign partitions"):
            if not self._cooperative:
                self._consumer.assign(self._places(frontiers))
            else:
                if removed:
                    self._consumer.incremental_unassign([TopicPartition(self._topic, number) for number in removed])
                if added:
                    self._consumer.incremental_assign(self._places({number: frontiers[number] for number in added}))
        self._reading = set(frontiers)

    def pause(self) -> None:
        """Read nothing for a while; the group is still to be served by :meth:`poll`."""
        if added := self._reading - self._paused:
            self._paused |= added
            with kafka_errors("pause"):
                self._consumer.pause([TopicPartition(self._topic, number) for number in added])

    def resume(self) -> None:
        """Read again what was read before :meth:`pause`."""
        self._resume(self._reading)

    def metadata(self) -> Any:
        """Return what a transaction needs to be fenced with the group's generation."""
        return self._consumer.consumer_group_metadata()

    def committed(self, number: int, timeout_s: float) -> TopicPartition:
        """Return the group's committed offset of a partition, with its metadata.

        Raises:
            KafkaRetry: no answer in time; among others while a killed processor's transaction is open.
        """
        with kafka_errors("read the committed offset"):
            return self._consumer.committed([TopicPartition(self._topic, number)], timeout=timeout_s)[0]

    def end_offset(self, number: int, timeout_s: float) -> int:
        """Return, from the broker, the offset that the partition's next record will have."""
        with kafka_errors("read the end offset"):
            place = TopicPartition(self._topic, number)
            offsets = self._consumer.get_watermark_offsets(place, timeout=timeout_s, cached=False)
            return int(offsets[1])

    def known_end_offset(self, number: int) -> int:
        """Return the end offset as the last fetch told it; negative when none did."""
        with kafka_errors("read the end offset"):
            return int(self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), cached=True)[1])

    def leave(self) -> None:
        """Leave the group, so that others take over at once."""
        with kafka_errors("leave the group"):
            self._consumer.close()

    def _resume(self, numbers: set[int]) -> None:
        """Take the pause away. Before a partition is let go, too: the client would not read it when it comes back."""
        if paused := numbers & self._paused:
            self._paused -= paused
            with kafka_errors("resume"):
                self._consumer.resume([TopicPartition(self._topic, number) for number in paused])

    def _places(self, frontiers: Mapping[int, int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number, offset) for number, offset in frontiers.items()]

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        numbers = {place.partition for place in places}
        log.info("processor.assigned", partitions=sorted(numbers))
        self.joined = True
        if self._cooperative:
            self.owned |= numbers
            consumer.incremental_assign([])
        else:
            self.owned = numbers
            consumer.assign([])

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._give_back(consumer, places, "processor.revoked")

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._give_back(consumer, places, "processor.lost")

    def _give_back(self, consumer: Consumer, places: list[TopicPartition], event: str) -> None:
        numbers = {place.partition for place in places}
        log.info(event, partitions=sorted(numbers))
        self.owned -= numbers
        self._lost |= numbers
        self._resume(numbers & self._reading)
        if not self._cooperative:
            self._reading.clear()
            consumer.unassign()
            return
        consumer.incremental_unassign([TopicPartition(self._topic, number) for number in numbers & self._reading])
        self._reading -= numbers
