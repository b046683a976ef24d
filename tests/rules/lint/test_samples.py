"""Rules against sample records: a field that no record has is told, with the nearest that one has."""

from typing import Any

import pytest

from bridge.config import Limits
from bridge.located_yaml import parse_yaml
from bridge.model import Poison, Reason, Scope
from bridge.rules.lint import Finding
from bridge.rules.lint.samples import Sample, check_samples
from bridge.rules.parse import parse_rules

RULE = """\
from: {topics: [t, ^s]}
maps: {m: {a: b}}
rules:
  - name: r
    when: "WHEN"
    let: {items: "event.order.?items.orValue([])", names: "items.map(i, i.product)"}
    emit:
      - event_type: track
        event_name: E
        for_each: {item: "items", index: n}
        user_id: "event.customer.id"
        event_params: {P: "item.sku + names[0].title", N: {int: "n"}, M: "maps.m[event.order.currency]"}
"""
RECORD = {
    "type": "a",
    "order": {"items": [{"sku": "S", "product": {"title": "T"}}], "currency": "VND"},
    "customer": {"id": 1},
}


def sample(event: Any, name: str = "t", *, queue: bool = False) -> Sample:
    return Sample(name, queue, {"topic": name, "headers": {"trace": "x"}}, lambda envelope: Scope(event))


def told(text: str, *samples: Sample) -> list[Finding]:
    file, reader = parse_rules(parse_yaml(text, "rules.yaml"))
    assert not reader.errors, reader.errors
    return check_samples([file], samples, Limits())


def whens(when: str, *events: Any) -> list[str]:
    found = told(RULE.replace("WHEN", when), *map(sample, events or (RECORD,)))
    return [f"{one.line}:{one.column} {one.code} {one.message}|{one.hint}" for one in found]


def test_what_the_samples_have_is_silent() -> None:
    """Through lets, loops, for_each and maps."""
    assert whens("event.type == 'a' && meta.partition == 0 && meta.headers.trace == 'x'") == []


def test_a_field_that_no_sample_has() -> None:
    """At its place, with the nearest key."""
    assert whens("event.tpye == 'a'") == [
        "5:18 sample-path no sample has `event.tpye` (1 looked at)|did you mean `type`?"
    ]
    assert whens("event.tpye == 'a'", RECORD, RECORD | {"tpye": None}) == []


@pytest.mark.parametrize(
    ("when", "path"),
    [
        ("event.order.?curency.orValue('') == ''", "event.order.curency"),
        ("has(event.order.curency)", "event.order.curency"),
        ("event.order['curency'] == ''", "event.order.curency"),
        ("event.?order.curency.orValue('') == ''", "event.order.curency"),
        ("items.exists(i, i.skuu == '')", "event.order.items[].skuu"),
        ("event.order.items.filter(i, i.sku == '').all(j, j.skuu == '')", "event.order.items[].skuu"),
        ("names.exists(p, p.tilte == '')", "event.order.items[].product.tilte"),
        ("cel.bind(o, event.order, o.curency == '')", "event.order.curency"),
        ("meta.headers.trcae == ''", "meta.headers.trcae"),
        ("(event.type == 'a' ? event.order : event.customer).foo == 1", "event.customer.foo"),
    ],
)
def test_paths_are_followed(when: str, path: str) -> None:
    """Whatever way a rule takes to a field, an optional one too."""
    found = whens(when)
    assert any(f"no sample has `{path}`" in one for one in found), found


def test_a_path_is_told_once_and_not_again_for_what_lies_under_it() -> None:
    """The first place of a wrong name is the one to mend."""
    assert len(whens("event.ordr.a == 1 && event.ordr.b == event.ordr.a")) == 1


def test_the_element_of_for_each_is_followed() -> None:
    """And lets of loops, one by one."""
    for old, new in (("item.sku", "item.skuu"), ("names[0].title", "names[0].tilte")):
        (one,) = told(RULE.replace("WHEN", "true").replace(old, new), sample(RECORD))
        assert (one.line, one.code) == (12, "sample-path")


def test_what_lies_under_nothing_is_not_judged() -> None:
    """No sample has an element, so nobody knows its fields."""
    empty = RECORD | {"order": {"items": [], "currency": "VND"}}
    assert whens("items.exists(i, i.skuu == '')", empty) == []
    assert whens("event.a == 1", [1]) == []


def test_samples_of_other_streams_do_not_count() -> None:
    """A regex counts, a queue of that name does not."""
    text = RULE.replace("WHEN", "event.tpye == 'a'")
    have = RECORD | {"tpye": 1}
    assert [one.code for one in told(text, sample(RECORD), sample(have, "u"))] == ["sample-path"]
    assert [one.code for one in told(text, sample(RECORD), sample(have, queue=True))] == ["sample-path"]
    assert told(text, sample(RECORD), sample(have, "s.x")) == []


def test_a_rule_without_samples_is_told() -> None:
    """Silence would look like approval; an envelope that refuses all counts as none."""
    (one,) = told(RULE.replace("WHEN", "true"), sample(RECORD, "u"))
    assert (one.line, one.code, one.message) == (
        4,
        "no-sample",
        "no sample is of a topic or queue of rule `r`",
    )
    refused = Sample("t", False, {}, lambda envelope: Poison(Reason.UNDECODABLE, "no"))
    assert [one.code for one in told(RULE.replace("WHEN", "true"), refused)] == ["no-sample"]
