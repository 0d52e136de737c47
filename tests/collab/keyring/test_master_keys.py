"""Sealing, bound to user and provider; the file; rotation that may be cut anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from collab.keyring import MasterKeys, MasterKeysUnusable, SealBroken
from collab.keyring.master import FILE_NAME, Sealed

SECRET = "sk-proj-0123456789abcdef"


@pytest.fixture
def master() -> MasterKeys:
    return MasterKeys.open(None)


def test_a_sealed_key_opens_for_its_user_and_provider_only(master: MasterKeys) -> None:
    """[X1.1] User and provider are part of the seal; one changed bit breaks it."""
    sealed = master.seal("ann", "openai", SECRET)
    assert master.open_sealed("ann", "openai", sealed) == SECRET
    assert SECRET.encode() not in sealed.box
    for user_id, provider in (("eve", "openai"), ("ann", "mistral"), ("annopenai", "")):
        with pytest.raises(SealBroken):
            master.open_sealed(user_id, provider, sealed)
    for place in range(len(sealed.box)):
        box = bytearray(sealed.box)
        box[place] ^= 1
        with pytest.raises(SealBroken):
            master.open_sealed("ann", "openai", Sealed(sealed.kid, bytes(box)))
    for short in (b"", sealed.box[:12], sealed.box[:-1]):
        with pytest.raises(SealBroken):
            master.open_sealed("ann", "openai", Sealed(sealed.kid, short))


def test_no_two_seals_are_alike(master: MasterKeys) -> None:
    """[X1.1] The same secret is sealed differently every time; its fingerprint stays."""
    boxes = {master.seal("ann", "p", SECRET).box for _ in range(100)}
    assert len(boxes) == len({box[:12] for box in boxes}) == 100
    mark = master.fingerprint("ann", "p", SECRET)
    assert mark == master.fingerprint("ann", "p", SECRET)
    assert mark != master.fingerprint("eve", "p", SECRET)
    assert mark != master.fingerprint("ann", "p", SECRET + "x")
    assert mark != MasterKeys.open(None).fingerprint("ann", "p", SECRET)


def test_the_file_is_private_and_read_back(tmp_path: Path) -> None:
    """[X1.2] ``provider_keys.json``, mode 0600, the same keys the next time, no drafts left."""
    sealed = MasterKeys.open(tmp_path).seal("ann", "p", SECRET)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == [FILE_NAME]
    assert MasterKeys.open(tmp_path).open_sealed("ann", "p", sealed) == SECRET


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"x", b'{"active": "a", "keys": {"a": "c2hvcnQ="}, "fingerprint": ""}'],
)
def test_a_file_that_holds_no_keys_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    """[X1.3] What cannot be read is told, without what is in it, and left as it is."""
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(MasterKeysUnusable) as told:
        MasterKeys.open(tmp_path)
    assert "c2hvcnQ" not in str(told.value)
    assert path.read_bytes() == content


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """[X1.3] With the command that mends it."""
    MasterKeys.open(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(MasterKeysUnusable, match="chmod 600"):
        MasterKeys.open(tmp_path)


def test_master_keys_stay_out_of_reprs(tmp_path: Path) -> None:
    """[X1.4] Nothing of them in what a log or a debugger prints."""
    master = MasterKeys.open(tmp_path)
    held = orjson.loads((tmp_path / FILE_NAME).read_bytes())
    shown = repr(master)
    assert not [key for key in (*held["keys"].values(), held["fingerprint"]) if key in shown]


def test_a_rotation_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    """[X2.1] Both keys open until it is over; begun twice it is one; afterwards the old is gone."""
    master = MasterKeys.open(tmp_path)
    before = master.seal("ann", "p", SECRET)
    master.begin_rotation()
    master = MasterKeys.open(tmp_path)  # A crash.
    assert master.old == {before.kid}
    active = master.active
    master.begin_rotation()
    assert master.active == active
    assert master.open_sealed("ann", "p", before) == SECRET
    after = master.seal("ann", "p", SECRET)
    assert after.kid == active
    master.end_rotation()
    master = MasterKeys.open(tmp_path)
    assert master.old == frozenset()
    assert master.open_sealed("ann", "p", after) == SECRET
    with pytest.raises(SealBroken):
        master.open_sealed("ann", "p", before)


def test_a_disk_that_is_full_leaves_the_keys_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[X2.1] The file is whole or as before; a key that is not stored seals nothing."""
    master = MasterKeys.open(tmp_path)
    before, active = (tmp_path / FILE_NAME).read_bytes(), master.active

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        master.begin_rotation()
    assert (master.active, master.old) == (active, frozenset())
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert os.listdir(tmp_path) == [FILE_NAME]
