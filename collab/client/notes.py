"""Notes of a meeting or a chat: calls, and a live document to write in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from collab.client.live_notes import SAVE_TIMEOUT_S, LiveNotes, open_live_notes
from collab.client.target import Part

Format = Literal["markdown", "html", "text"]


class Notes(Part):
    """The shared document of one meeting or chat."""

    @asynccontextmanager
    async def open(
        self, *, state: bytes | None = None, save_timeout_s: float = SAVE_TIMEOUT_S
    ) -> AsyncIterator[LiveNotes]:
        """Hold the document live while the block runs; see :class:`LiveNotes`.

        When its meeting ends it is read on; edits are refused from then on.

        Args:
          state: what :meth:`LiveNotes.state` gave earlier, with edits that may never have been
            saved: then there is something to read and write at once, without a connection.
            None: wait for the server's document first.
          save_timeout_s: how long the end of the block waits for the last edits.

        Raises:
          SubscriptionEnded, ConnectFailed, ClientClosed: before the block, it cannot be followed.
          EditsRefused: at the end of the block, edits were refused, or could not be saved in
            time (code ``unsaved``). It carries them.

        Cancelled, or left by an exception: what is not saved is dropped.
        """
        opening = open_live_notes(
            self.wire, self.target, state=state, save_timeout_s=save_timeout_s
        )
        async with opening as live:
            yield live

    # ------------------------------------------------------------ the document

    async def edit(self, update: bytes, *, key: str | None = None) -> int | None:
        """Apply a Yjs update (v1); return the target's seq after it."""
        answer = await self.wire.ask(self.target, "notes.edit", {"update": update}, key=key)
        return answer.seq

    async def sync(self, state_vector: bytes = b"") -> Any:
        """Return what a document with *state_vector* lacks: ``{"update", "state_vector"}``."""
        return await self._look("notes.sync", state_vector=state_vector)

    async def undo(self, *, key: str | None = None) -> Any:
        """Take back the newest of one's own edits."""
        return await self._do("notes.undo", key)

    async def redo(self, *, key: str | None = None) -> Any:
        """Take back the newest of one's own undos."""
        return await self._do("notes.redo", key)

    # ------------------------------------------------------------ history

    async def name_version(self, name: str, *, key: str | None = None) -> Any:
        """Give the document as it is now a name; return ``{"seq"}``."""
        return await self._do("notes.name_version", key, name=name)

    async def restore(self, seq: int, *, key: str | None = None) -> Any:
        """Make the document look as it did after event *seq*."""
        return await self._do("notes.restore", key, seq=seq)

    async def versions(self) -> Any:
        """Return the named versions."""
        return (await self._look("notes.versions"))["versions"]

    async def moments(self, *, before: int | None = None, limit: int | None = None) -> Any:
        """Return a page of stretches of editing."""
        more = {} if limit is None else {"limit": limit}
        return await self._look("notes.moments", before=before, **more)

    async def at(self, seq: int) -> Any:
        """Return the document after event *seq*: ``{"update", "text"}``."""
        return await self._look("notes.at", seq=seq)

    async def authors(self, root: str) -> Any:
        """Return who wrote which passage, in code points: ``{"passages"}``."""
        return await self._look("notes.authors", root=root)

    # ------------------------------------------------------------ recovery branches

    async def branches(self) -> Any:
        """Return the recovery branches."""
        return (await self._look("notes.branches"))["branches"]

    async def branch(self, branch_id: int) -> Any:
        """Return what merging a branch would bring."""
        return await self._look("notes.branch", id=branch_id)

    async def merge_branch(self, branch_id: int, *, key: str | None = None) -> Any:
        """Bring what a branch holds into the document."""
        return await self._do("notes.merge_branch", key, id=branch_id)

    async def discard_branch(self, branch_id: int, *, key: str | None = None) -> Any:
        """Let a branch go."""
        return await self._do("notes.discard_branch", key, id=branch_id)

    # ------------------------------------------------------------ out and in

    async def export(self, form: Format = "markdown", *, root: str | None = None) -> str:
        """Return a root as a text of this format."""
        content: str = (await self._look("notes.export", format=form, root=root))["content"]
        return content

    async def import_markdown(
        self, markdown: str, *, root: str | None = None, key: str | None = None
    ) -> Any:
        """Make *markdown* the content of a root."""
        return await self._do("notes.import", key, markdown=markdown, root=root)

    async def _do(self, op: str, key: str | None, **fields: Any) -> Any:
        return await self.wire.call(self.target, op, fields, key=key)

    async def _look(self, op: str, **fields: Any) -> Any:
        return await self.wire.call(self.target, op, fields, idempotent_read=True)
