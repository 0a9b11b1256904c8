"""Servers whose models come from a hub, each in a process with a cache of its own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from slmtape import models
from slmtape.models.catalogue import MODELS
from tests.models import standin
from tests.models.standin import COMMIT, Content
from tests.support import ROOT

pytestmark = pytest.mark.live

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = f"owner/tiny:{FILE}"


@pytest.fixture(scope="module")
def real() -> Content:
    return Content.of(models.find("smollm2-135m").path)


@pytest.fixture
def hub(real: Content) -> Iterator[standin.Hub]:
    with standin.serving(standin.Hub({"owner/tiny": {FILE: real}})) as serving:
        yield serving


def script(
    code: str, hub: standin.Hub, folder: Path, **environment: str
) -> "subprocess.Popen[str]":
    known = {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf"), "PYTEST_VERSION": ""}
    start = "from slmtape import FakeLLMServer\nfrom tests.support import ask, chat\n"
    return subprocess.Popen(
        [sys.executable, "-c", start + code, str(folder)],
        env={**os.environ, **known, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def lines(process: "subprocess.Popen[str]") -> list[str]:
    with process:
        out, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    return out.splitlines()


ASK = f"""
import sys
with FakeLLMServer("{NAME}", cache=sys.argv[1] + "/cassettes", mode="auto") as server:
    for text in ("Hello", "Hi"):
        reply = ask(server.base_url, chat(text, max_tokens=4) | {{"model": "{NAME}"}})
        print(reply.status, reply.json["choices"][0]["message"]["content"])
"""


def test_a_miss_downloads_the_model_once_and_records_which_it_was(
    hub: standin.Hub, real: Content, tmp_path: Path
) -> None:
    first, second = lines(script(ASK, hub, tmp_path))
    assert first.startswith("200 ")
    assert second.startswith("200 ")
    assert len(hub.downloads()) == 1
    for recording in (tmp_path / "cassettes").rglob("*.json"):
        model = json.loads(recording.read_text())["model"]
        assert model == {"name": NAME, "file": FILE, "sha256": real.sha256}
    # Without the model, and without the hub, the recordings answer.
    again = script(ASK, hub, tmp_path, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "empty"))
    assert lines(again) == [first, second]


def test_what_can_not_be_had_is_told_to_the_client(hub: standin.Hub, tmp_path: Path) -> None:
    code = f"""
from slmtape.errors import ModelError
with FakeLLMServer("{NAME}") as server:
    error = ask(server.base_url, chat("Hello") | {{"model": "{NAME}"}}).error
    print(error["code"], error["message"])
try:
    FakeLLMServer("{NAME}", preload=True)
except ModelError as error:
    print(error)
"""
    told, raised = lines(script(code, hub, tmp_path, HF_HUB_OFFLINE="1"))
    assert told.startswith(f"model_not_available {NAME} is not in the cache")
    assert raised.startswith(f"{NAME} is not in the cache")


def test_preloading_downloads_before_the_first_request(hub: standin.Hub, tmp_path: Path) -> None:
    code = f"""
import sys
cache = sys.argv[1] + "/cassettes"
FakeLLMServer("{NAME}", cache=cache, mode="replay", preload=True).stop()
print("replays", flush=True)
sys.stdin.readline()
FakeLLMServer("{NAME}", preload=True).stop()
import llama_cpp
"""
    process = script(code, hub, tmp_path)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "replays\n"
    assert hub.asked == []
    process.stdin.write("go on\n")
    process.stdin.flush()
    lines(process)
    assert len(hub.downloads()) == 1


def test_a_server_stops_in_the_middle_of_a_download_and_the_next_one_has_it(
    hub: standin.Hub, tmp_path: Path
) -> None:
    code = f"""
import sys, threading
server = FakeLLMServer("{NAME}")
body = chat("Hello", max_tokens=4) | {{"model": "{NAME}"}}
replies = []
def hear():
    try:
        replies.append(ask(server.base_url, body).json["error"]["code"])
    except (OSError, ValueError):
        replies.append("cut off")
waiting = threading.Thread(target=hear)
waiting.start()
sys.stdin.readline()
server.stop()
waiting.join()
print(len(replies), flush=True)
sys.stdin.readline()
with FakeLLMServer("{NAME}") as server:
    print(ask(server.base_url, body).status)
"""
    hub.hold = threading.Event()
    process = script(code, hub, tmp_path)
    assert process.stdout is not None
    assert process.stdin is not None
    hub.wait_for("GET /cdn/")
    process.stdin.write("stop\n")
    process.stdin.flush()
    assert process.stdout.readline() == "1\n"
    hub.hold.set()
    process.stdin.write("go on\n")
    process.stdin.flush()
    assert lines(process) == ["200"]
    assert len(hub.downloads()) == 1


def test_a_known_name_works_as_model_name(
    hub: standin.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = MODELS["gemma-3-270m"]
    hub.commit = getattr(known.origin, "revision", COMMIT)
    hub.files = {"unsloth/gemma-3-270m-it-GGUF": {known.origin.file: Content(known.least)}}
    code = """
with FakeLLMServer("gemma-3-270m") as server:
    error = ask(server.base_url, chat("Hello") | {"model": "gemma-3-270m"}).error
    print(error["code"], error["message"])
"""
    [told] = lines(script(code, hub, tmp_path))
    # It arrived; that it is zeros is for llama.cpp to say.
    assert len(hub.downloads()) == 1
    assert told.startswith("engine_error llama.cpp can't load")
