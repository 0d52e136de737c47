"""What a log line looks like, and what never stands in one."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import orjson
import pytest

from collab.identity import OwnKey, Signer
from collab.limits import LOG_REPEATS_MAX, LOG_REPEATS_S
from collab.logs import FewRepeats, JsonFormatter, TextFormatter, configure_logs, redact


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


def a_token() -> str:
    return Signer(OwnKey.ephemeral(), lambda: 1_800_000_000_000).sign("ann", ttl_s=60)


def test_a_machine_gets_one_json_object_per_line(stream: io.StringIO) -> None:
    """[O4.1] Without a terminal a line is one JSON object with level, logger, message and ids."""
    configure_logs("info", "auto", stream=stream)
    log = logging.getLogger("collab.test")
    log.info("opened %s\nnext", "meeting:m1", extra={"session_id": "s1", "seq": 4})
    log.debug("not shown")
    (line,) = stream.getvalue().splitlines()
    fields = orjson.loads(line)
    assert fields["message"] == "opened meeting:m1\nnext"
    assert (fields["level"], fields["logger"]) == ("info", "collab.test")
    assert (fields["session_id"], fields["seq"]) == ("s1", 4)
    assert fields["at"].endswith("+00:00")


def test_text_shows_ids_behind_the_message(stream: io.StringIO) -> None:
    """[O4.1] As text, ids follow the message."""
    configure_logs("info", "text", stream=stream)
    logging.getLogger("collab.test").warning("slow", extra={"session_id": "s1"})
    assert stream.getvalue().rstrip().endswith("WARNING collab.test  slow  session_id=s1")


def test_configuring_twice_does_not_write_twice(stream: io.StringIO) -> None:
    """[O4.1] The newest configuration replaces the one before."""
    configure_logs("info", "json", stream=stream)
    configure_logs("info", "json", stream=stream)
    logging.getLogger("collab.test").info("once")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter("%(message)s")])
def test_no_token_reaches_the_log(formatter: logging.Formatter) -> None:
    """[O4.2] Tokens are blanked in messages, arguments and fields."""
    token = a_token()
    record = logging.getLogger("collab").makeRecord(
        "collab",
        logging.ERROR,
        __file__,
        1,
        "GET /v1?token=%s with %s",
        ("abc123", token),
        None,
        extra={"sent": token, "headers": {"authorization": f"Bearer {token}"}},
    )
    line = formatter.format(record)
    assert token not in line
    assert token[:30] not in line
    assert "abc123" not in line
    assert "[redacted]" in line


@pytest.mark.parametrize(
    "text",
    [
        '{"t":"hello","token":"opaque-1"}',
        '{"t": "hello", "token": "opaque-1"}',
        "{'token': 'opaque-1'}",
        "wss://x/v1?a=1&token=opaque-1&b=2",
        "authorization: Bearer opaque-1",
        "with dev:opaque-1 on",
    ],
)
def test_every_way_of_carrying_a_token_is_known(text: str) -> None:
    """[O4.2] Query parameters, headers, hello messages, development tokens."""
    assert "opaque-1" not in redact(text)


def test_ordinary_text_is_left_alone() -> None:
    """[O4.2] What is no token stays readable."""
    text = "meeting:m1 seq=4 token bucket empty; device:x dev server"
    assert redact(text) == text


def test_what_a_client_causes_again_and_again_is_counted(stream: io.StringIO) -> None:
    """[O4.4] The first line at once, the rest of a window as a number; others' lines come."""
    now_s = 0.0
    handler = configure_logs("info", "json", stream=stream)
    handler.filters[:] = [FewRepeats(lambda: now_s)]
    log = logging.getLogger("collab.test")
    eve = {"user": "eve", "target": "m", "code": "bad"}
    for number in range(50):
        log.warning("refused: %d", number, extra=eve)
        log.warning("plain")
        log.error("on fire", extra=eve)
        log.warning("a library's", extra={"code": 5})
    log.warning("refused: %d", 0, extra={**eve, "user": "bob"})
    now_s = LOG_REPEATS_S + 1
    log.warning("refused: %d", 99, extra=eve)
    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    refused = [line for line in lines if line["message"].startswith("refused")]
    assert [(line["message"], line["user"], line.get("repeated")) for line in refused] == [
        ("refused: 0", "eve", None),
        ("refused: 0", "bob", None),
        ("refused: 99", "eve", 49),
    ]
    assert len(lines) - len(refused) == 150


def test_lines_about_made_up_names_are_bounded() -> None:
    """[O4.4] However many users and targets somebody makes up, and in the next window again."""
    now_s = 0.0
    few = FewRepeats(lambda: now_s)
    for _ in range(2):
        passed = 0
        for number in range(3 * LOG_REPEATS_MAX):
            said = {"name": "x", "user": f"u{number}", "code": "bad", "levelno": logging.WARNING}
            passed += few.filter(logging.makeLogRecord(said))
        assert passed == LOG_REPEATS_MAX
        assert len(few) <= LOG_REPEATS_MAX + 1
        now_s += LOG_REPEATS_S
    said = {"name": "x", "user": "eve", "code": "bad", "levelno": logging.WARNING}
    record = logging.makeLogRecord(said)
    assert few.filter(record)
    assert vars(record)["repeated"] == 2 * LOG_REPEATS_MAX
