"""A server in mode `verify`: recordings are replayed, and the model is asked again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slmtape import CheckError, FakeLLMServer, RecordingChanged
from tests.support import EchoEngine, ask, chat

Serve = Callable[..., FakeLLMServer]


def edit(recordings: Path, before: str, after: str) -> Path:
    """Put another text into the recording that has this one as its answer."""
    [path] = [p for p in recordings.rglob("*.json") if f'"text": "{before}"' in p.read_text()]
    path.write_text(path.read_text().replace(f'"text": "{before}"', f'"text": "{after}"'))
    return path


def test_verifying_gives_the_recorded_answer_and_check_tells_that_it_changed(
    recorded: FakeLLMServer, serve: Serve, tmp_path: Path
) -> None:
    path = edit(tmp_path / "cassettes", "say this again", "say it once more")
    server = serve(cache=tmp_path / "cassettes", mode="verify")
    before = path.read_bytes()
    plain = ask(server.base_url, chat("say this again"))
    streamed = ask(server.base_url, chat("say this again", stream=True))
    assert plain.json["choices"][0]["message"]["content"] == "say it once more"
    assert plain.headers["x-slmtape-replayed"] == "true"
    said = [event["choices"][0]["delta"].get("content", "") for event in streamed.events]
    assert "".join(said) == "say it once more"
    with pytest.raises(CheckError, match="2 recordings could not be confirmed") as raised:
        server.check()
    changed = raised.value.failures[0]
    assert isinstance(changed, RecordingChanged)
    assert changed.recording == str(path)
    assert changed.differences == ("text: 'say it once more' → 'say this again'",)
    assert "It was edited by hand." in changed.message
    assert changed.differences[0] in changed.message
    assert path.read_bytes() == before
    server.check()


def test_verifying_what_is_still_true_says_nothing(
    recorded: FakeLLMServer, serve: Serve, echo: EchoEngine, tmp_path: Path
) -> None:
    server = serve(cache=tmp_path / "cassettes", mode="verify")
    runs = echo.runs
    ask(server.base_url, chat("say this again", n=3))
    assert echo.runs == runs + 1
    assert {verdict.outcome for verdict in server.calls.last.verdicts} == {"same"}
    server.check()


def test_what_was_recorded_elsewhere_fails_no_check_and_is_kept_with_the_call(
    recorded: FakeLLMServer, serve: Serve, echo: EchoEngine, tmp_path: Path
) -> None:
    edit(tmp_path / "cassettes", "say this again", "say it once more")
    echo.made = {"engine": "echo", "cpu": "AVX"}
    server = serve(cache=tmp_path / "cassettes", mode="verify")
    ask(server.base_url, chat("say this again"))
    server.check()
    [verdict] = server.calls.last.verdicts
    assert verdict.outcome == "cannot_tell"
    assert "doesn't say what processor it was made on" in verdict.why
    assert [str(one) for one in verdict.made_with] == ["cpu: not given → 'AVX'"]


def test_verifying_without_the_model_can_not_tell(
    recorded: FakeLLMServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeLLMServer(
        str(tmp_path / "gone" / "echo.gguf"), cache=tmp_path / "cassettes", mode="verify"
    ) as server:
        reply = ask(server.base_url, chat("say this again"))
        assert reply.json["choices"][0]["message"]["content"] == "say this again"
        server.check()
        [verdict] = server.calls.last.verdicts
    assert (verdict.outcome, verdict.why[:16]) == ("cannot_tell", "There is no file")
    assert "There is no file" in caplog.text


def test_a_miss_while_verifying_is_the_error_that_it_is_while_replaying(
    recorded: FakeLLMServer, serve: Serve, tmp_path: Path
) -> None:
    server = serve(cache=tmp_path / "cassettes", mode="verify")
    replies = [ask(one.base_url, chat("something else")) for one in (recorded, server)]
    assert [reply.error["code"] for reply in replies] == ["recording_not_found"] * 2
    with pytest.raises(CheckError, match="one request could not be answered"):
        server.check()
