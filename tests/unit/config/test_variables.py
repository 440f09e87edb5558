"""Where in a text a variable stands, and what becomes of its value there."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bridge.source import transport_url as transport
from precache.config import Block, load
from precache.config.variables import VARIABLE, in_place

HOSTILE = "p@ss/w#o?r:d%41,&é [x]$${"


def filled(template: str, value: str) -> str:
    return VARIABLE.sub(lambda match: in_place(template, match.start(), match.end(), value), template)


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("${A}", "rabbit://u:p%40@h/", "rabbit://u:p%40@h/"),
        ("plain ${A}", "a/b@c", "plain a/b@c"),
        ("${A}://h/", "http", "http://h/"),
        ("rabbit://u:${A}@h/", "a/b@c%41", "rabbit://u:a%2Fb%40c%2541@h/"),
        ("rabbit://${A}:${A}@h/", "a:b", "rabbit://a%3Ab:a%3Ab@h/"),
        ("rabbit://${A}@h/", "user:a:b/", "rabbit://user:a%3Ab%2F@h/"),
        ("rabbit://pre${A}@h/", "a:b", "rabbit://prea%3Ab@h/"),
        ("rabbit://u:${A}@h1,u:${A}@h2/v", "a,b", "rabbit://u:a%2Cb@h1,u:a%2Cb@h2/v"),
        ("rabbit://u:p@h1,${A}/v", "h2:5672", "rabbit://u:p@h1,h2:5672/v"),
        ("http://${A}/base", "influx:8086", "http://influx:8086/base"),
        ("rabbit://${A}", "u:p%40@h:1/", "rabbit://u:p%40@h:1/"),
        ("rabbit://u:p@h/${A}", "a/b#@", "rabbit://u:p@h/a/b%23%40"),
        ("rabbit://u:p@h/?ssl_key_file=${A}", "/a&b", "rabbit://u:p@h/?ssl_key_file=%2Fa%26b"),
        ("${S}://u:${A}@h/", "x/", "x/://u:x%2F@h/"),
    ],
)
def test_places(template: str, value: str, expected: str) -> None:
    assert filled(template, value) == expected


@given(st.text(min_size=1))
def test_any_password_comes_out_as_it_went_in(password: str) -> None:
    url = filled("rabbit://user:${A}@host:5672/vhost", password.encode(errors="replace").decode())
    assert unquote(urlsplit(url).password or "") == password.encode(errors="replace").decode()
    assert urlsplit(url).hostname == "host"


class Config(Block):
    url: SecretStr


def test_a_file_takes_the_variable_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("url: 'rabbit://nova:${PW}@h1:5672,nova:${PW}@h2/${UNSET:-a b}'")
    config = load(file, Config, {"PW": HOSTILE})
    read = transport.read(config.url.get_secret_value(), {})
    assert [(host.name, host.username, host.password) for host in read.hosts] == [
        ("h1", "nova", HOSTILE),
        ("h2", "nova", HOSTILE),
    ]
    assert read.virtual_host == "a b"


@pytest.mark.parametrize(
    "url",
    [
        "rabbit://nova:55/hidden@host:5672/",
        "rabbit://nova:55#hidden@host:5672/",
        "rabbit://nova:55?hidden@host:5672/",
        "rabbit://nova:55,hidden@host:5672/",
        "rabbit://nova:hidden,55@host:5672/",
        "rabbit://nova:hid/den",
        "rabbit://nova:hid@den/hidden@host:5672/",
        "rabbit://nova:[hidden@host:5672/",
        "nova:hidden@host:5672/",
        "hidden:55@host:5672/",
        "rabbit://nova:pw@host:hidden/",
        "rabbit://nova:pw@h1,nova:hidden/x@h2/",
    ],
)
def test_no_piece_of_a_url_is_ever_reported(url: str) -> None:
    with pytest.raises(transport.TransportError) as raised:
        transport.read(url, {})
    assert "is no transport URL" in str(raised.value)
    for piece in ("hid", "den", "55", "nova", "host:5672"):
        assert piece not in str(raised.value)
