"""Calls of librdkafka that may not return, although they were given a timeout."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from precache.kafka.errors import KafkaHanging, KafkaRetry
from precache.runtime.bounded import NotReturnedError, call_within

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

# Past its timeout, a call has this long to return.
_OVERTIME_S: Final = 1.0


def within(doing: str, timeout_s: float, call: Callable[[], T]) -> T:
    """Make a call that was given ``timeout_s``, in a thread that is left behind when it does not return.

    Raises:
        KafkaHanging: it did not return. Its client is not to be called again.
    """
    try:
        return call_within(timeout_s + _OVERTIME_S, call)
    except NotReturnedError as error:
        raise KafkaHanging(doing, "_TIMED_OUT", str(error)) from error


def answer(doing: str, timeout_s: float, future: "Future[T]") -> T:
    """Return what an admin client's request that was given ``timeout_s`` leads to.

    Raises:
        KafkaRetry: the client itself did not answer in time.
        KafkaException: Kafka refused.
    """
    try:
        return future.result(timeout_s + _OVERTIME_S)
    except TimeoutError as error:
        raise KafkaRetry(doing, "_TIMED_OUT", f"no answer within {timeout_s:g} s") from error
