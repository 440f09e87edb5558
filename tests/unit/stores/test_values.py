"""What is stored of a text or a list that a store can't hold as it is."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.stores.values import MAX_TAG_BYTES, UnwritableError, hosts_text, images_text, json_list, tag_text

NAMES = st.lists(st.text(st.characters(codec="utf-8"), max_size=8)).map(tuple)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("cn-1.example.org", "cn-1.example.org"),
        ("", "-"),
        ("-", "-"),
        ("a\nb", "a%0Ab"),
        ("\r\n\t\x00", "%0D%0A%09%00"),
        ("\x7f\x85\x9f", "%7F%C2%85%C2%9F"),
        ("\xa0\u2028", "\xa0\u2028"),
        ("end\\", "end%5C"),
        ("end\\\\", "end\\%5C"),
        ("\\", "%5C"),
        ("\\mid\\dle", "\\mid\\dle"),
        ("end\\\n", "end\\%0A"),
        ("100%", "100%"),
        ("%0A", "%0A"),
        ("a,b=c d", "a,b=c d"),
    ],
)
def test_a_tag_is_encoded_only_where_line_protocol_cannot_hold_it(text: str, stored: str) -> None:
    assert tag_text(text) == stored


def test_a_tag_may_have_so_many_bytes_and_not_one_more() -> None:
    assert tag_text("é" * (MAX_TAG_BYTES // 2)) == "é" * (MAX_TAG_BYTES // 2)
    with pytest.raises(UnwritableError, match=f"a tag of {MAX_TAG_BYTES + 1} bytes"):
        tag_text("é" * (MAX_TAG_BYTES // 2) + "x")


@given(names=NAMES, limit=st.integers(2, 60))
def test_a_list_is_the_longest_beginning_that_fits(names: tuple[str, ...], limit: int) -> None:
    text = json_list(names, limit)
    kept = json.loads(text)
    assert kept == list(names[: len(kept)])
    assert len(text.encode()) <= limit
    if len(kept) < len(names):
        longer = json_list(names[: len(kept) + 1], 10_000)
        assert len(longer.encode()) > limit


@given(names=NAMES)
def test_a_list_that_fits_is_whole(names: tuple[str, ...]) -> None:
    assert json.loads(hosts_text(names)) == json.loads(images_text(names)) == list(names)


def test_lists_of_hosts_are_cut_sooner_than_lists_of_images() -> None:
    names = tuple(f"{number:06d}" for number in range(200_000))
    assert len(json.loads(hosts_text(names))) == math.floor((65_536 - 1) / 9)
    assert len(json.loads(images_text(names))) == math.floor((1_048_576 - 1) / 9)
