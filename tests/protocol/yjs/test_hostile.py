"""What no client may get past the walker: each case was tried against the libraries. N2."""

from __future__ import annotations

import pytest

from protocol.yjs import CLIENT_LIMITS, UPDATE_REFUSALS, UpdateRefused, WalkLimits, walk
from protocol.yjs.reader import varstring, varuint
from tests.protocol.yjs import building as b

LIST_OF_ONE = b"\x75\x01"
MAP_OF_ONE = b"\x76\x01\x01k"
NULL = b"\x7e"

# name -> (code, update)
MALFORMED = {
    "nothing at all": ("truncated", b""),
    "a cut varint": ("truncated", b"\x01\x01\x80"),
    "a string longer than the update": ("truncated", b.one(b"\x04\x01\x01t\x7fab")),
    "no delete set": ("truncated", b.one(b.text("hi"))[:-1]),
    "bytes after the end": ("trailing_bytes", b.one(b.text("hi")) + b"\0"),
    "a varint of eleven bytes": ("bad_varint", b"\x01\x01" + b"\x80" * 10 + b"\x00\x00"),
    "a megabyte of varint": ("bad_varint", b"\x01\x01" + b"\xff" * 1_000_000),
    "a client id that wraps to 0": ("bad_varint", b.update(b.section(2**53, 0, b.text("hi")))),
    "text that is not UTF-8": ("bad_text", b.one(b.item(b"\x02\xff\xfe"))),
    "a lone surrogate in a text": ("bad_text", b.one(b.item(b"\x03\xed\xa0\x80"))),
    "half a character": ("bad_text", b.one(b.item(b"\x02\xf0\x9f"))),
    "a lone surrogate in a mark's name": (
        "bad_text",
        b.one(b.item(b"\x03\xed\xb0\x80" + varstring("true"), kind=6)),
    ),
    "a lone surrogate in a map's key": (
        "bad_text",
        b.one(b"\x24\x01\x01t\x03\xed\xa0\x80\x01x"),
    ),
    "a root's name that is not UTF-8": ("bad_text", b.one(b"\x04\x01\x01\xff\x01x")),
    "an element's name that is not UTF-8": ("bad_text", b.one(b.item(b"\x03\x01\xff", kind=7))),
    "a text value that is not UTF-8": ("bad_text", b.one(b.values(b"\x77\x01\xff"))),
    "a parent that is neither root nor item": ("bad_parent", b.one(b"\x04\x02\x01t\x01x")),
}
STRUCTS = {
    "a section without structs": ("empty_section", b.update(b.section(2, 0))),
    "two sections of one client": (
        "duplicate_client",
        b.update(b.section(1, 0, b.text("a")), b.section(1, 1, b.text("b"))),
    ),
    "an empty text": ("zero_length", b.one(b.text(""))),
    "no values": ("zero_length", b.one(b.values(b"", 0))),
    "no JSON values": ("zero_length", b.one(b.item(b"\0", kind=2))),
    "nothing deleted": ("zero_length", b.one(b.deleted(0))),
    "garbage of length 0": ("zero_length", b.one(b.gc(0))),
    "garbage of 2^31 under a victim's id": ("clock_overflow", b.one(b.gc(2**31))),
    "garbage up to 2^31": ("clock_overflow", b.one(b.gc(1), clock=2**31 - 1)),
    "garbage of half a billion": ("clock_leap", b.one(b.gc(2**29))),
    "a leap in many steps": (
        "clock_leap",
        b.update(b.section(1, 0, *[b.deleted(2**20)] * 17)),
    ),
    "the 21 bytes that poison a document": (
        "clock_overflow",
        bytes.fromhex("01020700c101010102ffffffff0f44010202414100"),
    ),
    "a gap first": ("misplaced_skip", b.update(b.section(1, 0, b.skip(2), b.text("a")))),
    "a gap last": ("misplaced_skip", b.update(b.section(1, 0, b.text("a"), b.skip(2)))),
    "two gaps in a row": (
        "misplaced_skip",
        b.update(b.section(1, 0, b.text("a"), b.skip(1), b.skip(1), b.text("b"))),
    ),
    "an origin that comes later": (
        "forward_reference",
        b.update(b.section(1, 0, b.text("a", origin=(1, 1)), b.text("b"))),
    ),
    "a right origin that comes later": (
        "forward_reference",
        b.update(b.section(1, 0, b.text("a", right=(1, 9)))),
    ),
    "a type within itself": (
        "forward_reference",
        b.update(b.section(1, 5, b.shared(parent=(1, 5)))),
    ),
    "a struct between a struct and itself": (
        "bad_origin",
        b.one(b.text("a", origin=(2, 1), right=(2, 1))),
    ),
    "a reference beyond all clocks": (
        "clock_overflow",
        b.one(b.text("a", origin=(2, 2**31))),
    ),
}
CONTENTS = {
    "a subdocument": ("subdocument", b.one(b.item(varstring("guid") + b"\x76\0", kind=9))),
    "a move, which only yrs knows": ("unknown_content", b.one(b.item(b"\0\1\0", kind=11))),
    "a flagged garbage struct": ("unknown_content", b.one(b"\x20\x01\x01t\x01k\x01")),
    "the fifth bit of the kind": ("unknown_content", b.one(b"\x14\x01\x01t\x02hi")),
    "a hook, which the two read differently": (
        "unknown_type",
        b.one(b.item(b"\x05" + varstring("h"), kind=7)),
    ),
    "a weak link, which only yrs knows": ("unknown_type", b.one(b.shared(7))),
    "a type in two bytes": ("unknown_type", b.one(b.item(b"\x81\0", kind=7))),
    "an unknown value": ("bad_value", b.one(b.values(b"\x73"))),
    "an integer beyond 2^53": (
        "bad_varint",
        b.one(b.values(b"\x7d" + b"\xbf" + b"\xff" * 7 + b"\1")),
    ),
    "a list of a billion": ("truncated", b.one(b.values(b"\x75\xff\xff\xff\xff\x03"))),
    "a map of half of what is left": ("truncated", b.one(b.values(b"\x76\x03\x01k\x7e"))),
    "a billion values": ("truncated", b.one(b.values(NULL, 2**30))),
    "53 kB of nested lists": ("too_deep", b.one(b.values(LIST_OF_ONE * 26_400 + NULL))),
    "65 maps": ("too_deep", b.one(b.values(MAP_OF_ONE * 65 + NULL))),
    "65 lists of JSON": ("too_deep", b.one(b.embed("[" * 65 + "]" * 65))),
    "JSON deeper than the stack": ("too_deep", b.one(b.embed("[" * 9_999 + "]" * 9_999))),
    "JSON that is none": ("bad_json", b.one(b.embed("{]"))),
    "an empty JSON text": ("bad_json", b.one(b.embed(""))),
    "not a number": ("bad_json", b.one(b.embed("NaN"))),
    "a number out of range": ("bad_json", b.one(b.embed("[1e999]"))),
    "an integer out of range": ("bad_json", b.one(b.embed("9" * 310))),
    "an integer of a megabyte": ("bad_json", b.one(b.embed("9" * 1_000_000))),
    "an escaped lone surrogate": ("bad_json", b.one(b.embed('"\\ud800"'))),
    "JSON of too many elements": ("bad_json", b.one(b.embed("[" + "0," * 20_001 + "0]"))),
    "JSON that is not UTF-8": ("bad_text", b.one(b.embed(b'"\xff"'))),
    "a mark's value that is no JSON": (
        "bad_json",
        b.one(b.item(varstring("bold") + varstring("yes"), kind=6)),
    ),
    "old JSON values that are none": (
        "bad_json",
        b.one(b.item(b"\1" + varstring("undef"), kind=2)),
    ),
}
BOUNDS = {
    "too many bytes": ("too_large", bytes(CLIENT_LIMITS.update_bytes_max + 1)),
    "too many clients": ("too_many_clients", varuint(CLIENT_LIMITS.clients_max + 1)),
    "too many structs": ("too_many_structs", b"\1" + varuint(CLIENT_LIMITS.structs_max + 1)),
    "too many structs in two sections": (
        "too_many_structs",
        b.update(
            b.section(1, 0, *[b.gc(1)] * (CLIENT_LIMITS.structs_max - 1)),
            b.section(2, 0, b.gc(1), b.gc(1)),
        ),
    ),
    "too many deleted ranges": (
        "too_many_deletes",
        b"\0\1\1" + varuint(CLIENT_LIMITS.deletes_max + 1),
    ),
    "too many roots": (
        "too_many_roots",
        b.update(
            b.section(
                1, 0, *[b.text("x", parent=f"r{n}") for n in range(CLIENT_LIMITS.roots_max + 1)]
            )
        ),
    ),
    "a root's name too long": ("root_too_long", b.one(b.text("x", parent="r" * 257))),
    "a key too long": ("key_too_long", b.one(b.text("x", key="k" * 1025))),
    "an element's name too long": ("key_too_long", b.one(b.shared(3, "e" * 1025))),
    "a mark's name too long": (
        "key_too_long",
        b.one(b.item(varstring("m" * 1025) + varstring("1"), kind=6)),
    ),
    "a value's key too long": (
        "key_too_long",
        b.one(b.values(b"\x76\1" + varstring("k" * 1025) + NULL)),
    ),
}
DELETES = {
    "a deletion of length 0": ("zero_length", b.update(deletes=[b.deletions(1, (0, 0))])),
    "overlapping deletions": (
        "bad_delete_set",
        b.update(deletes=[b.deletions(1, (0, 2), (1, 1))]),
    ),
    "deletions out of order": (
        "bad_delete_set",
        b.update(deletes=[b.deletions(1, (4, 1), (0, 1))]),
    ),
    "two sections of deletions": (
        "bad_delete_set",
        b.update(deletes=[b.deletions(1, (0, 1)), b.deletions(1, (1, 1))]),
    ),
    "a deletion beyond all clocks": (
        "clock_overflow",
        b.update(deletes=[b.deletions(1, (0, 2**31))]),
    ),
    "a deletion at the last clock": (
        "clock_overflow",
        b.update(deletes=[b.deletions(1, (2**31 - 1, 1))]),
    ),
}
CASES = MALFORMED | STRUCTS | CONTENTS | BOUNDS | DELETES


@pytest.mark.parametrize("name", CASES)
def test_hostile_bytes_are_refused_with_their_reason(name: str) -> None:
    """[N12.1] Every known attack is refused, and the reason is one of the listed codes."""
    code, update = CASES[name]
    with pytest.raises(UpdateRefused) as refused:
        walk(update)
    assert refused.value.code == code
    assert code in UPDATE_REFUSALS
    assert len(str(refused.value)) < 250


def test_every_listed_reason_is_tested() -> None:
    """[N12.1] The list of codes holds no reason that nothing can cause."""
    document_reasons = {"missing", "circular", "too_fragmented", "split_character", "bad_entry"}
    document_reasons.add("too_entangled")
    assert {code for code, _ in CASES.values()} | document_reasons == set(UPDATE_REFUSALS)


# name -> update: what lies just within the bounds, or looks odd and is harmless.
HARMLESS = {
    "64 lists": b.one(b.values(LIST_OF_ONE * 64 + NULL)),
    "64 lists of JSON": b.one(b.embed("[" * 64 + "]" * 64)),
    "brackets in a JSON text": b.one(b.embed('"' + "[" * 500 + '"')),
    "a colour that looks like a number": b.one(b.embed('{"color":"#fe1234"}')),
    "an escaped pair of surrogates": b.one(b.embed('"\\ud83d\\ude00"')),
    "old JSON values": b.one(b.item(b"\2" + varstring("undefined") + varstring("1"), kind=2)),
    "an integer of 2^53 - 1": b.one(b.values(b"\x7d\xbf" + b"\xff" * 6 + b"\x1f")),
    "a client id of 2^53 - 1": b.one(b.text("a"), client=2**53 - 1),
    "a number in more bytes than it needs": b"\x01\x01\x81\x80\x00\x00\x04\x01\x01t\x01x\x00",
    "empty lists and maps": b.one(b.values(b"\x75\x02\x75\x00\x76\x00")),
    "deletions side by side": b.update(deletes=[b.deletions(1, (0, 2), (2, 1))]),
    "a client without deletions": b.update(deletes=[b.deletions(1)]),
    "a mark": b.one(b.item(varstring("b") + varstring("null"), kind=6)),
    "bytes": b.one(b.item(b"\x03\xff\xfe\xfd", kind=3)),
    "an unknown root": b.one(b.text("x", parent="nobody knows")),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_odd_but_harmless_passes(name: str) -> None:
    """[N12.2] The bounds are met, not undercut."""
    assert walk(HARMLESS[name]).size_bytes == len(HARMLESS[name])


def test_text_is_counted_in_utf_16() -> None:
    """[N11.1] A character beyond the basic plane takes two clocks, as in Yjs."""
    report = walk(b.one(b.text("aé€😀"), clock=3))
    assert report.clocks == {1: (3, 8)}


def test_depth_of_values_is_reported() -> None:
    """[N11.2] A plain value is 0 deep; lists, maps and JSON count alike."""
    assert walk(b.one(b.values(NULL))).value_depth == 0
    assert walk(b.one(b.values(LIST_OF_ONE + MAP_OF_ONE + NULL + NULL, 2))).value_depth == 2
    assert walk(b.one(b.embed('{"a":[{}]}'))).value_depth == 3


def test_limits_are_the_callers() -> None:
    """[N12.3] An import or a restore may be given larger bounds, a guest smaller ones."""
    update = b.one(b.text("a" * 100))
    with pytest.raises(UpdateRefused, match="too_large"):
        walk(update, WalkLimits(update_bytes_max=99))
    large = b.one(b.text("a" * 2_000_000))
    assert walk(large, WalkLimits(update_bytes_max=3_000_000)).clocks == {1: (0, 2_000_000)}
