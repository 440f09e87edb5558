from console.cli.output.texts import counted


def test_numbers_agree() -> None:
    assert [counted(count, "error") for count in (0, 1, 2)] == ["0 errors", "1 error", "2 errors"]
