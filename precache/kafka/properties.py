"""What librdkafka calls its properties, and which of them are not the user's to set.

The names are those that librdkafka 2.16 accepts. They serve near matches only: whether one exists, librdkafka says.
"""

from typing import Final

_COMMIT = "offsets are committed only after what was read is stored safely; a commit at any other time loses data"
_IDEMPOTENCE = "the order and uniqueness of records rest on the idempotent producer, which precache sets up itself"
_PARTITIONER = (
    "all events of one aggregate share a partition, whichever client wrote them: every bridge uses murmur2_random"
)
_ISOLATION = "derived topics are written in transactions: reading uncommitted records would show what was rolled back"
_TIMEOUT = "how long a record is kept while Kafka is away is for precache to decide (`hold` in the bridge's file)"
_RESET = (
    "where to start is known from what was stored; a jump to another place would lose or repeat data without a word"
)
_INSTANCE = "precache gives clients their identity itself (`instance` at the top of the file)"
_RECOVERY = (
    "precache sets metadata.recovery.strategy=rebootstrap: with `none`, a client may never connect again after Kafka"
    " was away"
)
_FATE = "a transaction's identity is what fences a processor that was replaced; it is made from `instance`"

REFUSED: Final[dict[str, str]] = {
    "enable.auto.commit": _COMMIT,
    "auto.commit.enable": _COMMIT,
    "auto.commit.interval.ms": _COMMIT,
    "enable.auto.offset.store": _COMMIT,
    "offset.store.method": _COMMIT,
    "offset.store.path": _COMMIT,
    "offset.store.sync.interval.ms": _COMMIT,
    "auto.offset.reset": _RESET,
    "isolation.level": _ISOLATION,
    "enable.idempotence": _IDEMPOTENCE,
    "enable.gapless.guarantee": _IDEMPOTENCE,
    "acks": "a record counts as written only when all replicas have it: precache sets acks=all",
    "request.required.acks": "a record counts as written only when all replicas have it: precache sets acks=all",
    "max.in.flight": _IDEMPOTENCE,
    "max.in.flight.requests.per.connection": _IDEMPOTENCE,
    "retries": _IDEMPOTENCE,
    "message.send.max.retries": _IDEMPOTENCE,
    "queuing.strategy": _IDEMPOTENCE,
    "partitioner": _PARTITIONER,
    "message.timeout.ms": _TIMEOUT,
    "delivery.timeout.ms": _TIMEOUT,
    "delivery.report.only.error": "acknowledgements wait for the delivery report of each record, good ones too",
    "produce.offset.report": "acknowledgements wait for the delivery report of each record, offsets included",
    "transactional.id": _FATE,
    "transaction.timeout.ms": "how long a killed processor's work is waited for is tuned with the rest of the protocol",
    "enable.partition.eof": "precache finds the end of a partition by the broker's offsets",
    "group.instance.id": _INSTANCE,
    "client.id": _INSTANCE,
    "allow.auto.create.topics": "topics are made with settings that matter: use `precache topics create`",
    "statistics.interval.ms": "precache reads the state of the connections from the statistics, at its own interval",
    "log_level": "the level of all logs is set on the command line (`--log-level`)",
    "log.queue": "precache reads librdkafka's logs itself",
    "enabled_events": "precache uses librdkafka's callbacks",
    "metadata.recovery.strategy": _RECOVERY,
    "group.protocol": "the hand-over of partitions is proved with the classic protocol only",
    "share.acknowledgement.mode": "precache reads with consumer groups, not share groups",
}
REFUSED_PREFIXES: Final[dict[str, str]] = {
    "topic.blacklist": "a topic that is hidden from precache would look as if it did not exist",
}
_CALLBACKS = """
error_cb stats_cb throttle_cb log_cb dr_cb dr_msg_cb consume_cb rebalance_cb offset_commit_cb on_delivery on_commit
oauth_cb oauthbearer_token_refresh_cb socket_cb connect_cb closesocket_cb open_cb resolve_cb background_event_cb
partitioner_cb msg_order_cmp ssl.certificate.verify_cb logger opaque default_topic_conf default.topic.config
interceptors
"""
CALLBACKS: Final = frozenset(_CALLBACKS.split())
SECRET: Final = frozenset(
    {
        "sasl.password",
        "sasl.jaas.config",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.client.credentials.client.secret",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
    }
)
# What files usually have: a misspelt key is compared with these. librdkafka itself knows which keys there are.
USUAL: Final = frozenset(
    [
        "batch.size",
        "bootstrap.servers",
        "client.rack",
        "compression.type",
        "debug",
        "fetch.max.bytes",
        "fetch.wait.max.ms",
        "group.id",
        "heartbeat.interval.ms",
        "linger.ms",
        "max.poll.interval.ms",
        "message.max.bytes",
        "metadata.broker.list",
        "reconnect.backoff.max.ms",
        "request.timeout.ms",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.oauthbearer.client.id",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.scope",
        "sasl.oauthbearer.token.endpoint.url",
        "sasl.password",
        "sasl.username",
        "security.protocol",
        "session.timeout.ms",
        "socket.timeout.ms",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.endpoint.identification.algorithm",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.keystore.location",
        "ssl.keystore.password",
        "enable.ssl.certificate.verification",
    ]
)
