"""Which operations a partition holds in memory, and which it has closed."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Final

from precache.contract.identity import aggregate_key
from processor.core.operation import OperationState

_DIGEST_BYTES: Final = 16


class OperationIndex:
    """The operations of one partition. A closed one costs a digest of its id."""

    __slots__ = ("_by_key", "_closed", "_closing", "_operations")

    def __init__(self) -> None:
        # In the order of their first offsets, so that the first one's is the smallest.
        self._operations: dict[str, OperationState] = {}
        # The same ones as an event finds its own: by the record's key, then the request id.
        self._by_key: dict[bytes, dict[str, OperationState]] = {}
        self._closed: set[bytes] = set()
        self._closing: list[int] = []

    def __len__(self) -> int:
        return len(self._operations)

    def __iter__(self) -> Iterator[OperationState]:
        return iter(self._operations.values())

    def find(self, key: bytes, request_id: str) -> OperationState | None:
        """Return the operation that an event belongs to, if it is in memory."""
        operations = self._by_key.get(key)
        return operations.get(request_id) if operations is not None else None

    def admit(self, operation: OperationState) -> None:
        """Take in an operation; none that is in memory began after it."""
        self._operations[operation.id] = operation
        self._by_key.setdefault(_key(operation), {})[operation.request_id] = operation

    def close(self, operation: OperationState) -> None:
        """Let an operation leave memory; until :meth:`forget` its events still count as needed."""
        del self._operations[operation.id]
        key = _key(operation)
        operations = self._by_key[key]
        del operations[operation.request_id]
        if not operations:
            del self._by_key[key]
        self._closing.append(operation.first_offset)
        self.mark_closed(operation.id)

    def take_closed(self, digests: AbstractSet[bytes]) -> None:
        """Remember that the operations with these digests have ended for good."""
        self._closed |= digests

    def mark_closed(self, operation_id: str) -> None:
        """Remember that an operation has ended for good."""
        self._closed.add(digest(operation_id))

    def is_closed(self, operation_id: str) -> bool:
        """Return whether an operation has ended for good."""
        return digest(operation_id) in self._closed

    def replay_from(self, next_offset: int) -> int:
        """Return the first offset that is still needed: of those in memory and just closed; else the next offset."""
        first = next(iter(self._operations.values())).first_offset if self._operations else next_offset
        return min([first, *self._closing])

    def forget(self) -> None:
        """Let go of the first offsets of those that were closed."""
        self._closing.clear()


def _key(operation: OperationState) -> bytes:
    return aggregate_key(operation.cloud, operation.aggregate_uuid).encode()


def digest(operation_id: str) -> bytes:
    """Return what is kept of the id of an operation that has ended."""
    return blake2b(operation_id.encode(), digest_size=_DIGEST_BYTES).digest()
