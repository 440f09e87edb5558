import hashlib
from dataclasses import replace
from uuid import UUID

from precache.contract.deadletters import MAX_BYTES, DeadLetter


def letter(body: bytes, detail: str = "value: expected a JSON object") -> DeadLetter:
    return DeadLetter(
        reason="not-json",
        detail=detail,
        cloud="paris",
        origin="precache.info",
        received_at="2026-11-22T06:24:38.695Z",
        body=body,
        properties={"content_type": "application/json"},
    )


def test_a_dead_letter_says_why_whence_and_when() -> None:
    dead = letter(b"\xff\x00")
    headers = dict(dead.headers())
    assert dead.value() == b"\xff\x00"
    assert dead.key() == b"paris"
    assert headers["precache_reason"] == b"not-json"
    assert headers["precache_detail"] == b"value: expected a JSON object"
    assert headers["precache_cloud"] == b"paris"
    assert headers["precache_origin"] == b"precache.info"
    assert headers["precache_received_at"] == b"2026-11-22T06:24:38.695Z"
    assert headers["precache_properties"] == b'{"content_type":"application/json"}'
    assert headers["ce_type"] == b"io.precache.deadletter.v1"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == b"application/json"
    assert "precache_sha256" not in headers


def test_a_long_body_is_cut_and_its_length_and_hash_are_kept() -> None:
    body = b"x" * (MAX_BYTES + 1)
    dead = letter(body)
    headers = dict(dead.headers())
    assert len(dead.value()) == MAX_BYTES
    assert headers["precache_length"] == str(len(body)).encode()
    assert headers["precache_sha256"] == hashlib.sha256(body).hexdigest().encode()


def test_of_a_body_that_was_cut_before_it_was_masked_the_whole_is_reported() -> None:
    whole = b"x" * (MAX_BYTES + 10)
    dead = replace(letter(b"masked"), whole=whole)
    assert dead.value() == b"masked"
    assert dict(dead.headers())["precache_length"] == str(len(whole)).encode()
    assert dict(dead.headers())["precache_sha256"] == hashlib.sha256(whole).hexdigest().encode()
    assert "precache_length" not in dict(replace(dead, whole=b"short").headers())


def test_each_dead_letter_is_an_event_of_its_own() -> None:
    dead = letter(b"{}")
    assert dict(dead.headers())["ce_id"] != dict(dead.headers())["ce_id"]


def test_one_that_is_written_again_is_the_same_event_where_it_can_be_reported() -> None:
    ids = [dict(replace(letter(b"{}"), identity=identity).headers())["ce_id"] for identity in ("a", "a", "b")]
    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)


def test_a_lone_surrogate_in_the_detail_does_not_stop_a_dead_letter() -> None:
    assert dict(letter(b"{}", detail="bad \ud800 text").headers())["precache_detail"] == b"bad ? text"


def test_an_id_that_is_derived_has_the_form_of_all_dead_letters_ids() -> None:
    ids = []
    for identity in ("a", "a", "b", ""):
        letter = DeadLetter(
            reason="late",
            detail="",
            cloud="c",
            origin="t/0/1",
            received_at="2026-11-22T06:24:38.695Z",
            body=b"",
            properties={},
            identity=identity,
        )
        ids.append(UUID(dict(letter.headers())["ce_id"].decode()))
    assert [each.version for each in ids] == [4] * 4
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
