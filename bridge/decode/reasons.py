"""Why a message could not be forwarded: the fixed words in ``precache_reason``, with what each one means.

A message that goes to the dead letters for one of these is acknowledged only once Kafka has the dead letter.
"""

from typing import Final

EMPTY_BODY: Final = "empty-body"
TOO_LARGE: Final = "too-large"
CONTENT_TYPE: Final = "content-type"
CONTENT_ENCODING: Final = "content-encoding"
NOT_UTF8: Final = "not-utf8"
NOT_JSON: Final = "not-json"
TOO_DEEP: Final = "too-deep"
DUPLICATE_KEY: Final = "duplicate-key"
NUMBER: Final = "number"
NOT_AN_OBJECT: Final = "not-an-object"
ENVELOPE: Final = "envelope"
ENVELOPE_VERSION: Final = "envelope-version"
MISSING_FIELD: Final = "missing-field"
FIELD_TYPE: Final = "field-type"
TIMESTAMP: Final = "timestamp"
NOT_VERSIONED: Final = "not-versioned"
PAYLOAD_VERSION: Final = "payload-version"
PAYLOAD_FIELD: Final = "payload-field"
REFUSED: Final = "refused-by-kafka"
INTERNAL: Final = "internal-error"

REASONS: Final[dict[str, str]] = {
    EMPTY_BODY: "The body has no bytes.",
    TOO_LARGE: "The body, unpacked, or the record made of it, is larger than Kafka takes, or it holds too many values.",
    CONTENT_TYPE: "The AMQP content type is not application/json.",
    CONTENT_ENCODING: "The AMQP content encoding is not utf-8, or the body can't be decompressed as it says.",
    NOT_UTF8: "The body, or the message in its envelope, is not UTF-8 text.",
    NOT_JSON: "The body, or the message in its envelope, is not JSON (NaN and Infinity are not JSON).",
    TOO_DEEP: "The JSON is nested deeper than readers take.",
    DUPLICATE_KEY: "An object names a key twice, so what it says depends on the reader.",
    NUMBER: "A number that readers would change: beyond 64 bits, or with more digits than a double holds.",
    NOT_AN_OBJECT: "The body, or the message in its envelope, is JSON but not an object.",
    ENVELOPE: "An oslo.messaging envelope without a message text in it.",
    ENVELOPE_VERSION: "An envelope of a version other than 2.0.",
    MISSING_FIELD: "A notification without event_type, message_id, publisher_id, timestamp or payload.",
    FIELD_TYPE: "One of these fields, or of the request's context, has a wrong type.",
    TIMESTAMP: "The timestamp is no time.",
    NOT_VERSIONED: "The payload is not a versioned object (nova_object.name, .version and .data).",
    PAYLOAD_VERSION: "The payload's major version is not one that this program reads.",
    PAYLOAD_FIELD: "A field of an image pre-cache payload is missing or has a wrong type.",
    INTERNAL: "This program failed on the message: please report it, with the dead letter.",
    REFUSED: "Kafka refused the record for good; the detail has its words.",
}
