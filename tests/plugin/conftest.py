"""Runs of pytest with the plugin, on small suites."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slmtape import engines
from tests.support import ROOT

Run = Callable[..., pytest.RunResult]

ASKING = """
import http.client
import json
import pytest

def said(server, text, model="gpt-5", swallow=False):
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    headers = {"content-type": "application/json"}
    client.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    told = json.load(client.getresponse())
    client.close()
    if swallow and "error" in told:
        return None
    assert "error" not in told, told["error"]["message"]
    return told["choices"][0]["message"]["content"]
"""
"""What each suite begins with: `said` is what a server says to a text."""

CONFTEST = """
from slmtape import engines

engines.ENGINES["llamacpp"] = "tests.support:make_echo"
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a suite with the plugin in this process; the model says again what it is asked.

    `processes`: in new ones instead, with pytest-xdist where there are more than one. `environ`
    has the mode that nobody asked for.
    """
    monkeypatch.setitem(engines.ENGINES, "llamacpp", "tests.support:make_echo")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")
    model = pytester.path / "echo.gguf"
    model.touch()
    pytester.makeini("[pytest]\nslmtape_model = echo.gguf\nfilterwarnings = error\n")
    plugins = ["-p", "slmtape.pytest_plugin"]

    def run(suite: str, *options: str, processes: int = 0) -> pytest.RunResult:
        pytester.makepyfile(test_suite=ASKING + suite)
        if not processes:
            return pytester.runpytest_inprocess(*plugins, *options)
        pytester.makeconftest(CONFTEST)
        parallel = ["-p", "xdist", "-n", str(processes)] if processes > 1 else []
        return pytester.runpytest_subprocess(*plugins, *parallel, *options)

    return run


@pytest.fixture
def recorded(pytester: pytest.Pytester) -> Callable[[], list[str]]:
    """What is recorded: the beginnings of the files' names, without their keys."""

    def recorded() -> list[str]:
        folder = Path(pytester.path) / "cassettes"
        return sorted(path.name.rpartition("-")[0] for path in folder.rglob("*.json"))

    return recorded
