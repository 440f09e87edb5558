"""Identities are what other systems join on: they must never change."""

from uuid import NAMESPACE_URL, UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from precache.contract.identity import (
    aggregate_key,
    operation_event_id,
    operation_id,
    operation_namespace,
    progress_event_id,
)

OPERATION = "paris/ccf82bd4-a15e-43c5-83ad-b23970338139/req-5f0d8a52-9c1b-4f6e-8a33-0b6f2f1c9e11"


def test_operation_id_is_cloud_aggregate_request() -> None:
    aggregate, request = "ccf82bd4-a15e-43c5-83ad-b23970338139", "req-5f0d8a52-9c1b-4f6e-8a33-0b6f2f1c9e11"
    assert operation_id("paris", aggregate, request) == OPERATION
    assert aggregate_key("paris", aggregate) == f"paris/{aggregate}"


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(operation=TEXT, message=TEXT, sequence=st.integers(1, 2**63))
def test_derived_event_ids_are_uuid5_within_the_operation(operation: str, message: str, sequence: int) -> None:
    namespace = uuid5(NAMESPACE_URL, operation)
    assert progress_event_id(operation_namespace(operation), message) == str(uuid5(namespace, message))
    assert operation_event_id(operation_namespace(operation), sequence) == str(uuid5(namespace, str(sequence)))


def test_derived_event_ids_are_frozen() -> None:
    namespace = operation_namespace(OPERATION)
    assert str(UUID(bytes=namespace)) == "ea5cc25e-3fc4-505a-8809-5914ca0013ca"
    assert operation_event_id(namespace, 1) == "5caacf48-c076-53d1-ba4f-79f8a642ec92"
