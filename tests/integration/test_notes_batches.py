"""Large edits of one moment, through a whole server."""

from __future__ import annotations

import trio

from tests.collab.notes.test_loading import typed
from tests.integration.served import served

PAD = "meeting:m1"


async def test_large_edits_of_one_moment_are_all_taken_one_after_the_other() -> None:
    """[N3.20] None is outrun by the one before it, and small ones between them are not held up."""
    async with served() as server, server.client("ann") as ann:
        await ann.call(PAD, "meeting.schedule", {"title": "t"})
        answers: list[object] = []

        async def edit(update: bytes) -> None:
            answers.append(await ann.call(PAD, "notes.edit", {"update": update}))

        async with trio.open_nursery() as nursery:
            for client in range(10, 18):
                nursery.start_soon(edit, typed(client, 1_000))
                nursery.start_soon(edit, typed(client + 100, 1))
        assert len(answers) == 16
        assert server.app.system.counters.refused == 0
        shown = await ann.call(PAD, "notes.export", {"format": "text"})
        assert shown["content"].count("a") == 8 * 1_000 + 8
