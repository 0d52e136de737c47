"""The table of states and messages, against the pure session."""

from __future__ import annotations

import pytest

from protocol._states import TABLE, State, Verdict
from protocol.effects import Authenticate, CloseWith, EndSubscription, Send, StartCall
from protocol.errors import (
    CLOSE_BAD_PROTOCOL,
    CODES,
    ProtocolViolation,
    Unreadable,
    WireError,
)
from protocol.limits import MESSAGE_BURST, MESSAGE_DEBT_MAX, OPEN_CALLS_MAX, SUBSCRIPTIONS_MAX
from protocol.messages import (
    Auth,
    Call,
    Cancel,
    ClientMessage,
    Ended,
    Error,
    Hello,
    Leave,
    Ping,
    Pong,
    SetPresence,
    Subscribe,
    Unsubscribe,
)
from protocol.session import Effects, Session

EXAMPLES: dict[type, ClientMessage] = {
    Hello: Hello(token="t"),
    Auth: Auth(ref=50, token="t"),
    Call: Call(ref=50, target="a:b", op="do"),
    Cancel: Cancel(ref=1),
    Subscribe: Subscribe(ref=50, target="c:d", topics=("x",)),
    Unsubscribe: Unsubscribe(ref=2),
    SetPresence: SetPresence(target="a:b"),
    Ping: Ping(n=3),
    Leave: Leave(),
}


def call(ref: int) -> Call:
    return Call(ref=ref, target="a:b", op="do")


def subscribe(ref: int, target: str = "a:b") -> Subscribe:
    return Subscribe(ref=ref, target=target, topics=("x",))


def session_in(state: State) -> Session:
    """A session in *state*, with the open call 1 and, where it may have one, subscription 2."""
    session = Session(0.0)
    if state is State.OPENING:
        return session
    session.receive(Hello(token="t"), 0.0)
    if state is State.CHECKING:
        return session
    session.accepted(None, "ann", None)
    session.receive(call(1), 0.0)
    session.receive(subscribe(2), 0.0)
    if state is State.LEAVING:
        session.receive(Leave(), 0.0)
    elif state is State.DRAINING:
        session.drain("restart", 100)
    elif state is State.CLOSED:
        session.gone()
    return session


def picture(session: Session) -> object:
    return (
        session.user_id,
        set(session.calls),
        dict(session.subscriptions),
        dict(session.targets),
        session.expires_at_s,
    )


def errors_in(effects: Effects) -> list[str]:
    return [
        effect.message.code
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, Error)
    ]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_message_in_every_state_gets_the_tables_verdict(state: State, kind: type) -> None:
    """[W2.1] The table says what becomes of a message; what is refused changes nothing."""
    session = session_in(state)
    before = picture(session)
    effects = session.receive(EXAMPLES[kind], 0.0)
    match TABLE[state, kind]:
        case Verdict.IGNORED:
            assert effects == ()
            assert (session.state, picture(session)) == (state, before)
        case Verdict.UNAVAILABLE:
            assert errors_in(effects) == ["unavailable"]
            assert (session.state, picture(session)) == (state, before)
        case Verdict.VIOLATES:
            assert isinstance(effects[-1], CloseWith)
            assert effects[-1].code == CLOSE_BAD_PROTOCOL
            assert session.state is State.CLOSED
            assert picture(session) == before
        case Verdict.TAKE:
            assert not any(
                isinstance(effect, CloseWith) and effect.code == CLOSE_BAD_PROTOCOL
                for effect in effects
            )


def test_a_second_call_with_an_open_ref_leaves_the_first_alone() -> None:
    """[W2.3] duplicate_ref is refused without touching the first."""
    session = session_in(State.OPEN)
    before = picture(session)
    for message in (call(1), subscribe(1, "new:one"), Auth(ref=1, token="t"), call(2)):
        assert errors_in(session.receive(message, 0.0)) == ["duplicate_ref"]
        assert picture(session) == before


def test_a_ref_can_be_used_again_after_its_answer() -> None:
    """[W2.3] A ref is free once its call is answered or its subscription ended."""
    session = session_in(State.OPEN)
    session.answered(1)
    assert session.receive(call(1), 0.0) == (StartCall(call(1)),)
    session.ended(2)
    assert errors_in(session.receive(subscribe(2), 0.0)) == []


def test_a_target_has_one_subscription() -> None:
    """[W2.4] A second subscription of a target is refused, until the first has ended."""
    session = session_in(State.OPEN)
    assert errors_in(session.receive(subscribe(9), 0.0)) == ["duplicate_subscription"]
    session.ended(2)
    assert errors_in(session.receive(subscribe(9), 0.0)) == []


def test_calls_and_subscriptions_are_bounded() -> None:
    """[W2.5] Beyond the bound: limit_exceeded; one answer makes room for one call."""
    session = session_in(State.OPEN)
    for ref in range(1_000, 1_000 + OPEN_CALLS_MAX - 1):
        assert errors_in(session.receive(call(ref), ref)) == []
    assert errors_in(session.receive(call(5), 5_000.0)) == ["limit_exceeded"]
    session.answered(1_000)
    assert errors_in(session.receive(call(5), 5_000.0)) == []
    for number in range(SUBSCRIPTIONS_MAX - 1):
        target = f"t:{number}"
        assert errors_in(session.receive(subscribe(5_000 + number, target), 6_000.0)) == []
    assert errors_in(session.receive(subscribe(6_000, "t:x"), 6_000.0)) == ["limit_exceeded"]


def test_a_client_beyond_its_allowance_is_told_when_to_go_on_and_closed_if_it_does_not() -> None:
    """[W5.1] rate_limited with retry_after_ms; going on for MESSAGE_DEBT_MAX: closed with 4429."""
    session = session_in(State.OPEN)
    taken = 0
    while not errors_in(effects := session.receive(Call(ref=9, target="a:b", op="o"), 0.0)):
        session.answered(9)
        taken += 1
    assert taken == MESSAGE_BURST - 3  # Hello, the open call, the subscription.
    (refused,) = effects
    assert isinstance(refused, Send)
    assert isinstance(refused.message, Error)
    assert refused.message.code == "rate_limited"
    assert refused.message.retryable
    assert refused.message.ref == 9
    wait_ms = refused.message.retry_after_ms
    assert wait_ms is not None
    assert session.receive(Ping(n=1), wait_ms / 1000 + 0.01) == (Send(Pong(n=1)),)

    for _ in range(MESSAGE_DEBT_MAX + 20):
        effects = session.receive(Ping(n=1), wait_ms / 1000 + 0.01)
    assert effects == ()  # Closed; what comes now is ignored.
    assert session.state is State.CLOSED


def test_cancel_and_unsubscribe_pass_when_the_allowance_is_spent() -> None:
    """[W5.2] What lowers the load is never rate limited."""
    session = session_in(State.OPEN)
    while not errors_in(session.receive(Ping(n=1), 0.0)):
        pass
    assert errors_in(session.receive(Cancel(ref=1), 0.0)) == ["cancelled"]
    effects = session.receive(Unsubscribe(ref=2), 0.0)
    assert effects == (
        EndSubscription(2, may_return=True),
        Send(Ended(ref=2, target="a:b", code="unsubscribed")),
    )


def test_an_expired_token_stops_new_work_and_a_fresh_one_restores_it() -> None:
    """[W4.3] After its end: unauthenticated; auth restores; after the grace: closed with 4401."""
    session = session_in(State.CHECKING)
    session.accepted(None, "ann", 100.0)
    assert errors_in(session.receive(call(1), 99.9)) == []
    assert errors_in(session.receive(call(2), 100.0)) == ["unauthenticated"]
    assert errors_in(session.receive(subscribe(3), 100.0)) == ["unauthenticated"]
    assert session.receive(Auth(ref=4, token="t2"), 101.0) == (Authenticate("t2", 4),)
    counts, effects = session.accepted(4, "bob", 900.0)
    assert not counts
    assert errors_in(effects) == ["unauthenticated"]
    assert session.token_is_due(129.0) == ()
    assert session.accepted(4, "ann", 900.0)[0]
    assert errors_in(session.receive(call(5), 102.0)) == []
    assert session.token_is_due(130.0) == ()
    assert session.token_is_due(930.0) == (CloseWith(4401, "the token expired"),)


@pytest.mark.parametrize(
    ("code", "close_code"),
    [("unauthenticated", 4401), ("permission_denied", 4403), ("unavailable", 1013)],
)
def test_a_refused_hello_ends_the_connection(code: str, close_code: int) -> None:
    """[W4.1] The error says why, the close code whether to come back."""
    session = session_in(State.CHECKING)
    effects = session.refused(None, WireError(code, "no"))
    assert errors_in(effects) == [code]
    assert effects[-1] == CloseWith(close_code, code)


def test_goodbye_waits_for_open_calls() -> None:
    """[W3.3] LEAVING and DRAINING close when the last open call is answered."""
    for state, code in ((State.LEAVING, 1000), (State.DRAINING, 1001)):
        session = session_in(state)
        (closing,) = session.answered(1)
        assert isinstance(closing, CloseWith)
        assert closing.code == code
        assert session.answered(1) == ()


def test_unreadable_messages_are_answered_while_open_and_fatal_before() -> None:
    """[W1.5] bad_request under the message's ref; before the hello was accepted it ends."""
    fault = Unreadable("bad_request", "x", ref=8)
    opened = session_in(State.OPEN)
    assert errors_in(opened.unreadable(fault, 0.0)) == ["bad_request"]
    assert opened.state is State.OPEN
    assert session_in(State.OPENING).unreadable(fault, 0.0)[-1] == CloseWith(
        CLOSE_BAD_PROTOCOL, "an unreadable message"
    )
    violation = ProtocolViolation("bad_request", "not UTF-8", close_code=1007)
    assert opened.unreadable(violation, 0.0) == (CloseWith(1007, "not UTF-8"),)


def test_every_code_of_the_wire_is_listed() -> None:
    """[W6.1] A WireError of a listed code knows by itself whether a retry can help."""
    for code, (is_retryable, meaning) in CODES.items():
        assert WireError(code, "x").retryable is is_retryable
        assert meaning
    assert WireError("of.some.kind", "x").retryable is False
    assert WireError("of.some.kind", "x", retryable=True).retryable
