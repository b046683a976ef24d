"""For everybody it is an outage; for one event while others pass it is poison."""

from __future__ import annotations

from bridge.config import Retry
from bridge.model import Event, Reason
from bridge.send.controller import BREAKER_STRIKES, Controller, Decision, Next
from bridge.send.parcel import Parcel
from bridge.send.verdict import Kind, Verdict

OK = Verdict(Kind.DELIVERED, "ok", 200)
DENIED = Verdict(Kind.BLOCKED, "auth", 401)
BROKEN = Verdict(Kind.RETRY, "server_error", 503)
BUSY = Verdict(Kind.RETRY, "rate_limit", 429, retry_after_seconds=7.0)
BAD = Verdict(Kind.REFUSED, "refused", 400)
POLICY = Retry.model_validate({"max_attempts": 3, "max_age": "60s", "base": "1s", "cap": "8s"})


class Owner:
    fenced = False


def parcel(user: str, created_seconds: float = 0.0) -> Parcel:
    event = Event("r", "track", 0, 0, "d", user, None, user, b"{}")
    return Parcel(event, Owner(), user, "t", 0, created_seconds)


def controller() -> Controller:
    return Controller(POLICY, lambda: 0.5)


def decide(
    control: Controller, one: Parcel, verdict: Verdict, now: float = 0.0, *, alone: bool = False
) -> Decision:
    return control.decide(one, verdict, now, alone=alone)


def test_one_denied_event_does_not_block() -> None:
    """The first 401 may be the event's own fault: its lane rests, the others go on."""
    control = controller()

    assert decide(control, parcel("ann"), DENIED).next is Next.REST
    assert control.allowance(64, 0.0) == 64


def test_two_lanes_denied_block() -> None:
    """No acceptance between them: the destination is at fault."""
    control = controller()
    decide(control, parcel("ann"), DENIED)
    decision = decide(control, parcel("bob"), DENIED)

    assert (decision.next, decision.changed) == (Next.TURN, True)
    assert control.blocked_reason == "auth"
    assert control.allowance(64, 0.0) == 0


def test_an_acceptance_between_clears_the_suspicion() -> None:
    """Then the two are two events, not an outage."""
    control = controller()
    decide(control, parcel("ann"), DENIED)
    decide(control, parcel("cid"), OK)
    decide(control, parcel("bob"), DENIED)

    assert not control.blocked_reason


def test_a_lone_lane_blocks_at_once() -> None:
    """With nobody to compare with, waiting is the safe reading."""
    control = controller()
    decide(control, parcel("ann"), DENIED, alone=True)

    assert control.blocked_reason == "auth"


def test_denied_three_times_while_others_pass_is_poison() -> None:
    """The event is refused, the destination stays open."""
    control, ann = controller(), parcel("ann")
    for _ in range(2):
        assert decide(control, ann, DENIED).next is Next.REST
        decide(control, parcel("bob"), OK)
    decision = decide(control, ann, DENIED)

    assert (decision.next, decision.reason) == (Next.DEAD, Reason.REFUSED)


def test_an_outage_of_any_length_is_not_poison() -> None:
    """A hundred denials with nothing accepted between count once."""
    control, ann = controller(), parcel("ann")
    decisions = [decide(control, ann, DENIED, float(n * 100), alone=True) for n in range(100)]

    assert all(decision.next is Next.TURN for decision in decisions)


def test_one_probe_at_a_time_while_blocked() -> None:
    """And none before its time."""
    control = controller()
    decide(control, parcel("ann"), DENIED, 0.0, alone=True)
    probe_at = control.next_probe_seconds

    assert control.allowance(64, probe_at - 0.01) == 0
    assert control.allowance(64, probe_at) == 1


def test_late_answers_do_not_put_off_the_probe() -> None:
    """What was under way when it closed says nothing new."""
    control = controller()
    decide(control, parcel("ann"), DENIED, 0.0, alone=True)
    probe_at = control.next_probe_seconds
    for n in range(50):
        decide(control, parcel(f"u{n}"), DENIED, 0.0)

    assert control.next_probe_seconds == probe_at


def test_the_first_acceptance_opens() -> None:
    """And says so once."""
    control = controller()
    decide(control, parcel("ann"), DENIED, alone=True)

    assert decide(control, parcel("bob"), OK).changed
    assert not decide(control, parcel("bob"), OK).changed
    assert control.allowance(64, 0.0) == 64


def test_attempts_are_spent_only_while_others_pass() -> None:
    """A dead API costs an event nothing, however long."""
    control, ann = controller(), parcel("ann")
    for n in range(50):
        assert decide(control, ann, BROKEN, float(n * 100)).next is not Next.DEAD

    assert ann.attempts == 0


def test_an_event_that_fails_alone_is_given_up() -> None:
    """After its attempts and its age, both."""
    control, ann = controller(), parcel("ann")
    ends = []
    for n in range(4):
        decide(control, parcel("bob"), OK)
        ends.append(decide(control, ann, BROKEN, n * 25.0))

    assert [decision.next for decision in ends] == [Next.REST, Next.REST, Next.REST, Next.DEAD]
    assert ends[-1].reason is Reason.RETRIES_EXHAUSTED


def test_retry_after_holds_the_destination_and_costs_nothing() -> None:
    """To the letter: not a moment before."""
    control, ann = controller(), parcel("ann")
    decide(control, parcel("bob"), OK)
    decision = decide(control, ann, BUSY, 100.0)

    assert decision.next is Next.TURN
    assert ann.attempts == 0
    assert control.allowance(64, 106.9) == 0
    assert control.allowance(64, 107.0) == 64


def test_failures_of_several_lanes_open_the_breaker() -> None:
    """Nothing accepted, several users: probes from here on."""
    control = controller()
    for n in range(BREAKER_STRIKES):
        decide(control, parcel(f"u{n}"), BROKEN)

    assert control.blocked_reason == "breaker"


def test_one_user_failing_never_opens_the_breaker() -> None:
    """Many failures of one lane say nothing of the others."""
    control, ann = controller(), parcel("ann")
    for _ in range(BREAKER_STRIKES * 3):
        decide(control, ann, BROKEN)

    assert not control.blocked_reason


def test_one_user_failing_opens_the_breaker_while_retries_fill_their_share() -> None:
    """Nothing has been accepted since: an outage. After an acceptance it takes ten failures again."""
    control, ann = controller(), parcel("ann")
    control.is_crowded = True
    for _ in range(BREAKER_STRIKES - 1):
        decide(control, ann, BROKEN)
    assert not control.blocked_reason
    decide(control, parcel("bob"), OK)
    for _ in range(BREAKER_STRIKES - 1):
        decide(control, ann, BROKEN)
    assert not control.blocked_reason
    decision = decide(control, ann, BROKEN)

    assert (decision.next, decision.changed, control.blocked_reason) == (Next.TURN, True, "breaker")


def test_a_refusal_is_final_at_once() -> None:
    """400 is not tried again."""
    assert decide(controller(), parcel("ann"), BAD) == Decision(Next.DEAD, Reason.REFUSED)
