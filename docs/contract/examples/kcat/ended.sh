#!/bin/sh
# Prints each operation that ended. Needs kcat and jq. With TLS or SASL: further -X options, as for librdkafka.
exec kcat -q -C -u -J -b "${BOOTSTRAP:-localhost:9092}" -t "${TOPIC:-precache.operations}" -o beginning \
    -X isolation.level=read_committed |
    jq --unbuffered -r 'select(.payload != null and (.headers // [] | index("io.precache.operation.v1")))
        | .payload | fromjson
        | select(.status == "completed" or .status == "completed_with_errors" or .status == "abandoned")
        | "\(.operation) \(.status) revision \(.revision): \(.hosts_done) of \(.hosts_total) hosts"'
