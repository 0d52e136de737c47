"""The documents themselves: whole, valid by their own rules, and the same contract each time."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from attrs import evolve, field, frozen, make_class
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped]

from collab.chat import CHAT
from collab.kind import Kind
from collab.kinds import BUILT_IN
from collab.schema import asyncapi_of, contract_of, document, json_schema_of, typescript_of
from protocol.schema import Definitions, Unshowable
from tests.conformance.pad import PAD, AddLine, PadState
from tests.schema.checked_in import ROOT

TSC: Final = ROOT / "protocol" / "js" / "node_modules" / ".bin" / "tsc"
PUBLISHED: Final = (
    ROOT / "tests/clients/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
)
USES: Final = """
import type { AnswerTo, ArgsOf, EventIn, ServerMessage, SnapshotOf } from "./wire.ts";
import { KINDS } from "./wire.ts";

const good: ArgsOf<"chat", "messages.post"> = { text: "hi" };
// @ts-expect-error a text is no number
const bad: ArgsOf<"chat", "messages.post"> = { text: 5 };
// @ts-expect-error no such operation
type None = ArgsOf<"chat", "chat.sing">;
export function words(event: EventIn<"meeting">): string[] {
  if (event.type !== "message.posted") return [];
  return event.data.parts.map((part) => (part.type === "text" ? part.text : ""));
}
export const unread = (list: SnapshotOf<"user", "list">): number => list.pinned[0]?.unread ?? 0;
export const id = (answer: AnswerTo<"chat", "messages.post">): number => answer.id;
export const seq = (message: ServerMessage): number | null =>
  message.t === "reply" ? message.seq : null;
export const names: readonly string[] = KINDS.chat.commands;
export { bad, good };
"""


def refs_in(value: Any) -> set[str]:
    """Return everything that *value* refers to."""
    if isinstance(value, list):
        return set().union(*map(refs_in, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    here = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return here.union(*(refs_in(item) for item in value.values()))


def find(whole: Any, ref: str) -> Any:
    """Return what *ref* refers to. Raises: KeyError."""
    held = whole
    for name in ref.removeprefix("#/").split("/"):
        held = held[name]
    return held


def test_the_json_schema_is_valid_and_whole() -> None:
    """[P11.4] It is a JSON Schema (2020-12), and defines everything that it refers to."""
    whole = json_schema_of(contract_of(BUILT_IN))
    Draft202012Validator.check_schema(whole)
    for ref in refs_in(whole):
        find(whole, ref)
    used = {ref.rpartition("/")[2] for ref in refs_in(whole)}
    assert set(whole["$defs"]) <= used, "a definition that nothing uses"


def test_the_asyncapi_document_has_its_shape() -> None:
    """[P11.4] Version 3.0; each reference leads somewhere, each operation has its messages."""
    whole = asyncapi_of(contract_of(BUILT_IN))
    assert whole["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(whole["info"])
    for ref in refs_in(whole):
        find(whole, ref)
    (channel,) = whole["channels"].values()
    assert channel["address"] == "/v1"
    messages = {f"#/channels/wire/messages/{name}" for name in channel["messages"]}
    spoken: set[str] = set()
    for name, operation in whole["operations"].items():
        assert operation["action"] in ("send", "receive"), name
        said = [each["$ref"] for each in operation["messages"]]
        answered = [each["$ref"] for each in operation.get("reply", {}).get("messages", ())]
        assert said, name
        spoken.update(said, answered)
    # A call and a subscription are spoken of by what they ask for, not as such.
    general = {f"#/channels/wire/messages/{name}" for name in ("Call", "Subscribe", "Snapshot")}
    assert spoken == messages - general
    for name, message in whole["components"]["messages"].items():
        Draft202012Validator.check_schema(message["payload"]), name
    for kind in BUILT_IN:
        for cls in (*kind.commands, *kind.queries):
            assert f"{kind.name}.{cls.TAG}" in whole["operations"]


@pytest.mark.skipif(not PUBLISHED.exists(), reason="not installed: npm ci in tests/clients")
def test_the_asyncapi_document_is_what_its_publishers_take() -> None:
    """[P11.4] It validates against the schema of AsyncAPI 3.0; one without a title does not."""
    validator = Draft7Validator(json.loads(PUBLISHED.read_text()))
    whole = json.loads(document(BUILT_IN, "asyncapi"))
    assert [error.message[:200] for error in validator.iter_errors(whole)] == []
    del whole["info"]["title"]
    assert not validator.is_valid(whole)


@pytest.mark.skipif(not TSC.exists(), reason="no TypeScript compiler: npm ci in protocol/js")
def test_the_types_compile_and_refuse_what_is_wrong(tmp_path: Path) -> None:
    """[P11.4] The module is strict TypeScript, and tells right from wrong use."""
    (tmp_path / "wire.ts").write_text(document(BUILT_IN, "typescript"))
    (tmp_path / "uses.ts").write_text(USES)
    strict = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext"]
    more = ["--moduleResolution", "bundler", "--allowImportingTsExtensions"]
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, str(TSC.resolve()), *strict, *more, "--noUncheckedIndexedAccess", "uses.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def test_documents_are_the_same_each_time() -> None:
    """[P11.4] So that a difference is a difference of the contract."""
    for form in ("asyncapi", "jsonschema", "typescript", "markdown"):
        assert document(BUILT_IN, form) == document(BUILT_IN, form)


# ---------------------------------------------------------------- kinds of one's own


def test_kinds_of_ones_own_are_in_it() -> None:
    """[P11.8] With their arguments, events, and the answers that they declare."""
    contract = contract_of([PAD])
    whole = json_schema_of(contract)
    add = whole["x-kinds"]["pad"]["commands"]["pad.add"]
    assert find(whole, add["answer"]["$ref"])["required"] == ["n"]
    assert find(whole, add["args"]["$ref"])["properties"]["text"]["maxLength"] == 100
    lines = whole["x-kinds"]["pad"]["topics"]["lines"]
    assert find(whole, lines["snapshot"]["$ref"])["required"] == ["lines"]
    assert '"pad.add": { args: PadAddArgs; answer: PadLine };' in typescript_of(contract)


def test_an_answer_that_nobody_declares_may_be_anything() -> None:
    """[P11.8] Without ANSWER the shape of an answer is open, and so is a snapshot's."""

    @frozen
    class Sing:
        """Sing."""

        TAG: ClassVar[str] = "choir.sing"
        volume: int = 3

    choir: Kind[PadState] = Kind(
        name="choir",
        new_state=PadState,
        commands={Sing: PAD.commands[AddLine]},
        events={},
        topics={},
        role_of=PAD.role_of,
        permissions={},
    )
    contract = contract_of([choir])
    assert '"choir.sing": { args: ChoirSingArgs; answer: unknown };' in typescript_of(contract)
    (shown,) = contract.kinds
    assert shown.commands[0].about == "Sing."
    args = contract.definitions["ChoirSingArgs"]
    assert "required" not in args
    assert args["properties"]["volume"]["default"] == 3


def test_two_shapes_of_one_name_are_told_apart() -> None:
    """[P11.8] Another kind's operation or event of the same name gets its kind's in front."""

    @frozen
    class LineAdded:
        """Another one."""

        TAG: ClassVar[str] = "board.added"
        row: int

    board = evolve(
        PAD,
        name="board",
        events={LineAdded: next(iter(PAD.events.values()))},
        topics={"lines": evolve(PAD.topics["lines"], events=(LineAdded,))},
    )
    definitions = contract_of([PAD, board]).definitions
    assert set(definitions["LineAdded"]["properties"]) == {"text"}
    assert set(definitions["BoardLineAdded"]["properties"]) == {"row"}


def test_two_parts_of_one_name_are_told_apart() -> None:
    """[P11.8] So are classes within arguments and answers: the module goes in front."""
    mine = make_class("Chunk", {"x": field(type=int)})
    other = make_class("Chunk", {"y": field(type=mine)})
    other.__module__ = "choir.parts"
    definitions = Definitions()
    names = [definitions.output(shape)["$ref"] for shape in (mine, other, other, mine)]
    assert names == [f"#/$defs/{name}" for name in ("Chunk", "PartsChunk", "PartsChunk", "Chunk")]
    assert definitions.found["PartsChunk"]["properties"]["y"] == {"$ref": "#/$defs/Chunk"}


def test_a_shape_that_no_schema_can_show_is_refused() -> None:
    """[P11.8] A field of some class that the wire cannot carry is the author's mistake."""

    @frozen
    class Odd:
        held: set[Path] = field(factory=set)

    with pytest.raises(Unshowable, match="Path"):
        Definitions().input(Odd)


def test_what_only_other_actors_say_is_not_in_it() -> None:
    """[P11.8] Signals, and events that no topic shows, are nobody's business."""
    whole = json.dumps(json_schema_of(contract_of(BUILT_IN)))
    hidden = {cls.TAG for cls in CHAT.signals} | {"notes.branch_kept", "user.link_told"}
    for tag in hidden:
        assert f'"{tag}"' not in whole
