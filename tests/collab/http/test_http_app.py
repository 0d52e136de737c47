"""Health, readiness and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pytest
from attrs import define
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from collab.http import Distribution, Figure, Readiness, figures_of, make_http_app
from tests.collab.http.asgi import ask


@define
class Counters:
    commits_total: int = 0
    actors: int = 0
    name: str = "not a number"
    is_open: bool = True
    _inside: int = 7


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def readiness() -> Readiness:
    return Readiness(None)


@pytest.fixture
def app(readiness: Readiness, counters: Counters) -> Starlette:
    def figures() -> Iterable[Figure]:
        yield from figures_of(counters, "collab", gauges=frozenset({"actors"}))
        yield Figure("collab_connections", 2, "Open.", labels={"state": "live"})
        yield Figure("collab_connections", 1, "Open.", labels={"state": "greeting"})

    return make_http_app(readiness, figures)


async def test_health_is_told_while_the_process_runs(app: Starlette, readiness: Readiness) -> None:
    """[O3.1] /healthz is 200 while the process runs, draining included."""
    readiness.refusal = "draining"
    answer = await ask(app, "/healthz")
    assert (answer.status, answer.body) == (200, b'{"status":"ok"}')
    assert answer.headers["cache-control"] == "no-store"


async def test_readiness_follows_the_server(app: Starlette, readiness: Readiness) -> None:
    """[O3.2] /readyz is 200 while the server takes work, else 503 with the reason."""
    assert (await ask(app, "/readyz")).status == 200
    readiness.refusal = "draining"
    answer = await ask(app, "/readyz")
    assert (answer.status, answer.body) == (503, b'{"status":"draining"}')


def test_a_server_that_starts_is_not_ready() -> None:
    """[O3.2] Before everything runs, the server is not ready."""
    assert not Readiness().is_ready


async def test_metrics_show_counters_as_they_are_now(app: Starlette, counters: Counters) -> None:
    """[O3.3] /metrics is Prometheus text, read from plain counters at the scrape."""
    counters.commits_total = 41
    counters.commits_total += 1
    counters.actors = 3
    answer = await ask(app, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {
        family.name: family for family in text_string_to_metric_families(answer.body.decode())
    }
    assert families["collab_commits"].type == "counter"
    assert families["collab_commits"].samples[0].value == 42
    assert families["collab_actors"].type == "gauge"
    assert families["collab_actors"].samples[0].value == 3
    assert {
        sample.labels["state"]: sample.value for sample in families["collab_connections"].samples
    } == {"live": 2, "greeting": 1}
    assert "process_resident_memory_bytes" in families
    assert not {"collab_name", "collab_is_open", "collab__inside"} & set(families)


async def test_a_distribution_is_a_histogram() -> None:
    """[O3.3] Latencies in buckets become a histogram: cumulative, in seconds."""
    counts = ((0.001, 2), (0.5, 1), (math.inf, 1))
    latency = Distribution("collab_call_seconds", "Calls.", counts, 1.5)
    body = (await ask(make_http_app(Readiness(None), lambda: [latency]), "/metrics")).body
    for line in (
        b'collab_call_seconds_bucket{le="0.001"} 2.0',
        b'collab_call_seconds_bucket{le="0.5"} 3.0',
        b'collab_call_seconds_bucket{le="+Inf"} 4.0',
        b"collab_call_seconds_count 4.0",
        b"collab_call_seconds_sum 1.5",
    ):
        assert line in body.splitlines()


async def test_two_servers_in_one_process_have_their_own_metrics(app: Starlette) -> None:
    """[O3.3] No registry is global: a second server starts with its own figures."""
    other = make_http_app(Readiness(None), lambda: iter(()))
    assert b"collab_commits" in (await ask(app, "/metrics")).body
    assert b"collab_commits" not in (await ask(other, "/metrics")).body


async def test_a_scrape_does_not_change_what_it_counts(app: Starlette) -> None:
    """[O3.3] Two scrapes in a row show the same."""

    def ours(body: bytes) -> Iterator[bytes]:
        return (line for line in body.splitlines() if line.startswith(b"collab_"))

    first = (await ask(app, "/metrics")).body
    assert list(ours(first)) == list(ours((await ask(app, "/metrics")).body))


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/x", 404), ("POST", "/healthz", 405)]
)
async def test_what_is_not_there_is_said(
    app: Starlette, method: str, path: str, status: int
) -> None:
    """[O3.4] Unknown paths are 404, wrong methods 405."""
    assert (await ask(app, path, method=method)).status == status


async def test_others_add_their_routes() -> None:
    """[O3.4] Later parts bring routes without touching these."""

    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = make_http_app(Readiness(None), lambda: (), routes=[Route("/hello", hello)])
    assert (await ask(app, "/hello")).body == b"hello"
