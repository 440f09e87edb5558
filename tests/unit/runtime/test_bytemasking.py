import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precache.runtime.byte_masking import mask, mask_beginning
from tests.support.poisons import KINDS

SECRET = "hunter2"


def nested(value: object, depth: int) -> bytes:
    text = json.dumps(value)
    for _ in range(depth):
        text = json.dumps({"oslo.version": "2.0", "oslo.message": text})
    return text.encode()


CATALOGUE = [{"type": "image", "endpoints": [{"url": 'http://x/]"', "key": SECRET}]}, {"b": [SECRET, '\\"']}]


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "message",
    [
        {"_context_auth_token": SECRET, "after": "kept"},
        {"_context_service_catalog": CATALOGUE, "after": "kept"},
        {"payload": {"adminPass": SECRET + '"quoted\\', "x": 1}, "after": "kept"},
        {"db_password": SECRET, "after": "kept"},
        {"url": f"rabbit://nova:{SECRET}@host:5672/", "after": "kept"},
        {"credentials": {"a": {"b": SECRET}}, "after": "kept"},
        {"secret": 4711, "hunter": "kept", "after": "kept"},
        {"TOKEN": SECRET, "after": "kept"},
    ],
)
def test_credentials_are_masked_at_any_depth_and_the_rest_is_kept(message: dict[str, object], depth: int) -> None:
    body = nested(message, depth)
    masked = mask(body)
    assert b"hunter2" not in masked
    assert b"4711" not in masked
    assert b"kept" in masked
    assert b"***" in masked


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_masked_json_is_still_json(depth: int) -> None:
    message = {"auth_token": SECRET, "service_catalog": CATALOGUE, "password": None, "last": [1, {"x": "y"}]}
    text = mask(nested(message, depth)).decode()
    for _ in range(depth):
        text = json.loads(text)["oslo.message"]
    assert json.loads(text) == message | {"auth_token": "***", "service_catalog": "***"}


@pytest.mark.parametrize(
    "body",
    [
        b'\xff\xfe{"auth_token": "hunter2", "x": ',
        b"{'auth_token': 'hunter2', 'x': 1}",
        b'{"auth_token": "hunter2',
        b'{"oslo.message": "{\\"auth_token\\": \\"hunter2',
        b'{"oslo.message": "{\\"auth_token\\": \\"hunter2", "x": 1}',
        b'"service_catalog": [{"x": "hunter2"',
        b"X-Auth-Token: hunter2\r\nHost: x",
        b"password=hunter2&user=x",
        b"postgresql://nova:hunter2@db/nova",
        b"anything gAAAAABhunter2hunter2hunter2hunter2 anything",
        '{"auth_token": "hunter2"}'.encode("utf-16"),
        '{"auth_token": "hunter2"}'.encode("utf-32-be"),
    ],
)
def test_credentials_are_masked_in_what_is_no_json(body: bytes) -> None:
    masked = mask(body)
    assert b"hunter2" not in masked.replace(b"\x00", b"")


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"compressed-poison", "unknown-compression", "30-megabytes"}))
def test_no_poison_of_the_tests_shows_its_token(name: str) -> None:
    assert b"hunter2" not in mask(KINDS[name].body).replace(b"\x00", b"")


@pytest.mark.parametrize(
    "body", [b"", b'{"name": "x", "token_free": null}', b"\x00\x01\x02", b'{"hosts": ["a", "b"], "n": 1}', b"\\\\\\"]
)
def test_what_holds_no_credentials_is_kept_as_it_came(body: bytes) -> None:
    assert mask(body) == body


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.lists(st.text(max_size=5)), max_size=4),
    st.text(min_size=1),
    st.integers(0, 2),
)
def test_a_token_never_survives(message: dict[str, object], token: str, depth: int) -> None:
    token = "hunter2" + token + "hunter2"
    assert b"hunter2" not in mask(nested({"auth_token": token}, depth))
    assert b"hunter2" not in mask(nested(message | {"x_auth_token": [token]}, depth))


@pytest.mark.parametrize(
    "body",
    [
        b'"auth_token": ' * 200_000,
        b'"token' * 500_000,
        b"\\" * 3_000_000,
        b'{"a": "' + b"x" * 30_000_000 + b'"}',
        b'"secret": [' + b"[" * 1_000_000,
        b"://" * 1_000_000,
        b"://" + b"a" * 3_000_000,
    ],
)
def test_masking_takes_time_in_proportion(body: bytes) -> None:
    began = time.process_time()
    mask(body)
    assert time.process_time() - began < 10


STRADDLING = [
    '{"x": 1, "auth_token": "%s", "after": 1}',
    '{"oslo.message": "{\\"auth_token\\": \\"%s\\", \\"x\\": 1}"}',
    '{"service_catalog": [{"a": "%s"}, ["%s"]], "x": 1}',
    "password=%s&user=x",
    "X-Auth-Token: %s\r\nHost: x",
    "postgresql://nova:%s@db/nova",
    "gAAAAAB%s anything",
]
# 70 characters, of which no six are the same.
LONG = "".join(f"{number:02d}" for number in range(35))


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
@pytest.mark.parametrize("form", STRADDLING)
def test_a_secret_that_the_cut_goes_through_does_not_show(form: str, encoding: str) -> None:
    text = form.replace("%s", LONG)
    body = ('{"password": "x"} ' + text).encode(encoding) + b"." * 5_000
    for most in range(len(body) - 5_000 + 1):
        shown = mask_beginning(body, most).replace(b"\0", b"").decode(errors="replace")
        assert not any(LONG[at : at + 6] in shown for at in range(len(LONG) - 5)), (most, shown)


def test_the_beginning_is_kept_as_it_came_but_for_secrets() -> None:
    body = b'{"a": "b", "token": "hunter2", "c": "' + b"x" * 10_000 + b'"}'
    masked = mask(body)
    assert mask_beginning(body, 1_000)[:990] == masked[:990]
    assert mask_beginning(body, len(body)) == masked
    assert 900 < len(mask_beginning(body, 1_000)) <= 1_000


def test_no_more_than_the_beginning_is_looked_at() -> None:
    began = time.process_time()
    mask_beginning(b'"token' * 50_000_000, 256 * 1024)
    assert time.process_time() - began < 2
