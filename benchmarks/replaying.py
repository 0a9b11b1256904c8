"""Replays over HTTP: against aimock, and against itself with 10,000 recordings."""

import http.client
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import memory, servers
from benchmarks.results import Figure, figure, ratio

MANY = 10_000
_REQUESTS = 800
_ROUNDS = 9
_CELLS = [(clients, stream) for clients in (1, 8) for stream in (False, True)]


def run(folder: Path) -> Iterator[Figure]:
    """Measure the servers in turn, cell by cell, round by round."""
    one, many = folder / "one", folder / "many"
    servers.record(one, 1)
    servers.record(many, MANY)
    times: dict[tuple[str, int, bool], list[float]] = defaultdict(list)
    with ExitStack() as running:
        peers = [
            running.enter_context(servers.slmtape(one)),
            running.enter_context(servers.slmtape(many, "many")),
        ]
        if not servers.has_node():
            print("aimock is left out: there is no Node here.")
        else:
            peers.append(running.enter_context(servers.aimock(folder)))
        for peer in peers:
            _p50(peer, 1, stream=False)
            _p50(peer, 8, stream=True)
        for turn in range(_ROUNDS):
            for clients, stream in _CELLS:
                for peer in peers if turn % 2 else reversed(peers):
                    spent = _p50(peer, clients, stream=stream)
                    times[peer.name, clients, stream].append(spent)
        yield figure("resident memory, replaying", "MB", [memory.resident(peers[0].pid)], most=90)
    for clients, stream in _CELLS:
        what = f"{'streamed' if stream else 'plain'}, {clients} client{'s'[: clients - 1]}"
        ours = times["slmtape", clients, stream]
        yield figure(f"replay p50, {what}", "ms", [1000 * spent for spent in ours])
        if theirs := times.get(("aimock", clients, stream)):
            yield ratio(f"replay p50 / aimock's, {what}", ours, theirs, most=1.0)
        yield ratio(
            f"replay p50 with {MANY:,} recordings / with 1, {what}",
            times["many", clients, stream],
            ours,
            most=1.1,
        )


def _p50(peer: servers.Peer, clients: int, *, stream: bool) -> float:
    """The median time of a request in seconds, over `clients` kept connections."""
    times: list[float] = []
    body = servers.body(stream=stream)

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=30)
        for _ in range(_REQUESTS // clients):
            begun = time.perf_counter()
            connection.request(
                "POST", "/v1/chat/completions", body, {"content-type": "application/json"}
            )
            response = connection.getresponse()
            answer = response.read()
            times.append(time.perf_counter() - begun)
            assert response.status == 200, answer
            assert servers.PIECES[-1].encode() in answer
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return median(times)
