"""The map in a commit's metadata: says the truth or nothing, within its space, whatever it is given."""

from __future__ import annotations

from base64 import b85decode, b85encode
from zlib import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.model import Attempts
from bridge.settle.offset_map import OffsetMap, Progress, Unusable, fingerprint_of, pack, read
from bridge.settle.offset_runs import Range

LOG, LIMIT = "cluster/topic/0", 4096
RULES, OTHER_RULES = fingerprint_of("rules"), fingerprint_of("other rules")

_times = st.none() | st.integers(1_600_000_000_000, 1_900_000_000_000)
_attempts = st.builds(Attempts, st.integers(0, 1000), st.integers(0, 10_000), _times)


@st.composite
def ranges(draw: st.DrawFn, base: int, most: int = 60) -> list[Range]:
    """Rising and apart."""
    gap_and_length = st.tuples(st.integers(1, 400), st.integers(1, 400))
    at, found = base - draw(st.integers(0, 1)), []
    for gap, length in draw(st.lists(gap_and_length, max_size=most)):
        found.append((at + gap, at + gap + length))
        at += gap + length
    return found


@st.composite
def progress(draw: st.DrawFn) -> Progress:
    """Of a record of which something is to be told."""
    total = draw(st.integers(1, 40))
    final = draw(st.integers(0, (1 << total) - 1))
    still_open = [part for part in range(total) if not final >> part & 1]
    parts = draw(st.lists(st.sampled_from(still_open), unique=True, max_size=4)) if still_open else []
    attempts = {part: draw(_attempts) for part in sorted(parts)}
    return Progress(RULES, total, final if final or attempts else 1, attempts if final or attempts else {})


@st.composite
def maps(draw: st.DrawFn, most: int = 60) -> OffsetMap:
    """All that a commit may have to say."""
    base = draw(st.integers(0, 2**62))
    offsets = sorted(draw(st.sets(st.integers(base, base + 10**6), max_size=most)))
    by_offset = {offset: draw(progress()) for offset in offsets}
    return OffsetMap(base, draw(ranges(base, most)), by_offset, draw(st.none() | st.integers(0, 2**31)))


def sealed(body: bytes, prefix: str = "fb1:") -> str:
    """A body with a checksum that fits, so that only its content can give it away."""
    return prefix + b85encode(body + crc32(body).to_bytes(4)).decode()


@given(maps(most=25))
def test_what_is_packed_is_what_is_read(content: OffsetMap) -> None:
    """Round trip, in ASCII, for the same log and offset."""
    packed = pack(LOG, content, RULES, 1 << 20)

    assert packed.text.isascii()
    if packed.text:
        assert read(packed.text, LOG, content.base) == content
    else:
        assert not content.finished
        assert not content.progress


@given(maps(), st.integers(0, LIMIT))
def test_it_never_takes_more_room_than_there_is_and_what_it_keeps_is_true(
    content: OffsetMap, limit: int
) -> None:
    """What does not fit is left out; what is there was there before."""
    text = pack(LOG, content, RULES, limit).text
    assert len(text) <= limit
    if not text:
        return
    kept = read(text, LOG, content.base)
    assert isinstance(kept, OffsetMap)
    whole = {offset for start, end in content.finished for offset in range(start, end)}
    assert {offset for start, end in kept.finished for offset in range(start, end)} <= whole
    for offset, one in kept.progress.items():
        assert one.total == content.progress[offset].total
        assert one.final in (0, content.progress[offset].final)
        assert one.attempts.items() <= content.progress[offset].attempts.items()


def test_attempts_of_the_latest_offsets_go_first_then_final_events_then_the_farthest_offsets() -> None:
    """The order of what is dropped, the least valuable first."""
    finished = [(at, at + 1) for at in range(2, 3000, 3)]
    one = {at: Progress(RULES, 2, 1, {1: Attempts(3, 4, 1_700_000_000_000)}) for at in range(1, 900, 3)}
    content = OffsetMap(0, finished, one)
    sizes = range(LIMIT, 200, -64)
    kept = [read(text, LOG, 0) for size in sizes if (text := pack(LOG, content, RULES, size).text)]

    seen_without_attempts = seen_without_finals = False
    for smaller in kept:
        assert isinstance(smaller, OffsetMap)
        with_attempts = [at for at, p in smaller.progress.items() if p.attempts]
        with_finals = [at for at, p in smaller.progress.items() if p.final]
        assert with_attempts == list(one)[: len(with_attempts)]
        assert with_finals == list(one)[: len(with_finals)]
        assert list(smaller.finished) == finished[: len(smaller.finished)]
        seen_without_attempts |= len(with_attempts) < len(one)
        seen_without_finals |= len(with_finals) < len(one)
        assert len(with_attempts) == len(one) or len(with_finals) == len(one) or not with_attempts
        assert len(with_finals) == len(one) or len(smaller.finished) == len(finished) or not with_finals
    assert seen_without_attempts
    assert seen_without_finals
    assert isinstance(kept[-1], OffsetMap)
    assert 0 < len(kept[-1].finished) < len(finished)


def test_a_long_run_costs_a_few_bytes_and_an_even_mix_a_bit_an_offset() -> None:
    """The smaller of two forms."""
    run = pack(LOG, OffsetMap(10**9, [(10**9 + 1, 10**9 + 10**8)]), RULES, LIMIT)
    mix = pack(
        LOG, OffsetMap(10**9, [(at, at + 1) for at in range(10**9 + 1, 10**9 + 20_000, 2)]), RULES, LIMIT
    )

    assert len(run.text) < 60
    assert 20_000 / 8 < len(mix.text) < 20_000 / 8 * 1.3
    assert len(mix.text) < LIMIT


def test_where_no_form_fits_the_one_that_reaches_further_is_cut() -> None:
    """100,000 offsets, every other one finished: about 25,000 of them are kept."""
    packed = pack(LOG, OffsetMap(0, [(at, at + 1) for at in range(1, 100_000, 2)]), RULES, LIMIT)
    kept = read(packed.text, LOG, 0)

    assert isinstance(kept, OffsetMap)
    assert kept.finished[-1][1] > 25_000
    assert packed.needed_characters > 2 * LIMIT


@pytest.mark.parametrize(("log", "base"), [("other/topic/0", 7), ("cluster/other/0", 7), (LOG, 8), (LOG, 6)])
def test_it_is_ignored_for_any_other_log_or_offset(log: str, base: int) -> None:
    """A topic made anew, a restored cluster, offsets set by hand: the map speaks of something else."""
    text = pack(LOG, OffsetMap(7, [(9, 12)]), RULES, LIMIT).text

    assert read(text, LOG, 7) == OffsetMap(7, [(9, 12)])
    assert read(text, log, base) is Unusable.OTHER_LOG


def test_a_newer_version_is_too_new_and_other_text_is_foreign() -> None:
    """Neither is guessed at."""
    text = pack(LOG, OffsetMap(7, [(9, 12)]), RULES, LIMIT).text

    assert read("fb2:" + text[4:], LOG, 7) is Unusable.TOO_NEW
    assert read("fb12345:", LOG, 7) is Unusable.TOO_NEW
    for foreign in ("host-17", "fb:", "fb0:x", "{}", "é", "bf==", " " + text):
        assert read(foreign, LOG, 7) is Unusable.FOREIGN


def test_progress_under_other_rules_is_not_packed() -> None:
    """An index means something only to the rules that gave it."""
    content = OffsetMap(0, (), {5: Progress(OTHER_RULES, 2, 1), 6: Progress(RULES, 2, 2)})
    kept = read(pack(LOG, content, RULES, LIMIT).text, LOG, 0)

    assert kept == OffsetMap(0, [], {6: Progress(RULES, 2, 2)})
    assert pack(LOG, content, fingerprint_of("a third"), LIMIT).text == ""


@given(maps(most=8), st.data())
def test_damage_is_noticed(content: OffsetMap, data: st.DataObject) -> None:
    """One character changed (unless it stands for the same bits, as the last may), or the end cut off."""
    text = pack(LOG, content, RULES, LIMIT).text
    if not text:
        return
    at = data.draw(st.integers(4, len(text) - 1))
    other = data.draw(st.sampled_from("0aZ~é\x00 "))
    if other != text[at]:
        assert read(text[:at] + other + text[at + 1 :], LOG, content.base) in (Unusable.CORRUPT, content)
    assert read(text[:at], LOG, content.base) is Unusable.CORRUPT


@given(st.text() | st.text().map("fb1:".__add__) | st.binary().map(sealed))
@example("fb1:")
@example("fb1:" + "\ud800")
def test_any_text_is_read_without_an_exception(text: str) -> None:
    """Other programs write into the same field."""
    assert isinstance(read(text, LOG, 0), Unusable)


@given(maps(most=6), st.data())
def test_a_body_with_a_right_checksum_and_wrong_content_raises_nothing(
    content: OffsetMap, data: st.DataObject
) -> None:
    """Behind the checksum every length and number is checked again."""
    text = pack(LOG, content, RULES, LIMIT).text
    if not text:
        return
    body = bytearray(b85decode(text[4:])[:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(12, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    for odd in (bytes(body), bytes(body[:cut]), bytes(body) + b"\x00"):
        found = read(sealed(odd), LOG, content.base)
        assert isinstance(found, OffsetMap | Unusable)
