"""A data directory with as many bytes as wanted, written through a real server and kept for later.

Meetings of about an hour of speech and some long messages each, in words that compress like speech
does. The directory says of itself (``loadtest-cold.json``) which meetings it holds and where their
histories end, so that a later run can prove that everything is there.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import trio
from attrs import frozen

from loadtest.server_process import ServerProcess
from loadtest.serving import disk_bytes
from protocol.client import Client, open_client

MANIFEST: Final = "loadtest-cold.json"
USER: Final = "archivist"
AT_ONCE: Final = 8  # Meetings that are written at the same time.
CALLS: Final = 20  # Of each sort, for one meeting.
CHUNKS: Final = 100  # In one call: an hour in all has 2,000.
CHUNK_MS: Final = 1_800
CHUNK_WORDS: Final = 70  # 450 characters.
MESSAGE_WORDS: Final = 2_500  # 16,000 characters.
VOCABULARY: Final = 6_000
PARAGRAPHS: Final = 4_000


@frozen
class Filled:
    """What a directory holds: where each meeting's history ends."""

    seqs: Mapping[str, int]  # meeting -> seq
    text_bytes: int  # Of chunks and messages, as they were sent.

    @classmethod
    def read(cls, directory: Path) -> Filled | None:
        """Return what *directory* says of itself; None if nobody filled it to the end."""
        manifest = directory / MANIFEST
        if not manifest.exists():
            return None
        said = json.loads(manifest.read_text())
        return cls(said["seqs"], said["text_bytes"])

    def write(self, directory: Path) -> None:
        """Have *directory* say so."""
        said = {"seqs": dict(self.seqs), "text_bytes": self.text_bytes}
        (directory / MANIFEST).write_text(json.dumps(said))


class Prose:
    """Text that is quickly made and does not repeat itself within a compressor's sight."""

    def __init__(self, seed: int) -> None:
        """The same *seed* gives the same text."""
        self._rng = random.Random(seed)
        self.made_bytes = 0  # All of it is ASCII.
        letters = "etaoinshrdlucmfwypvbgkqjxz"
        weights = range(len(letters) + 4, 4, -1)
        words = [
            "".join(self._rng.choices(letters, weights, k=self._rng.randint(2, 10)))
            for _ in range(VOCABULARY)
        ]
        self._paragraphs = [
            " ".join(self._rng.choices(words, k=CHUNK_WORDS)) for _ in range(PARAGRAPHS)
        ]

    def chunk(self) -> str:
        """Return what is said in one chunk."""
        said = self._rng.choice(self._paragraphs)
        self.made_bytes += len(said)
        return said

    def message(self) -> str:
        """Return a long message."""
        said = "\n".join(self._rng.choices(self._paragraphs, k=MESSAGE_WORDS // CHUNK_WORDS))
        self.made_bytes += len(said)
        return said


async def fill(directory: Path, size_bytes: int, seed: int, say: Callable[[str], None]) -> Filled:
    """Write meetings until *directory* has *size_bytes*; the server is killed at the end.

    Raises:
      ServerDidNotStart: see ``ServerProcess``.
      CallFailed: the server refused a write.

    Cancelled: the directory is left half full, and does not say that it is filled.
    """
    prose = Prose(seed)
    seqs: dict[str, int] = {}
    server = ServerProcess(directory, arguments=("--log-level", "warning", "--idle-timeout-s", "5"))
    try:
        await server.start()
        async with open_client(server.url, token=f"dev:{USER}") as client:
            while (has := await trio.to_thread.run_sync(disk_bytes, directory)) < size_bytes:
                say(f"writing: {has / 1e6:.0f} of {size_bytes / 1e6:.0f} MB")
                async with trio.open_nursery() as nursery:
                    for number in range(len(seqs), len(seqs) + AT_ONCE):
                        seqs[f"cold-{number}"] = 0
                        nursery.start_soon(_write, client, prose, f"cold-{number}", seqs)
    finally:
        await server.kill()
    filled = Filled(seqs, prose.made_bytes)
    await trio.to_thread.run_sync(filled.write, directory)
    return filled


async def _write(client: Client, prose: Prose, meeting: str, seqs: dict[str, int]) -> None:
    target = f"meeting:{meeting}"
    for call in range(CALLS):
        chunks = [_chunk(prose, number) for number in range(call * CHUNKS, (call + 1) * CHUNKS)]
        await client.call(target, "transcript.add_many", {"chunks": chunks})
        message = {"text": prose.message()}
        seqs[meeting] = (await client.ask(target, "messages.post", message)).seq or 0


def _chunk(prose: Prose, number: int) -> dict[str, Any]:
    return {
        "provider": "load",
        "segment": str(number),
        "speaker": f"speaker {number % 5}",
        "start_ms": number * CHUNK_MS,
        "end_ms": (number + 1) * CHUNK_MS,
        "text": prose.chunk(),
        "is_final": True,
    }
