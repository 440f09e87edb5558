"""The picture of hosts over time."""

from console.web.pages.curve import HEIGHT, WIDTH, curve

S = 1_000_000_000


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def test_it_climbs_from_the_start_to_all_hosts() -> None:
    found = curve([2 * S, 4 * S, 6 * S, 8 * S], 4, 0, 10 * S)
    assert points(found.points)[0] == (0, HEIGHT)
    assert points(found.points)[-1] == (WIDTH, 0)
    assert found.span_s == 10
    at_half = [y for x, y in points(found.points) if x <= WIDTH / 2]
    assert min(at_half) == HEIGHT / 2


def test_silent_hosts_leave_a_gap_below_the_top() -> None:
    assert points(curve([S, 2 * S], 4, 0, 4 * S).points)[-1] == (WIDTH, HEIGHT / 2)


def test_nothing_to_draw() -> None:
    assert curve([], 4, 0, 4 * S).points == ""
    assert curve([S], 0, 0, 4 * S).points == ""


def test_a_clock_that_is_behind_does_not_leave_the_box() -> None:
    assert all(0 <= x <= WIDTH for x, _ in points(curve([1 * S, 9 * S], 2, 5 * S, 6 * S).points))


def test_many_hosts_are_drawn_in_few_steps() -> None:
    found = curve([index * S for index in range(1, 20_001)], 20_000, 0, 20_000 * S)
    assert len(points(found.points)) < 1_000
    assert points(found.points)[-1] == (WIDTH, 0)
