"""docs/schema.md says what the code does: names, types, units, limits."""

import re
from pathlib import Path

from msgspec import structs

from precache.contract import deadletters, topics
from precache.contract.tables.measurements import MEASUREMENTS, Kind
from precache.contract.tables.schema import TABLES, written
from processor.stores.sqlite.schema import views_ddl
from processor.stores.values import MAX_NAMES_BYTES, MAX_STRING_BYTES, MAX_TAG_BYTES

DOCS = Path(__file__).parents[3] / "docs"


def section(title: str) -> str:
    text = (DOCS / "schema.md").read_text()
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,3}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/schema.md has no section {title}"
    return found[2]


def table(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_tables_are_those_of_the_records() -> None:
    text = (DOCS / "schema.md").read_text()
    assert written(text) == text, "run `make schema`"
    assert text.count("<!-- table: ") == len(TABLES)


def test_every_name_has_its_meaning() -> None:
    names = [(tag.name, tag.meaning) for each in MEASUREMENTS for tag in each.tags]
    names += [(field.name, field.meaning) for each in MEASUREMENTS for field in each.fields]
    assert names
    assert [name for name, meaning in names if not meaning] == []


def test_no_measurement_is_left_out_or_made_up() -> None:
    whole = (DOCS / "schema.md").read_text().split("## Kafka topics")[0]
    assert re.findall(r"^### `(precache_\w+)`", whole, re.MULTILINE) == [each.name for each in MEASUREMENTS]


def test_every_view_is_documented() -> None:
    named = [re.match(r"CREATE VIEW (\w+)", statement) for statement in views_ddl()]
    assert [row[0] for row in table("SQLite")] == [f"`{found[1]}`" for found in named if found]


def test_the_limits_are_those_of_the_code() -> None:
    limits = section("Limits")
    for limit in (MAX_NAMES_BYTES, MAX_STRING_BYTES, MAX_TAG_BYTES):
        assert f"{limit:,} bytes" in limits
    cut = {f"`{field.name}`" for each in MEASUREMENTS for field in each.fields if field.kind is Kind.NAMES}
    assert {name.strip() for name in table("Limits")[0][0].split(",")} == cut
    whole = {f"`{field.name}`" for each in MEASUREMENTS for field in each.fields if field.kind is Kind.LIST}
    assert {name.strip() for name in table("Limits")[1][0].split(",")} == whole


def test_the_topics_have_their_types_and_retention() -> None:
    text = section("Kafka topics")
    for kind in (topics.BRIDGE_TYPE, topics.PROGRESS_TYPE, topics.OPERATION_TYPE, topics.DEADLETTER_TYPE):
        assert f"`{kind}`" in text
    assert f"`{topics.NOVA_TYPE_PREFIX}EVENT_TYPE`" in text
    for role, row in zip(("notifications", "progress", "operations", "deadletters"), (0, 2, 3, 4), strict=True):
        spec = topics.SPECS[role]  # type: ignore[index]
        days = int(spec.settings["retention.ms"]) // 86_400_000
        assert table("Kafka topics")[row][3].endswith(f"{days} days")


def test_the_headers_of_dead_letters_are_documented() -> None:
    names = [row[0].strip("`") for row in table("`precache.deadletters`")]
    assert names == [field.encode_name for field in structs.fields(deadletters.DeadLetterHeaders)]
