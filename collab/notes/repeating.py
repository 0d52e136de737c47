"""Does a document of its own say again what ours says?

Text that lies in two documents under different ids is there twice once they are merged: a meeting
that was imported anew, say, and somebody's copy of the old one. Who wrote something of their own
meanwhile repeats nothing, or little. Looked for are pieces of its words in our bytes: both hold
what was typed in one go in one piece.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from collab.notes.blocks import read_blocks

_BLOCKS_READ_MAX: Final = 4_096  # 10 ms.
_PIECE_BYTES: Final = 16  # Long enough not to be there by chance.
_PIECES_MAX: Final = 24  # Each is looked for in up to 4 MiB: 1 ms.


def repeats(whole: bytes, update: bytes) -> bool:
    """Say whether at least half of what *update* says is in the document *whole* already.

    An update without a longer stretch of words repeats nothing.
    """
    texts = [block.text.encode() for block in islice(read_blocks(update), _BLOCKS_READ_MAX)]
    words = [text for text in texts if len(text) >= _PIECE_BYTES]
    if not words:
        return False
    sample = words[:: -(-len(words) // _PIECES_MAX)]
    found = sum(_middle(text) in whole for text in sample)
    return 2 * found >= len(sample)


def _middle(text: bytes) -> bytes:
    start = (len(text) - _PIECE_BYTES) // 2
    return text[start : start + _PIECE_BYTES]
