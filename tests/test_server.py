"""`FakeLLMServer`: its life, its modes, what it answers over HTTP and what it remembers."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from slmtape import (
    CassetteError,
    CheckError,
    ConfigurationError,
    FakeLLMServer,
    Mode,
    RecordingNotFound,
)
from slmtape.generation import GenerationRequest
from tests.support import ROOT, EchoEngine, ask, chat, connection

Serve = Callable[..., FakeLLMServer]


# Life


def test_it_listens_when_the_constructor_returns(serve: Serve) -> None:
    server = serve()
    with connection(server):
        pass
    assert server.base_url == f"http://127.0.0.1:{server.port}/v1"


def test_stopping_closes_the_port_and_is_idempotent(serve: Serve) -> None:
    server = serve()
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        connection(server)


def test_stopping_ends_the_threads(serve: Serve) -> None:
    before = set(threading.enumerate())
    server = serve()
    ask(server.base_url, chat("hello"))
    server.stop()
    assert set(threading.enumerate()) <= before


def test_a_port_that_is_taken_is_told(serve: Serve) -> None:
    server = serve()
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{server.port}"):
        serve(port=server.port)


def test_a_port_can_be_used_again_at_once(serve: Serve) -> None:
    port = 0
    for _ in range(3):
        server = serve(port=port)
        port = server.port
        assert ask(server.base_url, chat("hello")).status == 200
        server.stop()


def test_many_servers_live_side_by_side(serve: Serve, tmp_path: Path) -> None:
    servers = [serve(cache=tmp_path / str(number)) for number in range(8)]
    for number, server in enumerate(servers):
        said = ask(server.base_url, chat(f"number {number}")).json
        assert said["choices"][0]["message"]["content"] == f"number {number}"
    assert [len(server.calls) for server in servers] == [1] * 8


def test_it_listens_on_ipv6(serve: Serve) -> None:
    try:
        server = serve(host="::1")
    except ConfigurationError:
        pytest.skip("no IPv6 here")
    assert server.base_url == f"http://[::1]:{server.port}/v1"
    assert ask(server.base_url, chat("hello")).status == 200


def test_an_interpreter_that_forgets_to_stop_it_ends_by_itself(tmp_path: Path) -> None:
    script = (
        "from slmtape import FakeLLMServer\n"
        "servers = [FakeLLMServer() for _ in range(3)]\n"
        "print(*(server.port for server in servers))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) == 3
    assert run.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_open(serve: Serve, tmp_path: Path) -> None:
    for _ in range(3):
        with serve(cache=tmp_path / "cassettes") as server:
            ask(server.base_url, chat("hello"))
    gc.collect()  # a ResourceWarning would fail the test


# Modes


@pytest.mark.parametrize(
    ("argument", "variable", "ci", "cached", "mode"),
    [
        (None, None, None, False, "live"),
        (None, None, "true", False, "live"),
        (None, "replay", None, False, "live"),
        (None, None, None, True, "auto"),
        (None, None, "true", True, "replay"),
        (None, None, "false", True, "auto"),
        (None, None, "", True, "auto"),
        (None, "", None, True, "auto"),
        (None, "rewrite", "true", True, "rewrite"),
        ("live", "rewrite", "true", True, "live"),
        (Mode.REPLAY, "auto", None, True, "replay"),
        ("none", None, None, True, "replay"),
        ("new_episodes", None, "1", True, "auto"),
        (None, "verify", "1", True, "verify"),
    ],
)
def test_the_mode_is_argument_then_variable_then_default(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    argument: str | None,
    variable: str | None,
    ci: str | None,
    cached: bool,
    mode: str,
) -> None:
    for name, value in {"SLMTAPE_MODE": variable, "CI": ci}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    server = serve(mode=argument, cache=tmp_path / "cassettes" if cached else None)
    assert server.mode == mode


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "sometimes", "cache": "c"}, "Unknown mode 'sometimes'. Modes: auto, replay"),
        ({"mode": "verify"}, "The mode 'verify' needs recordings"),
        ({"mode": "auto"}, "needs recordings: pass cache='cassettes'"),
        ({"port": 70_000}, "Can't listen on 127.0.0.1:70000"),
        ({"host": "no\0host"}, "Can't listen on"),
        ({"aliases": {"gpt-4o": "gpt-5"}}, "stands for 'gpt-5', which is not served"),
    ],
)
def test_arguments_that_do_not_fit_are_told(
    serve: Serve, options: dict[str, Any], words: str
) -> None:
    threads = threading.active_count()
    with pytest.raises(ConfigurationError, match=words):
        serve(**options)
    assert threading.active_count() == threads


def test_an_unknown_engine_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="Unknown engine 'nope'"):
        FakeLLMServer(engine="nope")


def test_an_unknown_model_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="Known: 'smollm2-135m', 'gemma-3-270m'"):
        FakeLLMServer("gpt-17")


def test_several_models_answer_by_their_names_and_aliases(echo: EchoEngine, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.gguf" for name in ("one", "two")]
    for path in paths:
        path.touch()
    aliases = {"gpt-4o": "two", "*": str(paths[0])}
    names = [str(path) for path in paths]
    with FakeLLMServer(
        model_names=names, aliases=aliases, engine="echo", cache=tmp_path / "c", mode="auto"
    ) as server:
        said = {
            asked: ask(server.base_url, chat("hello") | {"model": asked}).json["model"]
            for asked in ("one", "two", "gpt-4o", "gpt-5")
        }
        listed = ask(server.base_url, b"", method="GET", path="/models").json["data"]
    assert said == {"one": "one", "two": "two", "gpt-4o": "gpt-4o", "gpt-5": "gpt-5"}
    assert [model["id"] for model in listed] == ["one", "two", "gpt-4o"]
    assert echo.runs == 2
    assert {path.parent.name for path in (tmp_path / "c").rglob("*.json")} == {"one", "two"}


def test_a_model_that_is_served_stands_for_no_other() -> None:
    names = ["a.gguf", "b.gguf"]
    with pytest.raises(ConfigurationError, match="'a' is served itself"):
        FakeLLMServer(model_names=names, aliases={"a": "b"})
    with FakeLLMServer(model_names=names, aliases={"a": "a"}) as server:
        listed = ask(server.base_url, b"", method="GET", path="/models").json["data"]
    assert [model["id"] for model in listed] == ["a", "b"]


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    names = ["a/same.gguf", "b/same.gguf"]
    with pytest.raises(ConfigurationError, match="would both be served as 'same'"):
        FakeLLMServer(model_names=names)


def test_without_a_cache_every_answer_is_live_and_nothing_is_written(
    serve: Serve, echo: EchoEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = list(tmp_path.iterdir())
    server = serve()
    for _ in range(2):
        assert ask(server.base_url, chat("hello")).status == 200
    assert echo.runs == 2
    assert list(tmp_path.iterdir()) == before


def test_a_damaged_recording_is_told_by_the_constructor(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "cassettes" / "echo").mkdir(parents=True)
    broken = tmp_path / "cassettes" / "echo" / "broken.json"
    broken.write_text("{")
    with pytest.raises(CassetteError, match="broken"):
        serve(cache=tmp_path / "cassettes")


# What a server remembers


def test_calls_say_what_was_asked_and_what_came_of_it(recorded: FakeLLMServer) -> None:
    ask(recorded.base_url, chat("say this again", stream=True, n=2))
    ask(recorded.base_url, chat("something else"))
    ask(recorded.base_url, b"nonsense")
    hit, miss, nonsense = recorded.calls
    assert hit.path == "/v1/chat/completions"
    assert isinstance(hit.request, GenerationRequest)
    assert hit.request.messages[-1].content == "say this again"
    assert (hit.stream, hit.n, hit.replayed, hit.text) == (True, 2, True, "say this again")
    assert len(hit.keys) == len(hit.results) == 2
    assert hit.error is None
    assert hit.seconds is not None
    assert 0 < hit.seconds < 60
    assert isinstance(miss.error, RecordingNotFound)
    assert (miss.replayed, miss.text) == (None, None)
    assert nonsense.request is None
    assert nonsense.error is not None
    assert recorded.calls.last is nonsense
    assert len(recorded.calls) == 3


def test_a_miss_in_replay_is_an_error_that_says_how_to_record(recorded: FakeLLMServer) -> None:
    reply = ask(recorded.base_url, chat("say that again"))
    assert reply.status == 400
    assert reply.error["code"] == "recording_not_found"
    assert "'say this again' → 'say that again'" in reply.error["message"]
    assert "run this once with mode='auto'" in reply.error["message"]


def test_a_miss_names_the_test_to_run(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLMTAPE_MODE", "replay")
    server = serve(cache=tmp_path / "cassettes")
    message = ask(server.base_url, chat("hello")).error["message"]
    assert "SLMTAPE_MODE=auto pytest " in message
    assert "tests/test_server.py::test_a_miss_names_the_test_to_run" in message
    assert "Nothing is recorded in " in message


def test_check_raises_what_the_application_swallowed_and_once_only(
    recorded: FakeLLMServer,
) -> None:
    recorded.check()
    ask(recorded.base_url, chat("say that again"))
    with pytest.raises(CheckError, match="'say this again' → 'say that again'"):
        recorded.check()
    recorded.check()


# Without what generating needs


def test_a_miss_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_LLAMA, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr


WITHOUT_LLAMA = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("llama_cpp", "huggingface_hub", "jinja2"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())

from slmtape import FakeLLMServer
from tests.support import ask, chat

model = Path(sys.argv[1], "model.gguf")
model.touch()
with FakeLLMServer(str(model), cache=f"{sys.argv[1]}/cassettes", mode="auto") as server:
    reply = ask(server.base_url, chat("hello", model="model"))
assert reply.status == 400
assert reply.error["code"] == "engine_not_installed", reply.error
assert "pip install 'slmtape[llama]'" in reply.error["message"]
"""


def test_a_model_file_that_is_missing_is_told_at_the_first_miss(tmp_path: Path) -> None:
    with FakeLLMServer(str(tmp_path / "gone.gguf")) as server:
        reply = ask(server.base_url, chat("hello", model="gone"))
    assert reply.error["code"] == "model_not_available"
    assert "gone.gguf" in reply.error["message"]
    assert urlsplit(server.base_url).port == server.port
