"""Live transcripts: chunks of speech in, sealed time buckets out.

Pure rules over :class:`TranscriptState`, a part of the state of whatever is being transcribed.

==========  ============================================================
commands    what transcribers send and readers ask for
events      what is journaled and published
state       open lines in memory
known       the little that is remembered of sealed segments
rules       accept chunks
sealing     seal buckets
buckets     sealed parts as bytes
view        live tail, pages, ranges of time
==========  ============================================================
"""
