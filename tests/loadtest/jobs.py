"""Jobs for generators of tests."""

from __future__ import annotations

from loadtest.recording import Recorder
from loadtest.worker import Link


def fail(_link: Link) -> None:
    raise RuntimeError("this job fails")


def fail_later(link: Link) -> None:
    link.ready()
    link.wait_for_start()
    raise RuntimeError("this job fails later")


def count(link: Link) -> None:
    link.ready()
    start_at = link.wait_for_start()
    recorder = Recorder(link, start_at=start_at)
    recorder.count("things", link.plan["n"])
    recorder.record("took", 0.01)
    recorder.flush()
    link.done({"n": link.plan["n"], "start_at": start_at})
