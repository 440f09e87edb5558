"""What stands beside a committed offset."""

import pytest

from processor.group.commit_metadata import CommitMetadata, read, write


def test_as_it_stands_in_kafka() -> None:
    metadata = CommitMetadata(123, 4, 1_790_000_000_000, transactional_id="precache-processor-central-1")
    text = "v1;low=123;parts=4;clock=1790000000000;txn=precache-processor-central-1"
    assert write(metadata) == text
    assert read(text) == metadata


def test_a_commit_of_a_version_that_named_nobody() -> None:
    assert read("v1;low=123;parts=4;clock=1790000000000") == CommitMetadata(123, 4, 1_790_000_000_000)


@pytest.mark.parametrize("name", ["a;low=9", "a=b", "über %3B", "x" * 400])
def test_any_name_stands_as_it_is(name: str) -> None:
    metadata = CommitMetadata(1, 2, 3, 4, name)
    assert read(write(metadata)) == metadata


def test_a_revision_that_is_owed_stands_beside_them() -> None:
    text = write(CommitMetadata(123, 4, 1_790_000_000_000, 1_790_000_002_000))
    assert text == "v1;low=123;parts=4;clock=1790000000000;revise=1790000002000"
    assert read(text) == CommitMetadata(123, 4, 1_790_000_000_000, 1_790_000_002_000)
    assert read("v1;low=1;parts=2;clock=3;revise=soon") == CommitMetadata(1, 2, 3)


def test_the_order_of_the_words_and_further_ones_do_not_matter() -> None:
    assert read("v1;clock=3;later=x;parts=2;low=1") == CommitMetadata(1, 2, 3)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "v2;low=1;parts=2;clock=3",
        "low=1;parts=2;clock=3",
        "v1;low=1;parts=2",
        "v1;low=-1;parts=2;clock=3",
        "v1;low=;parts=2;clock=3",
        "v1;low=1.5;parts=2;clock=3",
        "v1",
        "something else",
    ],
)
def test_what_is_not_ours_is_not_believed(text: str | None) -> None:
    assert read(text) is None
