"""What is computed the fast way equals what the plain way gives, byte for byte."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.cel import evaluate, standard_functions
from bridge.rules.cel.environment import Environment
from bridge.rules.cel.functions.instants import from_epoch
from bridge.rules.identity import NAMESPACE, EventIds
from bridge.rules.times import NoTime, at_milliseconds, format_time, instant, milliseconds, timestamp_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_1, YEAR_9999 = -62_135_596_800, 253_402_300_799
MICROS = st.integers(YEAR_1 * 10**6, YEAR_9999 * 10**6) | st.integers(0, 2**31 * 10**6 + 1)
ZONES = st.sampled_from([UTC, ZoneInfo("UTC"), ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/London")])


@given(micros=MICROS)
def test_instants_are_exact(micros: int) -> None:
    """To the microsecond, before 1970 and after 2038 as between."""
    assert from_epoch(micros) == EPOCH + timedelta(microseconds=micros)
    assert from_epoch(micros).tzinfo is UTC
    assert at_milliseconds(micros // 1000) == EPOCH + timedelta(milliseconds=micros // 1000)


@given(moment=st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001 -- hypothesis wants them naive
def test_the_wire_form_is_isoformat_s(moment: datetime) -> None:
    """Whatever the zone, and whether or not there is a fraction."""
    plain = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    assert format_time(moment) == plain
    assert format_time(moment.replace(microsecond=0)) == plain[:19] + ".000Z"


@given(micros=MICROS)
def test_a_text_in_the_wire_form_stays_and_its_time_is_exact(micros: int) -> None:
    """With its three digits, without a regular expression."""
    text = format_time(EPOCH + timedelta(milliseconds=micros // 1000))
    assert timestamp_of(text, None) == (text, micros // 1000)


@given(at=st.integers(0, 23), char=st.characters(codec="utf-8"))
def test_a_text_that_is_almost_in_the_wire_form_is_no_shortcut(at: int, char: str) -> None:
    """One letter is another: what comes out is what ISO 8601 says, or that it is no time."""
    whole = "2024-07-15T07:58:13.250Z"
    text = whole[:at] + char + whole[at + 1 :]
    try:
        wanted = milliseconds(instant(text, None))
    except NoTime:
        with pytest.raises(NoTime):
            timestamp_of(text, None)
        return
    assert timestamp_of(text, None)[1] == wanted


def test_a_remembered_time_belongs_to_its_zone() -> None:
    """One text, several zones; asked twice, for the second answer comes from memory."""
    text = "2024-07-15 14:58:13"
    for _ in range(2):
        assert timestamp_of(text, ZoneInfo("Asia/Ho_Chi_Minh"))[0] == "2024-07-15T07:58:13.000Z"
        assert timestamp_of(text, ZoneInfo("UTC"))[0] == "2024-07-15T14:58:13.000Z"


@given(
    identity=st.text(st.characters(exclude_categories=["Cs"])), rule=st.text("abc-"), n=st.integers(0, 500)
)
def test_event_ids_are_uuids_of_version_5(identity: str, rule: str, n: int) -> None:
    """Just what Python's own ``uuid5`` makes of the namespace and the name."""
    ids = EventIds(identity)
    for element in (n, 0):
        assert UUID(ids.event_id(rule, n, element)) == uuid5(NAMESPACE, f"{identity}\n{rule}\n{n}\n{element}")


@given(text=st.text(st.characters(exclude_categories=["Cs"])), keys=st.lists(st.binary(), min_size=1))
def test_every_key_has_its_own_hmac(text: str, keys: list[bytes]) -> None:
    """A key that was prepared once is never used for another, nor a text for the next."""
    for key in keys * 2:
        functions = standard_functions(secrets={"k": lambda key=key: key})  # type: ignore[misc]
        made = evaluate("pii.hmac(t)", {"t": text}, Environment(["t"], functions))
        assert made == hmac.digest(key, text.encode(), "sha256").hex()


@pytest.mark.parametrize("values", [["a", 1], ["b", 2.5]])
def test_a_format_is_parsed_once_and_filled_anew(values: list[object]) -> None:
    """Nothing of one record's values is left for the next."""
    text = "'%s-%d%%'.format(v)"
    assert evaluate(text, {"v": values}) == f"{values[0]}-{values[1]}%"
