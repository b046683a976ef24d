"""What a failed test shows: the payloads paired, and of each pair what differs."""

from typing import Any

from bridge.rules.differences import Got, differences


def track(name: str, **params: Any) -> dict[str, Any]:
    found = [{"key": key, "value": value} for key, value in params.items()]
    return {"event_type": "track", "event_name": name, "user_id": "7", "event_params": found}


def told(expected: list[Any], got: list[Any]) -> list[str]:
    silent = frozenset({"event_id", "timestamp"})
    return differences(expected, [Got(one, silent) for one in got]).splitlines()


def test_equal_payloads_tell_nothing() -> None:
    """1 is 1.0, objects have no order, and what the test does not write is not compared."""
    one = track("A", N={"double_value": 1}) | {"context": {"a": 1, "b": [2]}}
    other = track("A", N={"double_value": 1.0}) | {"context": {"b": [2.0], "a": 1}, "event_id": "x"}
    assert told([one], [other]) == []
    assert told([], []) == []


def test_only_what_differs_is_shown() -> None:
    """By its name, however deep."""
    one = track("A", N={"int_value": 1}, S={"string_value": "same"}) | {"context": {"page": {"url": "/a"}}}
    other = track("A", N={"int_value": 2}, S={"string_value": "same"}) | {"context": {"page": {"url": "/b"}}}
    assert told([one], [other]) == [
        "payload 1, track A:",
        "  event_params.N: expected int_value 1, got int_value 2",
        '  context.page.url: expected "/a", got "/b"',
    ]


def test_the_kind_of_a_number_is_seen() -> None:
    """Int against double is a difference of the payload, and true is no 1."""
    assert told([track("A", N={"int_value": 1})], [track("A", N={"double_value": 1.0})])[1] == (
        "  event_params.N: expected int_value 1, got double_value 1"
    )
    assert told([track("A") | {"context": {"x": 1}}], [track("A") | {"context": {"x": True}}])[1] == (
        "  context.x: expected 1, got true"
    )


def test_parameters_that_are_missing_or_unexpected() -> None:
    """With the name that was meant, and their order where all are there."""
    one, other = track("A", Total={"int_value": 1}), track("A", Totals={"int_value": 1}, B={"int_value": 2})
    assert told([one], [other])[1:] == [
        "  event_params.Total: missing, expected int_value 1; there is `Totals`",
        "  event_params.Totals: unexpected int_value 1",
        "  event_params.B: unexpected int_value 2",
    ]
    pair = {"A": {"int_value": 1}, "B": {"int_value": 2}}
    swapped = dict(reversed(pair.items()))
    assert told([track("A", **pair)], [track("A", **swapped)])[1:] == [
        "  event_params: expected in the order A, B; got B, A"
    ]


def test_a_missing_event_does_not_shift_the_others() -> None:
    """Each is held against the one of its name."""
    a, b, c = track("A"), track("B", N={"int_value": 1}), track("C")
    lines = told([a, b, c], [b, c])
    assert [line.split(" {")[0] for line in lines] == ["missing payload 1: track A", "  -"]
    lines = told([a, c], [a, track("B", N={"int_value": 2}), c])
    assert [line.split(" {")[0] for line in lines] == ["unexpected payload 2: track B", "  +"]
    lines = told([a, b, c], [track("B", N={"int_value": 2}), c])
    assert "payload 2, track B, which came as number 1:" in lines
    assert "  event_params.N: expected int_value 1, got int_value 2" in lines
    assert "missing payload 1: track A" in lines


def test_what_the_test_writes_is_compared() -> None:
    """Of each payload what that one writes."""
    one = track("A") | {"timestamp": "t1"}
    got = [track("A") | {"timestamp": "t2"}, track("A") | {"timestamp": "t2"}]
    assert told([one, track("A")], got) == ["payload 1, track A:", '  timestamp: expected "t1", got "t2"']


def test_much_is_cut_short() -> None:
    """Long values and long lists of differences."""
    assert "… (1002 characters)" in told([track("A")], [track("A") | {"user_id": "x" * 1000}])[1]
    wrong = [track("A", **{f"P{n}": {"int_value": n} for n in range(100)})]
    assert told(wrong, [track("A")])[-1] == "… 41 more lines"


def test_an_expectation_that_is_no_payload_is_no_crash() -> None:
    """Nonsense is unequal."""
    assert told([5], [track("A")])
    assert told([{"event_name": 5}], [track("A")])
