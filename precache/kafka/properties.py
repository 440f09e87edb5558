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
    "enable.partition.eof": "precache tells the end of a partition by the broker's offsets",
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
_SETTABLE = """
api.version.fallback.ms api.version.request api.version.request.timeout.ms batch.num.messages batch.size
bootstrap.servers broker.address.family broker.address.ttl broker.version.fallback builtin.features check.crcs
client.dns.lookup client.rack compression.codec compression.level compression.type connections.max.idle.ms
consume.callback.max.messages coordinator.query.interval.ms debug enable.metrics.push enable.random.seed
enable.sasl.oauthbearer.unsecure.jwt enable.sparse.connections enable.ssl.certificate.verification
fetch.error.backoff.ms fetch.max.bytes fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms
fetch.wait.max.ms group.id group.protocol.type group.remote.assignor heartbeat.interval.ms https.ca.location
https.ca.pem internal.termination.signal linger.ms log.connection.close log.thread.name max.partition.fetch.bytes
max.poll.interval.ms message.copy.max.bytes message.max.bytes metadata.broker.list metadata.max.age.ms
metadata.recovery.rebootstrap.trigger.ms metadata.request.timeout.ms
partition.assignment.strategy plugin.library.paths queue.buffering.backpressure.threshold
queue.buffering.max.kbytes queue.buffering.max.messages queue.buffering.max.ms queued.max.messages.kbytes
queued.min.messages receive.message.max.bytes reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms
retry.backoff.max.ms retry.backoff.ms sasl.jaas.config sasl.kerberos.keytab sasl.kerberos.kinit.cmd
sasl.kerberos.min.time.before.relogin sasl.kerberos.principal sasl.kerberos.service.name sasl.mechanism
sasl.mechanisms sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
sasl.oauthbearer.assertion.jwt.template.file sasl.oauthbearer.assertion.private.key.file
sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem
sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret
sasl.oauthbearer.client.id sasl.oauthbearer.client.secret sasl.oauthbearer.config sasl.oauthbearer.extensions
sasl.oauthbearer.grant.type sasl.oauthbearer.metadata.authentication.type sasl.oauthbearer.method
sasl.oauthbearer.scope sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url sasl.password
sasl.username security.protocol session.timeout.ms socket.connection.setup.timeout.ms socket.keepalive.enable
socket.max.fails socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms
ssl.ca.certificate.stores ssl.ca.location ssl.ca.pem ssl.certificate.location ssl.certificate.pem
ssl.cipher.suites ssl.crl.location ssl.curves.list ssl.endpoint.identification.algorithm ssl.engine.id
ssl.engine.location ssl.key.location ssl.key.password ssl.key.pem ssl.keystore.location ssl.keystore.password
ssl.providers ssl.sigalgs.list ssl.truststore.location sticky.partitioning.linger.ms
topic.metadata.propagation.max.ms topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms
topic.metadata.refresh.sparse
"""
KNOWN: Final = frozenset(_SETTABLE.split())
