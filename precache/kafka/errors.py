"""Kafka's errors as ours: the type says what to do.

:func:`classify` decides by the error's flags first (they know the call and the state it was made in), then by its code:
:mod:`precache.kafka.codes` names every code of librdkafka.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from confluent_kafka import KafkaError, KafkaException

from precache.kafka import codes
from precache.runtime.masking import mask_text


class KafkaCallError(Exception):
    """Something that Kafka or its client refused or could not do.

    Attributes:
        doing: what was tried: ``"produce"``, ``"commit the transaction"``.
        name: the code's name, such as ``_MSG_TIMED_OUT``.
        text: what Kafka says.
        actionable: nothing gets better by itself: somebody must act (credentials, rights, a missing topic, ...).
        retry: trying the same again may work.
    """

    retry: ClassVar[bool] = False

    def __init__(self, doing: str, name: str, text: str, *, actionable: bool = False) -> None:
        self.doing = doing
        self.name = name
        self.text = text
        self.actionable = actionable
        super().__init__(f"{doing}: {text} ({name})" if doing else f"{text} ({name})")


class KafkaRetry(KafkaCallError):
    """Will pass: wait, and try the same again. When ``actionable``, only after somebody acted."""

    retry = True


class KafkaRejected(KafkaCallError):
    """This record is refused for good.

    ``MSG_SIZE_TOO_LARGE`` is the broker's word on the whole batch that the record travelled in; topics whose
    ``max.message.bytes`` is below a batch of precache are refused by :func:`precache.kafka.topics.check`.
    """


class KafkaFenced(KafkaCallError):
    """This client, or its place in the group, is void: drop it and what was not acknowledged, and rebuild."""


class KafkaHanging(KafkaFenced):
    """A call did not return in time, although it was given a timeout. Leave the client behind, and call it no more."""


class KafkaAbortable(KafkaCallError):
    """The transaction cannot be committed: abort it, and do its work again from what is committed."""


class KafkaFatal(KafkaCallError):
    """Neither waiting nor rebuilding helps: somebody must act. Always ``actionable``."""


_TYPES: Final[dict[codes.Decision, type[KafkaCallError]]] = {
    "retry": KafkaRetry,
    "rejected": KafkaRejected,
    "fenced": KafkaFenced,
    "abortable": KafkaAbortable,
    "fatal": KafkaFatal,
}


def classify(error: KafkaError) -> type[KafkaCallError]:
    """Return what kind of error this is.

    A code that is not known (of a future librdkafka) is to be retried as an error: nothing is lost by that.
    """
    by_code = _TYPES[codes.DECISIONS.get(error.name(), "retry")]
    if error.fatal():
        # The client can do nothing more; but what made it so may be a wrong setting, which a new client has too.
        return KafkaFatal if by_code is KafkaFatal else KafkaFenced
    if error.txn_requires_abort():
        return KafkaAbortable
    if error.retriable():
        return KafkaRetry
    return by_code


def translate(error: KafkaError | KafkaException | BufferError, doing: str = "") -> KafkaCallError:
    """Return our exception for one of Kafka's; ``doing`` says what was tried."""
    if isinstance(error, BufferError):
        return KafkaRetry(doing, "_QUEUE_FULL", str(error) or "the local queue is full")
    inner = error.args[0] if isinstance(error, KafkaException) and error.args else error
    if not isinstance(inner, KafkaError):
        return KafkaFatal(doing, type(error).__name__, mask_text(str(error)), actionable=True)
    kind = classify(inner)
    name = inner.name()
    actionable = kind is KafkaFatal or name in codes.ACTIONABLE or name not in codes.DECISIONS
    text = mask_text(inner.str())
    return kind(doing, name, f"{text}: {codes.ADVICE[name]}" if name in codes.ADVICE else text, actionable=actionable)


@contextmanager
def kafka_errors(doing: str) -> Iterator[None]:
    """Raise as ours what Kafka raises inside of the ``with``; ``doing`` says what was tried there.

    Raises:
        KafkaCallError: one of its kinds.
    """
    try:
        yield
    except (KafkaException, BufferError) as error:
        raise translate(error, doing) from error
