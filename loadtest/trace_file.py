"""Recorded writing: what each author did, and what they had seen when they did it.

Input is a JSON file, possibly gzipped, of the layout of github.com/josephg/editing-traces:
``txns`` with ``patches`` of ``[position, deleted, inserted]`` in code points. In a concurrent one
each transaction has an ``agent`` and ``parents``, indices of earlier transactions; a sequential
one is a chain by one agent.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from attrs import frozen


@frozen
class Patch:
    """At ``position``, ``deleted`` code points go and ``inserted`` comes."""

    position: int
    deleted: int
    inserted: str


@frozen
class Edit:
    """One transaction. ``seen``: of each agent's edits, how many came before this one."""

    agent: int
    seen: tuple[int, ...]
    patches: tuple[Patch, ...]


@frozen
class Trace:
    """A recording. ``end`` is what everybody must hold after all of it."""

    agents: int
    edits: tuple[Edit, ...]
    end: str

    def of(self, agent: int) -> list[Edit]:
        """Return the edits of one agent, in order."""
        return [edit for edit in self.edits if edit.agent == agent]


def load_trace(file: Path) -> Trace:
    """Read *file*.

    Raises:
      ValueError: it is no recording of the known layout, or does not begin with an empty text, or
        an agent did something without having seen what it did before.
    """
    try:
        packed = file.read_bytes()
        recorded = json.loads(gzip.decompress(packed) if file.suffix == ".gz" else packed)
        agents = int(recorded.get("numAgents", 1))
        edits = _edits(recorded["txns"], agents)
        end = str(recorded["endContent"])
    except (LookupError, TypeError, AttributeError, ValueError, OSError, EOFError) as error:
        raise ValueError(f"{file} is no editing trace: {error!r}") from error
    if recorded.get("startContent"):
        raise ValueError(f"{file} does not begin with an empty text")
    return Trace(agents, tuple(edits), end)


def _edits(transactions: list[dict[str, Any]], agents: int) -> list[Edit]:
    """Turn parents into how much of each agent's work they stand for."""
    after: list[tuple[int, ...]] = []  # By transaction: what is seen once it has been seen.
    done = [0] * agents
    edits = []
    for number, transaction in enumerate(transactions):
        agent = int(transaction.get("agent", 0))
        parents = transaction.get("parents", [number - 1] if number else [])
        seen = [max(counts) for counts in zip(*(after[p] for p in parents), strict=True)]
        seen = seen or [0] * agents
        if seen[agent] != done[agent]:
            raise ValueError(f"transaction {number} of agent {agent} forgets an earlier one")
        patches = tuple(Patch(*patch) for patch in transaction["patches"])
        if any(patch.deleted or patch.inserted for patch in patches):
            edits.append(Edit(agent, tuple(seen), patches))
            done[agent] += 1
        after.append((*seen[:agent], done[agent], *seen[agent + 1 :]))
    return edits


def first_edits(trace: Trace, count: int) -> Trace:
    """Return a trace of the first *count* edits, whose end is not known: an empty text."""
    return Trace(trace.agents, trace.edits[:count], "")
