"""Crashes, power cuts, failing devices and damaged files, in earnest. See ``docs/reliability.md``.

::

    python -m tests.crash --kills 500            SIGKILL of the real server, under load
    python -m tests.crash.power --runs 5000      power cuts: unsynced writes are dropped and torn
    python -m tests.crash.failing                every write and sync of a workload fails once
    python -m tests.crash.damage --flips 300     flipped bytes in the database file
"""
