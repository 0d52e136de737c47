"""An echo server on the real port, for any WebSocket conformance suite: ``-m tests.echo``."""

from __future__ import annotations

import argparse

import trio

from protocol.frames import server_frame
from protocol.port import BoundPort, PortConfig, Request, WebSocketRoute, serve_port
from protocol.transport import ServerSocket

ECHO_BYTES_MAX = 16 * 1_048_576  # Conformance suites send up to 16 MiB.


async def echo(socket: ServerSocket) -> None:
    """Send every message back as it came."""

    def answer(is_text: bool, payload: bytes) -> None:
        socket.write(server_frame(payload, is_text=is_text))

    await socket.serve(answer)


def everywhere(_request: Request) -> WebSocketRoute:
    """Echo on every path."""
    return WebSocketRoute(echo)


async def serve(port: int) -> None:
    """Serve until cancelled."""
    config = PortConfig(port=port, frame_bytes_max=ECHO_BYTES_MAX)
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[BoundPort]) -> None:
            await serve_port(config, route=everywhere, task_status=task_status)

        bound = await nursery.start(run)
        print(f"listening on ws://{bound.host}:{bound.port}", flush=True)


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    trio.run(serve, parser.parse_args().port)


if __name__ == "__main__":
    main()
