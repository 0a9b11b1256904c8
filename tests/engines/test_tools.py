"""How models are told of functions and write their calls, without a model."""

import pytest

from slmtape.engines.llamacpp.tools import (
    HERMES,
    LLAMA,
    Beginning,
    Syntax,
    asking_for_arguments,
    called,
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
