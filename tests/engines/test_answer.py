"""The course of an answer, with a speech that says what the test wrote."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slmtape.engines.llamacpp.tools import HERMES, LLAMA, Syntax
from slmtape.generation import GenerationRequest, GenerationResult, JsonFormat, Piece, Tool
from tests.support import request_for

pytestmark = pytest.mark.live  # `answer` imports llama_cpp

TOOLS = (Tool("get", None, '{"type":"object"}'), Tool("get_all"))


@dataclass
class Script:
    """A speech: `free` and `held` say what is left of `says`, each up to a None."""

    says: list[str | None]
    goes_on: list[bool] = field(default_factory=list)
    forced: list[str] = field(default_factory=list)
    count: int = 0
    finished: bool = False
    full: bool = False

    def read(self, prompt: list[int]) -> None:
        self.forced.append("<prompt>")

    def free(self, *, marked: bool = True) -> Iterator[Any]:
        from slmtape.engines.llamacpp.speech import Said

        self.finished = False
        while self.says:
            text = self.says.pop(0)
            if text is None:
                self.finished = True
                return
            self.count += 1
            yield Said(text)

    def held(self, grammar: str) -> Iterator[Any]:
        self.forced.append(grammar)
        return self.free()

    def force(self, text: str) -> None:
        self.forced.append(text)

    def goes_on_with(self, text: str) -> bool:
        return bool(self.goes_on) and self.goes_on.pop(0)


def give(
    request: GenerationRequest, script: Script, syntax: Syntax | None = None, prompt: bytes = b""
) -> GenerationResult:
    """The answer; asserts that what was said is what is returned."""
    from slmtape.engines.llamacpp.answer import Answer

    weights = SimpleNamespace(
        template=SimpleNamespace(calls=syntax, thinks=True),
        grammars=SimpleNamespace(
            json=lambda schema: f"json {schema}", one_of=lambda names: f"one of {list(names)}"
        ),
        text=lambda token: bytes([token]),
    )
    said: list[Piece] = []
    answer = Answer(request, cast(Any, weights), cast(Any, None), cast(Any, script), said.append)
    result = answer.give(list(prompt))
    assert tuple(piece for piece in said if piece.text) == result.pieces
    return result


def test_text_is_told_up_to_a_stop_sequence() -> None:
    result = give(request_for(stop=("END",)), Script(["one", " EN", "D two", None]))
    assert (result.text, result.finish_reason) == ("one ", "stop")
    cut = give(request_for(), Script(["one"]))
    assert (cut.text, cut.finish_reason) == ("one", "length")


def test_json_is_held_to_its_schema() -> None:
    script = Script(['{"a":', "1}", None])
    result = give(request_for(response_format=JsonFormat('{"x":1}')), script)
    assert result.text == '{"a":1}'
    assert script.forced == ["<prompt>", 'json {"x":1}']
    script = Script(["{}", None])
    give(request_for(response_format=JsonFormat()), script)
    assert script.forced == ["<prompt>", 'json {"type":"object"}']


def test_what_a_prompt_opens_as_thoughts_is_reasoning() -> None:
    script = Script(["hm", ", ", "</thi", "nk>", "\n\n", "Yes", ".", None])
    result = give(request_for(), script, prompt=b"<think>\n")
    assert (result.reasoning, result.text) == ("hm, ", "Yes.")
    assert result.reasoning_tokens == 4
    assert result.completion_tokens == 7


def test_effort_makes_a_model_think_that_can() -> None:
    script = Script(["hm</think>", None, "Yes", None])
    result = give(request_for(reasoning_effort="low"), script)
    assert (result.reasoning, result.text) == ("hm", "")
    assert "<think>\n" in script.forced
    script = Script(["Yes", None])
    assert give(request_for(reasoning_effort="none"), script).reasoning == ""


def test_json_is_owed_also_where_the_model_ends_within_its_thoughts() -> None:
    script = Script(["hm", None, "{}", None])
    request = request_for(reasoning_effort="low", response_format=JsonFormat())
    result = give(request, script)
    assert (result.reasoning, result.text, result.finish_reason) == ("hm", "{}", "stop")
    assert script.forced[-2:] == ["</think>\n", 'json {"type":"object"}']
    script = Script(["hm", None, 'get"', None, "{}", None])
    request = request_for(reasoning_effort="low", tools=TOOLS, tool_choice="required")
    [call] = give(request, script, HERMES).tool_calls
    assert call.name == "get"


def test_a_required_call_is_opened_for_the_model() -> None:
    script = Script(['get_all"', None, "{}", None])
    result = give(request_for(tools=TOOLS, tool_choice="required"), script, HERMES)
    [call] = result.tool_calls
    assert (call.name, call.arguments, result.text) == ("get_all", "{}", "")
    assert script.forced == [
        "<prompt>",
        '<tool_call>\n{"name": "',
        "one of ['get\"', 'get_all\"']",
        ', "arguments": ',
        "json None",
        "}\n</tool_call>",
    ]
    assert result.finish_reason == "stop"


@pytest.mark.parametrize("syntax", [HERMES, LLAMA])
@pytest.mark.parametrize(
    "said", [['{"name": "', 'get"'], ['```json\n{"na', 'me": "get', '"'], ["{", '"name":"', 'get"']]
)
def test_a_call_that_the_model_begins_is_recognised(syntax: Syntax, said: list[str]) -> None:
    script = Script([*said, None, '{"a"', ":1}", None])
    result = give(request_for(tools=TOOLS), script, syntax)
    [call] = result.tool_calls
    assert (call.name, call.arguments, result.text) == ("get", '{"a":1}', "")


def test_a_call_may_follow_words() -> None:
    script = Script(["Let me", " see.", "<tool_", "call>", 'get"', None, "{}", None])
    result = give(request_for(tools=TOOLS), script, HERMES)
    assert result.text == "Let me see."
    assert [call.name for call in result.tool_calls] == ["get"]
    assert '\n{"name": "' in script.forced


def test_words_that_only_look_like_a_call_at_first_are_told_whole() -> None:
    result = give(request_for(tools=TOOLS), Script(['{"na', 'mes": 1}', None]), HERMES)
    assert (result.text, result.tool_calls) == ('{"names": 1}', ())


def test_calls_go_on_until_one_comes_again_or_the_model_is_done() -> None:
    said = ['get"', None, "{}", None, 'get_all"', None, "{}", None, 'get"', None, "{}", None]
    again = Script(list(said), goes_on=[True, True, True])
    request = request_for(tools=TOOLS, tool_choice="required")
    result = give(request, again, HERMES)
    assert [call.name for call in result.tool_calls] == ["get", "get_all"]
    assert result.finish_reason == "stop"
    done = give(request, Script(list(said), goes_on=[True, False]), HERMES)
    assert [call.name for call in done.tool_calls] == ["get", "get_all"]
    single = request_for(tools=TOOLS, tool_choice="required", parallel_tool_calls=False)
    one = give(single, Script(list(said), goes_on=[True, True]), HERMES)
    assert [call.name for call in one.tool_calls] == ["get"]


def test_a_call_that_is_cut_off_says_so() -> None:
    request = request_for(tools=TOOLS, tool_choice="required")
    in_arguments = give(request, Script(['get"', None, '{"a']), HERMES)
    assert [call.arguments for call in in_arguments.tool_calls] == ['{"a']
    assert in_arguments.finish_reason == "length"
    in_name = give(request, Script(["ge"]), HERMES)
    assert (in_name.tool_calls, in_name.finish_reason) == ((), "length")
