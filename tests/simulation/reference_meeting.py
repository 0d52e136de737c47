"""A meeting, said a second time: people, and speech in time buckets. See ``reference``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attrs import define, field

from tests.simulation.reference import Refusal, Target

_MINUTE_MS: Final = 60_000
_ALL: Final = "host speaker attendee transcriber"
_MEETING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "meeting.schedule": "founder host",
        "meeting.start": "host",
        "meeting.end": "host",
        "meeting.transfer": "host",
        **dict.fromkeys(("participants.invite", "participants.remove"), "host"),
        "participants.set_role": "host",
        "participants.join": _ALL + " invited left",
        "participants.leave": _ALL + " invited",
        "transcript.add": "host speaker transcriber",
        **dict.fromkeys(
            ("messages.post", "messages.edit", "messages.delete", "messages.react"),
            "host speaker attendee",
        ),
        "messages.delete_any": "host",
        **dict.fromkeys(("read:state", "read:participants", "read:transcript"), _ALL),
        "read:messages": "host speaker attendee",
        "messages.page": "host speaker attendee",
        "transcript.page": _ALL,
    }
)
# In which status what is possible; everything else only before the end.
_STATUS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "meeting.schedule": "absent",
        "meeting.start": "scheduled",
        "meeting.end": "live",
        "transcript.add": "live",
        "participants.leave": "scheduled live ended",
        "participants.remove": "scheduled live ended",
    }
)


@define
class Segment:
    """The newest revision of a segment, open or sealed."""

    bucket: int
    seq: int
    chunk: Mapping[str, Any]


@define
class Meeting(Target):
    """One meeting."""

    status: str = "absent"
    people: dict[str, list[str]] = field(factory=dict)  # User: role, standing.
    watermark_ms: int = 0
    open: dict[tuple[str, str], Segment] = field(factory=dict)
    known: dict[int, dict[tuple[str, str], Segment]] = field(factory=dict)  # Sealed, by bucket.
    parts: dict[int, list[list[Segment]]] = field(factory=dict)  # Sealed parts, by bucket.

    OPS: ClassVar[Mapping[str, str]] = _MEETING

    def role(self, user: str) -> str:
        if self.status == "absent":
            return "founder"
        role, standing = self.people.get(user, ("", "removed"))
        if standing == "joined":
            return role
        return "outsider" if standing == "removed" else standing

    def do(self, user: str, op: str, args: Mapping[str, Any], key: str | None) -> Any:
        is_known = key is not None and op != "transcript.add" and (user, key) in self.answers
        is_possible = self.status in _STATUS.get(op, "scheduled live").split()
        if not is_known and self.may(user, op) and not is_possible:
            raise Refusal("conflict")
        return super().do(user, op, args, key)

    # ------------------------------------------------------------ its life

    def meeting_schedule(self, user: str, title: str) -> Any:  # noqa: ARG002
        self.happen("state", "meeting.scheduled", user)
        self.status, self.owner = "scheduled", user
        self.people[user] = ["host", "joined"]
        return {"status": "scheduled"}

    def meeting_start(self, user: str) -> Any:
        self.happen("state", "meeting.started", user)
        self.status = "live"
        return {"status": "live"}

    def meeting_end(self, user: str) -> Any:
        self._seal(user, list(self.open))
        self.happen("state", "meeting.ended", user, concludes=True)
        self.status = "ended"
        return {"status": "ended"}

    def meeting_transfer(self, user: str, user_id: str) -> Any:
        self._check_owner(user, "host")
        if user_id not in self.people:
            raise Refusal("not_found")
        if self.people[user_id][1] != "joined":
            raise Refusal("conflict")
        if user_id != self.owner:
            self.happen("participants", "meeting.transferred", user)
            self.people[self.owner][0], self.people[user_id][0] = "speaker", "host"
            self.owner = user_id
        return {"owner_id": user_id}

    # ------------------------------------------------------------ people

    def _check_owner(self, user: str, *roles: str) -> None:
        if "host" in roles and user != self.owner:
            raise Refusal("permission_denied")

    def participants_invite(self, user: str, user_id: str, role: str) -> Any:
        held = self.people.get(user_id)
        self._check_owner(user, role, held[0] if held and held[1] == "left" else role)
        if held and held[1] in ("invited", "joined"):
            if held[0] != role:
                raise Refusal("conflict")
        else:
            self.happen("participants", "participant.invited", user)
            held = self.people[user_id] = [role, "invited"]
        return {"user_id": user_id, "role": role, "standing": held[1]}

    def participants_join(self, user: str) -> Any:
        person = self.people[user]
        if person[1] != "joined":
            self.happen("participants", "participant.joined", user)
            person[1] = "joined"
        return {"user_id": user, "role": person[0], "standing": "joined"}

    def participants_leave(self, user: str) -> Any:
        if user == self.owner:
            raise Refusal("conflict")
        self.happen("participants", "participant.left", user, shuts_out=user)
        self.people[user][1] = "left"
        return {"user_id": user, "role": self.people[user][0], "standing": "left"}

    def participants_remove(self, user: str, user_id: str) -> Any:
        if user_id not in self.people:
            raise Refusal("not_found")
        role, standing = self.people[user_id]
        if standing != "removed":
            if user_id == self.owner:
                raise Refusal("conflict")
            self._check_owner(user, role)
            self.happen("participants", "participant.removed", user, shuts_out=user_id)
            self.people[user_id][1] = "removed"
        return {"user_id": user_id, "role": role, "standing": "removed"}

    def participants_set_role(self, user: str, user_id: str, role: str) -> Any:
        if user_id not in self.people or self.people[user_id][1] == "removed":
            raise Refusal("not_found")
        was, standing = self.people[user_id]
        if was != role:
            if user_id == self.owner:
                raise Refusal("conflict")
            self._check_owner(user, was, role)
            loses = role == "transcriber"  # Which reads no messages.
            self.happen(
                "participants",
                "participant.role_changed",
                user,
                shuts_out=user_id if loses else None,
            )
            self.people[user_id][0] = role
        return {"user_id": user_id, "role": role, "standing": standing}

    # ------------------------------------------------------------ speech

    def transcript_add(self, user: str, **chunk: Any) -> Any:
        speaker, start_ms, end_ms = chunk["speaker"], chunk["start_ms"], chunk["end_ms"]
        is_anybodys = self.people[user][0] == "transcriber" or speaker not in self.people
        if speaker != user and not is_anybodys:
            raise Refusal("permission_denied")
        if end_ms < start_ms or end_ms - start_ms > _MINUTE_MS:
            raise Refusal("bad_request")
        if start_ms > self.watermark_ms + 60 * _MINUTE_MS:
            raise Refusal("bad_request")
        key, here = (chunk["provider"], chunk["segment"]), start_ms // _MINUTE_MS
        before = self.open.get(key)
        for bucket in (here, here - 1, here + 1):  # Sealed ones are found where they may be.
            before = before or self.known.get(bucket, {}).get(key)
        if before is not None:
            if before.chunk == chunk:
                # What was sealed so long ago may be forgotten: then the chunk is refused as late.
                return ... if self._is_late(end_ms) else {"seq": before.seq}
            if before.chunk["revision"] >= chunk["revision"] or before.chunk["is_final"]:
                raise Refusal("conflict")
        bucket = here if before is None else before.bucket
        if self._is_late(end_ms) or abs(here - bucket) > 1:
            raise Refusal("conflict")
        was_passed, self.watermark_ms = self._passed(), max(self.watermark_ms, end_ms)
        if self._passed() > was_passed:
            self._seal(user, [k for k, line in self.open.items() if line.bucket < self._passed()])
        seq = self.happen("transcript", "transcript.added", user)
        self.open[key] = Segment(bucket, seq, chunk)
        return {"seq": seq}

    def _is_late(self, end_ms: int) -> bool:
        return end_ms < self.watermark_ms - 10 * _MINUTE_MS

    def _passed(self) -> int:
        """How many buckets speech has left behind, ten seconds after their ends."""
        return max(self.watermark_ms - 10_000, 0) // _MINUTE_MS

    def _seal(self, user: str, keys: list[tuple[str, str]]) -> None:
        for bucket in sorted({self.open[key].bucket for key in keys}):
            self.happen("transcript", "transcript.sealed", user)
            there = [key for key in keys if key in self.open and self.open[key].bucket == bucket]
            sealed = {key: self.open.pop(key) for key in there}
            self.known.setdefault(bucket, {}).update(sealed)
            self.parts.setdefault(bucket, []).append(list(sealed.values()))

    def pages(self) -> list[tuple[int, bool, list[tuple[str, int, str]]]]:
        """Return all bucket parts: position, sealed or not, and their lines in order."""
        leaves = [
            (bucket * 1000 + part, True, lines)
            for bucket, parts in self.parts.items()
            for part, lines in enumerate(parts)
        ]
        for bucket in {line.bucket for line in self.open.values()}:
            lines = [line for line in self.open.values() if line.bucket == bucket]
            leaves.append((bucket * 1000 + len(self.parts.get(bucket, ())), False, lines))
        return [
            (position, is_sealed, [_shown(line) for line in sorted(lines, key=_order)])
            for position, is_sealed, lines in sorted(leaves, key=lambda leaf: leaf[0])
        ]


def _order(line: Segment) -> tuple[int, int]:
    return line.chunk["start_ms"], line.seq


def _shown(line: Segment) -> tuple[str, int, str]:
    return line.chunk["segment"], line.seq, line.chunk["text"]
