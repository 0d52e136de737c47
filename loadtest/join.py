"""``join``: many open a large document at once, while bystanders edit in meetings of their own.

The bystanders' edits are what is looked at: whatever the server does for a hundred newcomers, it
must not stand still for everybody else. Seconds before the newcomers come are the measure of it.
"""

import math
import secrets
from typing import Annotated, Any, Final

from attrs import frozen
from cyclopts import Parameter

from loadtest.driving import Driven, drive
from loadtest.join_crowd import BYSTANDERS, JOINERS
from loadtest.large_text import large_updates
from loadtest.options import OpenOptions
from loadtest.outcome import Line, Outcome, Plot
from loadtest.progress import seconds_shown, telling
from loadtest.sampling import ServerWatch
from loadtest.saying import CHUNK, EDIT, MESSAGE, QUERY
from loadtest.serving import serving
from protocol.client import open_client
from protocol.errors import CallFailed

JOB: Final = "loadtest.join_crowd:generate"
STALL_MS_MAX: Final = 100.0
AUTHOR_ID: Final = 7  # Client id of the document's author.
DELIVERED: Final = "edit_delivered"
FAULTS: Final = ("lost", "duplicated", "reordered", "invented", "gaps", "connections_ended")


@Parameter(name="*")
@frozen(kw_only=True)
class JoinOptions(OpenOptions):
    """How large, how many, and how long it is watched."""

    doc_mb: Annotated[float, Parameter(help="Size of the document; the server takes 4.19.")] = 4.0
    clients: Annotated[int, Parameter(help="Who open it at once, half at each door.")] = 100
    bystanders: Annotated[int, Parameter(help="Other meetings, two editors in each.")] = 10
    edits_per_s: Annotated[float, Parameter(help="Of each bystander.")] = 5.0
    quiet_secs: Annotated[int, Parameter(help="Before the newcomers come.")] = 5
    secs: Annotated[int, Parameter(help="How long they are watched from then on.")] = 15


class DocumentRefused(Exception):
    """The server does not take a document of this size."""


async def join(options: JoinOptions) -> Outcome:
    """Run the scenario.

    Raises:
      DocumentRefused: it is larger than the server takes.
      GeneratorFailed, ServerDidNotStart: see ``drive`` and ``serving``.
    """
    run = f"join-{secrets.token_hex(4)}"
    whole_s = float(options.quiet_secs + options.secs)
    async with serving(options) as target:
        with telling(options) as say:
            say("writing the document")
            parts, size = await _write(target.url, options, run)
            show = seconds_shown(say, whole_s, (DELIVERED,), target.watch)
            driven = await drive(
                JOB, plans(options, run, parts), target.endpoint, watch=target.watch, show=show
            )
    return _outcome(options, driven, size, target.watch)


async def _write(url: str, options: JoinOptions, meeting: str) -> tuple[int, int]:
    """Write the document through the wire; return its number of parts and its size in bytes."""
    parts = size = 0
    async with open_client(url, token=options.token.format(user="author")) as client:
        for update in large_updates(AUTHOR_ID, int(options.doc_mb * 1e6)):
            try:
                await client.call(f"meeting:{meeting}", "notes.edit", {"update": update})
            except CallFailed as refusal:
                raise DocumentRefused(f"after {size / 1e6:.2f} MB: {refusal}") from refusal
            parts += 1
            size += len(update)
    return parts, size


def plans(options: JoinOptions, run: str, parts: int) -> list[dict[str, Any]]:
    """One generator of bystanders, one of newcomers."""
    edits = {CHUNK: 0, EDIT: options.edits_per_s, MESSAGE: 0, QUERY: 0}
    bystanders = {
        "role": BYSTANDERS,
        "run": f"{run}-by",
        "seed": options.seed,
        "rooms": list(range(options.bystanders)),
        "participants": 2,
        "secs": float(options.quiet_secs + options.secs),
        "per_s": edits,
    }
    joiners = {
        "role": JOINERS,
        "meeting": run,
        "parts": parts,
        "clients": options.clients,
        "join_after_s": float(options.quiet_secs),
        "join_timeout_s": float(options.secs),
    }
    return [bystanders, joiners]


def _outcome(options: JoinOptions, driven: Driven, size: int, watch: ServerWatch | None) -> Outcome:
    joiners = next(result for result in driven.results if "joined" in result)
    come_s = options.quiet_secs
    gone_s = come_s + math.ceil(joiners["last_after_s"]) + 1
    before = driven.histogram(DELIVERED, since_s=1, until_s=come_s)
    during = driven.histogram(DELIVERED, since_s=come_s, until_s=gone_s)
    figures: dict[str, Any] = {
        "doc_mb": round(size / 1e6, 2),
        "joined": joiners["joined"],
        "last_joined_after_s": round(joiners["last_after_s"], 2),
        "v1_joined_ms": driven.histogram("v1_joined").summary_ms(),
        "yjs_joined_ms": driven.histogram("yjs_joined").summary_ms(),
        "sent_mb": round(joiners["got_bytes"] / 1e6, 1),
        "failures": joiners["failures"],
        "bystanders_before_ms": before.summary_ms(),
        "bystanders_during_ms": during.summary_ms(),
        "late_ms": driven.histogram("late").summary_ms(),
        **{name: int(driven.result(name)) for name in FAULTS},
    }
    if watch is not None:
        figures["server"] = driven.usage(watch).figures()
    return Outcome(
        scenario="join",
        options=options,
        figures=figures,
        checks={
            "all_have_the_document": joiners["joined"] == options.clients,
            "bystanders_lost_nothing": all(driven.result(name) == 0 for name in FAULTS),
        },
        targets={"nobody_stalled_above_100_ms": during.at_share(1.0) <= STALL_MS_MAX},
        plots=_plots(driven, watch),
    )


def _plots(driven: Driven, watch: ServerWatch | None) -> list[Plot]:
    shares = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    lines = [Line(name, driven.percentiles(DELIVERED, share)) for name, share in shares]
    plots = [Plot("Bystanders: edit delivered", "ms", lines, target=STALL_MS_MAX)]
    if watch is not None:
        series = watch.series(driven.started_at)
        plots += [
            Plot("Server: CPU", "%", [Line("CPU", series["cpu_percent"])]),
            Plot("Server: memory", "MB", [Line("resident", series["memory_mb"])]),
        ]
    return plots
