"""How models are told of functions and write their calls, without a model."""

import json

import pytest

from slmtape.engines.llamacpp.tools import (
    HERMES,
    LLAMA,
    Beginning,
    Syntax,
    asking_for_arguments,
    called,
    format_of,
    in_words,
    syntax,
    told,
)
from slmtape.generation import Message, Tool, ToolCall

WEATHER = Tool("get_weather", "Weather in a city", '{"type":"object","properties":{"city":{}}}')
CALL = ToolCall("get_weather", '{"city":"Paris"}', "call_0")
HISTORY = (
    Message("user", "What's the weather in Paris?"),
    Message("assistant", "", tool_calls=(CALL,)),
    Message("tool", "21 degrees", tool_call_id="call_0"),
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% for tool in tools %}...<tool_call>...", HERMES),
        (
            'tools ... {"name": function name, "parameters": dictionary of argument name and'
            " its value}",
            LLAMA,
        ),
        ("{% for message in messages %}", None),
        ("tools in a syntax of its own: [TOOL_CALLS]", None),
        ("no functions, but <tool_call>", None),
        ("{% for tool in xml_tools %}...<tool_call>...", HERMES),
        ("Reasoning Mode: ... You are a helpful AI assistant named SmolLM", HERMES),
    ],
)
def test_a_template_tells_which_syntax_its_model_knows(
    template: str, expected: Syntax | None
) -> None:
    assert syntax(template) is expected


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "get',
        '```json\n{\n  "name": "get',
        '{{"name":"get',
        '<tool_call>\n{"name": "get',
        ' {"name" : "get',
    ],
)
def test_the_beginning_of_a_call_is_told_as_soon_as_the_name_begins(text: str) -> None:
    beginning = Beginning()
    for character in text[: text.rindex('"')]:
        assert beginning.add(character)
        assert beginning.rest is None
    assert beginning.add(text[text.rindex('"') :])
    assert beginning.rest == "get"


@pytest.mark.parametrize("text", ["Hello", '{"names": 1', "```python\n", '{"a": "name"', "{}"])
def test_other_beginnings_are_let_go(text: str) -> None:
    beginning = Beginning()
    assert not all(beginning.add(character) for character in text)
    assert beginning.rest is None


def test_functions_and_calls_are_told_to_templates_as_openai_writes_them() -> None:
    [one, other] = told([WEATHER, Tool("now")])
    assert one["function"]["parameters"]["properties"] == {"city": {}}
    assert one["function"]["description"] == "Weather in a city"
    assert other["function"] == {"name": "now", "parameters": {"type": "object", "properties": {}}}
    assert called(CALL)["function"] == {"name": "get_weather", "arguments": {"city": "Paris"}}
    assert called(ToolCall("f", "no JSON"))["function"]["arguments"] == "no JSON"


def test_a_model_that_knows_no_tools_reads_of_calls_and_results_in_words() -> None:
    question, call, result = in_words(HISTORY)
    assert question == HISTORY[0]
    assert call == Message("assistant", 'I call get_weather with {"city":"Paris"}.')
    assert result == Message("user", "The function get_weather returned: 21 degrees")


def test_arguments_are_asked_for_where_the_user_has_spoken() -> None:
    [asked] = asking_for_arguments(HISTORY[:1], WEATHER)
    assert asked.role == "user"
    assert asked.content.startswith(HISTORY[0].content)
    assert asked.content.endswith(
        "Write the arguments for the function get_weather (Weather in a city) as JSON."
    )
    assert asking_for_arguments((), Tool("now"))[-1].content == (
        "Write the arguments for the function now as JSON."
    )
    assistant = (*HISTORY[:1], Message("assistant", "Hm."))
    assert [message.role for message in asking_for_arguments(assistant, WEATHER)] == [
        "user",
        "assistant",
        "user",
    ]


LLAMAS = format_of('tools: "parameters": dictionary of argument name and its value')
SMOLLM3S = format_of("xml_tools")
UNTAUGHT = format_of("Reasoning Mode: , named SmolLM")
OTHER = ToolCall("now", "{}", "call_1")


def test_a_llama_is_told_calls_one_by_one_each_with_its_result() -> None:
    turns = (
        HISTORY[0],
        Message("assistant", "Hm.", tool_calls=(CALL, OTHER)),
        Message("tool", "noon", tool_call_id="call_1"),
        Message("tool", "21 degrees", tool_call_id="call_0"),
        Message("tool", "?", tool_call_id="call_7"),
    )
    assert LLAMAS.tell(turns, ()) == (
        HISTORY[0],
        Message("assistant", "Hm."),
        Message("assistant", "", tool_calls=(CALL,)),
        turns[3],
        Message("assistant", "", tool_calls=(OTHER,)),
        turns[2],
        turns[4],
    )


def test_a_llama_is_told_of_functions_by_the_user() -> None:
    system, empty = Message("system", "Be brief."), Message("user", "")
    answer = Message("assistant", "Hm.")
    for turns, told_as in [
        (HISTORY, HISTORY),
        ((system, *HISTORY), (system, *HISTORY)),
        ((system,), (system, empty)),
        ((answer,), (empty, answer)),
        ((system, answer, *HISTORY), (system, empty, answer, *HISTORY)),
    ]:
        assert LLAMAS.tell(turns, [WEATHER]) == told_as
        assert LLAMAS.tell(turns, []) == turns


def test_a_smollm3_is_told_calls_and_results_as_text() -> None:
    question, call, result = SMOLLM3S.tell(HISTORY, [WEATHER])
    assert question == HISTORY[0]
    assert call.content == (
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    )
    assert not call.tool_calls
    assert result.content == "<tool_response>\n21 degrees\n</tool_response>"
    [text] = SMOLLM3S.variables([WEATHER])["xml_tools"]
    assert json.loads(text) == told([WEATHER])[0]


def test_a_smollm3_that_was_not_told_of_functions_reads_of_them_in_its_instructions() -> None:
    system = Message("system", "Be brief.")
    teaching, *rest = UNTAUGHT.tell(HISTORY, [WEATHER, Tool("now")])
    assert tuple(rest) == SMOLLM3S.tell(HISTORY, [])
    texts = [line for line in teaching.content.splitlines() if line.startswith('{"type')]
    assert [json.loads(text) for text in texts] == told([WEATHER, Tool("now")])
    assert HERMES.trigger
    assert HERMES.trigger in teaching.content
    [both] = UNTAUGHT.tell([system], [WEATHER, Tool("now")])
    assert both == Message("system", f"Be brief.\n\n{teaching.content}")
    assert UNTAUGHT.tell([system], []) == (system,)
    assert UNTAUGHT.variables([WEATHER]) == {}
