from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precache.runtime.masking import mask_text, mask_value

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rabbit://user:s3cr3t@host:5672/vhost", "rabbit://***@host:5672/vhost"),
        ("rabbit://u:s3cr3t@h1:5672,u2:s3cr3t@h2:5672/", "rabbit://***@h1:5672,***@h2:5672/"),
        ("rabbit://u:s3cr3t@h1:5672,h2:5672/", "rabbit://***@h1:5672,h2:5672/"),
        ("rabbit://u:s3,cr3t,s3cr3t@h1/", "rabbit://***@h1/"),
        ("rabbit://u:p/s3cr3t@h1/", "rabbit://***@h1/"),
        ("rabbit://u:p@s3cr3t@h1/", "rabbit://***@h1/"),
        ("rabbit//u:s3cr3t@h1/", "rabbit//***@h1/"),
        ("u:s3cr3t@h1", "***@h1"),
        (
            "cannot reach 'amqp://u:s3cr3t@h/x' or \"amqp://u:s3cr3t@h/y\"",
            "cannot reach 'amqp://***@h/x' or \"amqp://***@h/y\"",
        ),
        ("https://s3cr3t@host/x", "https://***@host/x"),
        ("http://host:8086/api", "http://host:8086/api"),
        ("mail ops@example.org about localhost:9092", "mail ops@example.org about localhost:9092"),
        ("password=s3cr3t&x=1", "password=***&x=1"),
        ("sasl.password: s3cr3t, x", "sasl.password: ***, x"),
        ('{"token": "s3cr3t", "x": 1}', '{"token": "***", "x": 1}'),
        ("Authorization: Token s3cr3t", "Authorization: Token ***"),
        ("authorization='Bearer s3cr3t'", "authorization='Bearer ***'"),
        ("client_secret=s3cr3t", "client_secret=***"),
        ("the token is refused", "the token is refused"),
        ("", ""),
    ],
)
def test_texts(text: str, masked: str) -> None:
    assert mask_text(text) == masked
    assert mask_text(masked) == masked


@given(
    user=st.from_regex(r"[a-z]{0,5}", fullmatch=True),
    before=st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters="\"'<>"), max_size=8),
    after=st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters="\"'<>"), max_size=8),
)
def test_a_password_never_shows_whatever_stands_around_it(user: str, before: str, after: str) -> None:
    assert SECRET not in mask_text(f"cannot reach rabbit://{user}:{before}{SECRET}{after}@host:5672/vhost: refused")


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ({"password": SECRET, "user": "u"}, {"password": "***", "user": "u"}),
        ({"a": [{"sasl.password": SECRET}]}, {"a": [{"sasl.password": "***"}]}),
        ({"X-Auth-Token": SECRET, "ssl.key.pem": SECRET}, {"X-Auth-Token": "***", "ssl.key.pem": "***"}),
        ({"token": {"inner": SECRET}}, {"token": "***"}),
        ({"token": "", "tokens_read": 5, "has_token": True}, {"token": "", "tokens_read": 5, "has_token": True}),
        (("amqp://u:s3cr3t@h",), ["amqp://***@h"]),
        (OSError("amqp://u:s3cr3t@h"), "OSError: amqp://***@h"),
        (5, 5),
        (None, None),
    ],
)
def test_values_of_any_shape(value: Any, masked: Any) -> None:
    assert mask_value(value) == masked
