"""The schema, as numbered steps. A released step never changes; a new one is added below it.

::

    tail_0/1  every record, as it was committed; append-only, no secondary index. One of the
              two takes the commits while the other one is sealed and then emptied as a whole,
              which frees its pages without writing them
    bucket    what the compactor made of the tail: many records of one actor, compressed
    snapshot  the newest state of an actor, hashed
    item      listings: one row per (listing, owner, position), with a check like the tail's
    signal    commands for other targets that were not yet handled. One per (target, source,
              slot), unless the slot is NULL; the index also finds the signals of a target
    audit     who did what: append-only, each row's hash covers the row before; meta's
              ``audit_end`` is the newest id and hash, written in the same transaction

A record may be both in a bucket and in the tail while the compactor works: the bucket wins. Ids
of tail rows ascend over both tables. ``quarantine`` keeps tail rows of actors that are damaged.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import apsw

from collab.storage.sealing import item_crc, signal_crc

APPLICATION_ID: Final = 0x436F_6C62  # "Colb"

_STEPS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
    CREATE TABLE tail_0 (
        id INTEGER PRIMARY KEY, actor TEXT NOT NULL, seq INTEGER NOT NULL,
        payload BLOB NOT NULL, crc INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE tail_1 (
        id INTEGER PRIMARY KEY, actor TEXT NOT NULL, seq INTEGER NOT NULL,
        payload BLOB NOT NULL, crc INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE quarantine (actor BLOB, seq, payload, crc);
    CREATE TABLE bucket (
        id INTEGER PRIMARY KEY, actor TEXT NOT NULL, first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL, size INTEGER NOT NULL, sealed_ms INTEGER NOT NULL,
        hash BLOB NOT NULL, data BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX bucket_of ON bucket (actor, last_seq);
    CREATE TABLE snapshot (
        actor TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL, data BLOB NOT NULL
    ) STRICT;
    CREATE TABLE item (
        listing TEXT NOT NULL, owner TEXT NOT NULL, position INTEGER NOT NULL,
        value BLOB NOT NULL, PRIMARY KEY (listing, owner, position)
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE signal (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL,
        target TEXT NOT NULL, payload BLOB NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE signal ADD COLUMN slot TEXT;
    CREATE UNIQUE INDEX signal_for ON signal (target, source, slot);
    """,
    """
    ALTER TABLE item ADD COLUMN crc INTEGER NOT NULL DEFAULT -1;
    UPDATE item SET crc = item_crc(listing, owner, position, value);
    ALTER TABLE signal ADD COLUMN crc INTEGER NOT NULL DEFAULT -1;
    UPDATE signal SET crc = signal_crc(source, seq, idx, target, payload);
    """,
    """
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, action TEXT NOT NULL,
        outcome TEXT NOT NULL, user TEXT NOT NULL, org TEXT NOT NULL, address TEXT NOT NULL,
        target TEXT NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL,
        until_ms INTEGER NOT NULL, detail TEXT NOT NULL, hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX audit_user ON audit (user);
    CREATE INDEX audit_org ON audit (org);
    CREATE INDEX audit_target ON audit (target);
    CREATE INDEX audit_action ON audit (action);
    CREATE INDEX audit_at ON audit (at_ms);
    CREATE TRIGGER audit_stays BEFORE DELETE ON audit
        BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_is_fixed BEFORE UPDATE ON audit
        BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
    """,
)
VERSION: Final = len(_STEPS)


def migrate(db: apsw.Connection, clock_ms: Callable[[], int]) -> None:
    """Bring *db* to ``VERSION``, one transaction per step. A crash in between loses nothing.

    Raises:
      apsw.Error: the device failed; the database is at the version that was reached.
    """
    current = int(db.pragma("user_version"))
    functions: dict[str, Any] = {"item_crc": item_crc, "signal_crc": signal_crc}
    for name, function in functions.items():
        db.create_scalar_function(name, function, deterministic=True)
    for version, step in enumerate(_STEPS[current:], start=current + 1):
        with _transaction(db):
            db.execute(step)
            if version == 1:
                db.execute(
                    "INSERT INTO meta VALUES ('epoch', ?), ('created_ms', ?)",
                    (secrets.token_hex(8), str(clock_ms())),
                )
                db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", version)


@contextmanager
def _transaction(db: apsw.Connection) -> Iterator[None]:
    """Do the block in one transaction.

    Unlike ``with db``, a device that is gone is raised as that, not as what it makes of a rollback.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite may have rolled back by itself.
            with suppress(apsw.Error):
                db.execute("ROLLBACK")
        raise
