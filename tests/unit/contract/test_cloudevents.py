from precache.contract import cloudevents


def test_source_segments_are_percent_encoded() -> None:
    assert cloudevents.source("clouds", "paris", "nova-api:ctrl01") == "/clouds/paris/nova-api:ctrl01"
    assert cloudevents.source("clouds", "a/b c%é") == "/clouds/a%2Fb%20c%25%C3%A9"


def test_headers_follow_the_kafka_binding_in_binary_mode() -> None:
    made = cloudevents.headers(
        event_id="1", source_path="/clouds/paris", event_type="t.v1", subject="s", time="2026-11-22T06:24:38Z"
    )
    assert made == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"1"),
        ("ce_source", b"/clouds/paris"),
        ("ce_type", b"t.v1"),
        ("ce_subject", b"s"),
        ("ce_time", b"2026-11-22T06:24:38Z"),
        ("content-type", b"application/json"),
    ]
