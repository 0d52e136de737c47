"""What a run of the fuzz counts, and adds up over its processes."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from attrs import asdict, define, field, frozen

STALL_MS: Final = 50.0  # A synchronous step that holds everybody up for longer is a finding.
RSS_GROWTH_MB_MAX: Final = 64.0  # Of one process, over all of its documents: each is dropped.
FINDINGS_MAX: Final = 20  # Kept and printed in full; all are counted.
FINGERPRINTS: Final = 2**48
SHOWN_BYTES_MAX: Final = 2_048  # Of an update in a finding; the trace holds it whole.


@frozen(kw_only=True)
class Finding:
    """Something that must not be: what, and where to see it again."""

    kind: str
    seed: int
    round: int
    step: int
    detail: str
    who: str = ""
    size: int = 0
    update: str = ""  # Hex; its beginning, if it is long.


@define
class Tally:
    """Counts of one or several rounds. Times are CPU time, so a busy machine adds nothing."""

    updates: int = 0
    accepted: int = 0
    known: int = 0  # Nothing new in it: no event.
    refused: Counter[str] = field(factory=Counter)
    commands: Counter[str] = field(factory=Counter)  # Undo, restore and their like, by outcome.
    documents: int = 0
    checkpoints: int = 0
    restarts: int = 0
    crashes: int = 0  # Deaths of a process.
    panics: int = 0  # Whatever else than a refusal came out of a command.
    stalls: int = 0
    slowest_ms: float = 0.0  # The longest single synchronous step, garbage collection excluded.
    slowest_gc_ms: float = 0.0
    unequal: int = 0  # Checks at checkpoints that failed.
    contested: int = 0  # Copies that put contradictory neighbours in another order; no finding.
    rss_growth_mb: float = 0.0  # The largest of any process.
    fingerprint: int = 0  # Of every step and how it went; the sum over rounds, in any order.
    findings: list[Finding] = field(factory=list)

    def add(self, other: Tally) -> None:
        """Take in what another process counted."""
        for name, value in asdict(other, recurse=False).items():
            mine = getattr(self, name)
            if name in ("slowest_ms", "slowest_gc_ms", "rss_growth_mb"):
                setattr(self, name, max(mine, value))
            elif name == "findings":
                self.findings += value[: max(0, FINDINGS_MAX - len(self.findings))]
            elif name == "fingerprint":
                self.fingerprint = (mine + value) % FINGERPRINTS
            else:
                setattr(self, name, mine + value)

    @property
    def is_clean(self) -> bool:
        """True if nothing was found."""
        bad = self.crashes + self.panics + self.stalls + self.unequal
        return not bad and self.rss_growth_mb <= RSS_GROWTH_MB_MAX

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Tally:
        """Return what ``to_plain`` told."""
        plain["refused"] = Counter(plain["refused"])
        plain["commands"] = Counter(plain["commands"])
        plain["findings"] = [Finding(**finding) for finding in plain["findings"]]
        return cls(**plain)
