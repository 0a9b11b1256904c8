"""What a test pays: a server of its own, and the opening of a large cassette directory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.replaying import MANY
from benchmarks.results import Figure, figure

_PROCESSES = 5

_TESTS = """
import http.client, json, sys, time
spent = []
for _ in range(41):
    begun = time.perf_counter()
    from slmtape import FakeLLMServer
    with FakeLLMServer(cache=sys.argv[1], mode="replay") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request(
            "POST", "/v1/chat/completions", sys.argv[2], {"content-type": "application/json"}
        )
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()
        connection.close()
    spent.append(time.perf_counter() - begun)
print(json.dumps(spent))
"""

_OPENS = """
import json, sys, time
from pathlib import Path
from slmtape.stores.cassettes.store import CassetteStore
spent = []
for _ in range(5):
    begun = time.perf_counter()
    CassetteStore(Path(sys.argv[1])).close()
    spent.append(time.perf_counter() - begun)
print(json.dumps(spent))
"""


def run(folder: Path) -> Iterator[Figure]:
    """Measure in new processes."""
    one, many = folder / "one", folder / "many"
    servers.record(one, 1)
    servers.record(many, MANY)
    body = servers.body(stream=False).decode()
    runs = [_measured(_TESTS, str(one), body) for _ in range(_PROCESSES)]
    yield figure(
        "a test (server, answer, stop), after the first",
        "ms",
        [1000 * spent for first, *rest in runs for spent in rest],
        most=15,
    )
    yield figure(
        "the first test of a process, imports included",
        "s",
        [first for first, *_ in runs],
        most=0.7,
    )
    opened = [spent for _ in range(3) for spent in _measured(_OPENS, str(many))]
    yield figure(f"opening {MANY:,} unchanged recordings", "s", opened, most=0.25)


def _measured(script: str, *arguments: str) -> Any:
    run = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)
