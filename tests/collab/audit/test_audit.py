"""What a running server writes into the audit log, and who may read it there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from attrs import evolve, fields

from collab.app import AppSettings, open_app
from collab.audit import AuditEntry, AuditFilter, Chain, described
from collab.audit.kind import PageAudit, audit_kind
from collab.chat.commands import AddMember, CreateChat, RenameChat
from collab.errors import PermissionDenied
from collab.kind import Caller, Kind
from collab.kinds import BUILT_IN
from collab.limits import AUDIT_LIST_LEN_MAX, AUDIT_TEXT_LEN_MAX
from collab.messages import PostMessage
from collab.operators import Operators
from collab.requests import Do, Look, Reading
from collab.storage import verify_audit
from protocol.gateway import Peer
from protocol.messages import Call, Error, Reply, Snapshot, Subscribe
from tests.integration.wires import Wired, wired

SOMEWHERE = Peer("10.1.2.3:456")


async def entries_of(server: Wired, **wanted: Any) -> list[AuditEntry]:
    """Return what fits, oldest first."""
    records = await server.app.store.audit_page(AuditFilter(**wanted))
    return [record.entry for record in reversed(records)]


async def test_sign_ins_streams_and_refusals_are_written_down() -> None:
    """[A2.4] Who, from where, what, on what, which topics; a refused sign-in names nobody."""
    async with wired() as server:
        ann, eve = await server.client("ann", org_role="member"), await server.client("eve")
        ann.send(Call(ref=1, target="chat:c", op="chat.create", args={"title": "t"}))
        await ann.receive()
        ann.send(Subscribe(ref=2, target="chat:c", topics=("state", "messages")))
        assert isinstance(await ann.receive(), Snapshot)
        eve.send(Subscribe(ref=2, target="chat:c", topics=("messages",)))
        assert isinstance(await eve.receive(), Error)
        eve.send(Call(ref=3, target="chat:c", op="messages.post", args={"text": "let me in"}))
        assert isinstance(await eve.receive(), Error)
        with pytest.raises(Exception, match="unauthenticated"):
            await server.app.gateway.authenticate("nonsense", SOMEWHERE)
        mine = await entries_of(server, user_id="ann")
        assert [(one.action, one.outcome, one.target) for one in mine] == [
            ("sign_in", "granted", ""),
            ("follow", "granted", "chat:c"),
        ]
        assert mine[1].org_id == "acme"
        assert orjson.loads(mine[1].detail) == {"topics": ["messages", "state"]}
        hers = await entries_of(server, user_id="eve", outcome="refused")
        assert [(one.action, one.target) for one in hers] == [
            ("read:messages", "chat:c"),
            ("messages.post", "chat:c"),
        ]
        (stranger,) = await entries_of(server, action="sign_in", outcome="refused")
        assert (stranger.user_id, stranger.address) == ("", "10.1.2.3")


async def test_what_changes_rights_is_written_with_its_event(tmp_path: Path) -> None:
    """[A1.1] Under the event's seq, with the fields named for it; what is ordinary is not."""
    async with open_app(tmp_path) as app:
        await app.do("chat:c", CreateChat(title="plans"), user_id="ann")
        await app.do("chat:c", AddMember(user_id="ben", role="editor"), user_id="ann", key="k")
        await app.do("chat:c", AddMember(user_id="ben", role="editor"), user_id="ann", key="k")
        await app.do("chat:c", PostMessage(text="hello"), user_id="ben")
        records = await app.store.audit_page(AuditFilter())
        (entry,) = [record.entry for record in records]
        assert (entry.action, entry.user_id, entry.target) == ("members.add", "ann", "chat:c")
        assert entry.seq == 2
        assert orjson.loads(entry.detail) == {"user_id": "ben", "role": "editor"}
    assert verify_audit(tmp_path, frozenset()).entries == 1


async def test_refusals_by_the_rules_are_written_too() -> None:
    """[A2.4] Not only the table refuses: what rules deny is a refusal as well."""
    async with open_app(None) as app:
        await app.do("chat:c", CreateChat(title="plans"), user_id="ann")
        with pytest.raises(PermissionDenied):
            await app.do("chat:c", RenameChat(title="mine"), user_id="eve")
        (record,) = await app.store.audit_page(AuditFilter(outcome="refused"))
        assert (record.entry.user_id, record.entry.action) == ("eve", "chat.rename")


async def test_an_organisations_admins_read_their_part_of_the_log() -> None:
    """[A3.1] Their people's entries, paged; nobody else's, and nobody else may."""
    async with wired() as server:
        boss, ann = (
            await server.client("boss", org_role="admin"),
            await server.client("ann", org_role="member"),
        )
        await server.client("alone")
        for number in range(3):
            ann.send(Call(ref=number, target=f"chat:x{number}", op="chat.get", args={}))
            await ann.receive()
        seen: list[Any] = []
        args: dict[str, Any] = {"limit": 2}
        while True:
            boss.send(Call(ref=50 + len(seen), target="audit:acme", op="audit.page", args=args))
            answer = await boss.receive()
            assert isinstance(answer, Reply)
            value: Any = answer.value
            seen += value["entries"]
            if value["next"] is None:
                break
            args = {"limit": 2, "before": value["next"]}
        assert {one["user"] for one in seen} == {"boss", "ann"}
        assert [one["id"] for one in seen] == sorted({one["id"] for one in seen}, reverse=True)
        assert sum(one["outcome"] == "refused" for one in seen) == 3
        for client, target in ((ann, "audit:acme"), (boss, "audit:other")):
            client.send(Call(ref=90, target=target, op="audit.page", args={}))
            refusal = await client.receive()
            assert isinstance(refusal, Error)
            assert refusal.code == "permission_denied"


async def test_the_people_who_run_the_server_read_all_of_the_log() -> None:
    """[A3.5] `audit:*` is the whole log, for operators; no claim and no scope opens it."""
    root = Operators(frozenset({"root"}))
    kinds = [*(kind for kind in BUILT_IN if kind.name != "audit"), audit_kind(root)]
    nobodys = [
        Caller("root", scopes=frozenset({"audit:audit.page"})),
        Caller("boss", org_id="acme", org_role="admin"),
        Caller("boss", org_id="*", org_role="admin"),
        Caller("ann"),
    ]
    async with open_app(None, AppSettings(kinds=kinds)) as app:
        whole = app.system.ref("audit", "*")
        for caller in nobodys:
            with pytest.raises(PermissionDenied):
                await whole.ask(Look(caller, PageAudit()), timeout_s=5)
        answer: Any = await app.look("audit:*", PageAudit(limit=2), user_id="root")
        assert [(one["user"], one["outcome"]) for one in answer["entries"]] == [
            ("root", "granted"),
            ("ann", "refused"),
        ]
        answer = await app.look("audit:*", PageAudit(), user_id="root")
        assert {one["user"] for one in answer["entries"]} == {"root", "boss", "ann"}


async def test_reading_the_log_is_written_into_it() -> None:
    """[A3.2] With what was looked for."""
    async with open_app(None, AppSettings()) as app:
        boss = Caller("boss", org_id="acme", org_role="admin")
        ref = app.system.ref("audit", "acme")
        answer = await ref.ask(Look(boss, PageAudit(user_id="ann")), timeout_s=5)
        assert isinstance(answer, Reading)
        (record,) = await app.store.audit_page(AuditFilter(action="audit.page"))
        assert orjson.loads(record.entry.detail) == {"user_id": "ann"}


@pytest.mark.parametrize("kind", BUILT_IN, ids=lambda kind: kind.name)
def test_no_field_with_content_is_ever_kept(kind: Kind[Any]) -> None:
    """[A2.5] What is kept of commands are names, roles and switches, by this list."""
    harmless = {
        *("user_id", "role", "on", "id", "format", "target", "action", "from_ms", "until_ms"),
        *("key", "reason", "percent", "environment", "provider", "name", "kind", "at_ms"),
        *("is_on", "org_ids", "value"),  # Of a flag: a setting, no words of people.
        *("from_id", "to_id"),
    }
    audited = [*kind.audited.values(), *kind.audited_signals.values()]
    kept = {name for names in audited for name in names}
    assert kept <= harmless


async def test_no_secret_gets_into_the_log(tmp_path: Path) -> None:
    """[A2.6] Whatever is sent: tokens, messages and notes are in no entry."""
    secrets = ("tok_SECRET_1", "words said in SECRET", "dev:SECRET")
    async with open_app(tmp_path) as app:
        boss = Caller("boss", org_id="acme", org_role="admin", address="10.0.0.1")
        chat = app.system.ref("chat", "c")
        for command in (
            CreateChat(title=secrets[1]),
            PostMessage(text=secrets[1]),
            AddMember(user_id="ben", role="editor"),
        ):
            await chat.ask(Do(boss, command), timeout_s=5)
        for token in secrets:
            with pytest.raises(Exception, match="unauthenticated"):
                await app.gateway.authenticate(token, SOMEWHERE)
        records = await app.store.audit_page(AuditFilter())
        assert len(records) >= 2
        assert "SECRET" not in str(records)


@pytest.mark.parametrize("name", [known.name for known in fields(AuditEntry)])
def test_every_word_of_an_entry_is_chained(name: str) -> None:
    """[A1.2] A field that were left out of the hash could be changed unseen."""
    entry = AuditEntry(at_ms=1, action="a", outcome="granted")
    change: Any = {name: "x" if isinstance(getattr(entry, name), str) else 99}
    other = evolve(entry, **change)
    assert Chain().link(entry).hash != Chain().link(other).hash


def test_what_is_kept_of_a_command_is_bounded() -> None:
    """[A2.5] Long words are cut, long lists end; what is neither word nor number is left out."""
    command = SimpleNamespace(
        a="x" * 9_999, b=["y" * 999] * 99, c={"d": 1}, e=None, f="\ud800", g=1
    )
    kept = orjson.loads(described(command, "abcefg"))
    assert set(kept) == set("abfg")
    assert len(kept["a"]) == AUDIT_TEXT_LEN_MAX
    assert (len(kept["b"]), len(kept["b"][0])) == (AUDIT_LIST_LEN_MAX, AUDIT_TEXT_LEN_MAX)
    assert kept["f"] == "\\ud800"
