"""What models read: conversations in the templates of their families, which come with llama.cpp."""

import json
import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

from slmtape.engines.llamacpp.template import ChatTemplate
from slmtape.engines.llamacpp.tools import HERMES, LLAMA, Syntax, told
from slmtape.errors import RequestError
from slmtape.generation import Message, ToolCall
from tests.engines.families import CALLS, PARIS, ROME, TOOLS, TURNS, asked, prompt
from tests.engines.tiny import GEMMA, GEMMA_3, QWEN, SMOLLM3
from tests.engines.tiny import LLAMA as LLAMA_FAMILY

pytestmark = pytest.mark.live  # the templates are those of the installed llama.cpp

TEMPLATES = {
    "llama": LLAMA_FAMILY.template,
    "qwen2": QWEN.template,
    "smollm3": SMOLLM3.template,
    "gemma2": "google-gemma-2-2b-it",
    "gemma3": GEMMA.template,
}
GENERATION = {
    "llama": "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "qwen2": "<|im_start|>assistant\n",
    "smollm3": "<|im_start|>assistant\n<think>\n\n</think>\n",
    "gemma2": "<start_of_turn>model\n",
    "gemma3": "<start_of_turn>model\n",
}
PRINTS_TOOLS = (
    "{% if xml_tools is defined %}{% for tool in xml_tools %}{{ tool | string }}\n{% endfor %}"
    "<tool_call>{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "<|im_end|>\n{% endfor %}{% if enable_thinking is not defined or enable_thinking %}think"
    "{% endif %}"
)
"""Reads of functions as SmolLM3's own template does."""


@pytest.fixture(params=TEMPLATES, scope="module")
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def source(family: str, llama_cpp_models: Path) -> str:
    name = TEMPLATES[family]
    if name == GEMMA_3:
        return name
    return (llama_cpp_models / "templates" / f"{name}.jinja").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, bos="<bos>", eos="<eos>")


def assert_told(text: str, family: str, *words: str) -> None:
    """Each once and in this order, and then it is the model's turn."""
    assert [text.count(word) for word in words] == [1] * len(words), text
    assert sorted(words, key=text.index) == list(words), text
    assert text.endswith(GENERATION[family]), text


def test_every_message_is_told_once_and_in_order(template: ChatTemplate, family: str) -> None:
    text = prompt(template, asked(*TURNS))
    assert_told(text, family, *(message.content for message in TURNS))


def test_functions_calls_and_results_are_told(template: ChatTemplate, family: str) -> None:
    text = prompt(template, asked(*CALLS, tools=TOOLS))
    arguments = json.loads(PARIS.arguments)
    words = ["Good morning.", "Ahoy.", "Is it sunny?", '"Paris"', "It rains.", "Rain, matey."]
    assert_told(text, family, *words, "Elsewhere?")
    assert text.count("Speak like a pirate.") == 1
    assert str(arguments["days"]) in text
    if template.calls:
        for tool in TOOLS:
            assert text.count(f'"{tool.name}"') >= 1
            assert text.count(tool.description or "") == 1
    assert text.count("get_weather") >= 1


CONVERSATIONS = {
    "a system message alone": (Message("system", "one"),),
    "two system messages": (Message("system", "one"), Message("system", "two"), TURNS[1]),
    "the assistant first": (Message("assistant", "one"), Message("user", "two")),
    "the assistant last": (Message("user", "one"), Message("assistant", "two")),
    "the assistant after the system": (Message("system", "one"), Message("assistant", "two")),
    "a system message between": (TURNS[1], Message("system", "two"), Message("user", "three")),
    "a system message after the answer": (*TURNS[1:3], Message("system", "two"), TURNS[3]),
    "a system message last": (*TURNS[1:], Message("system", "two")),
    "the user twice": (Message("user", "one"), Message("user", "two"), Message("assistant", "3")),
    "the assistant twice": (
        *TURNS[1:2],
        Message("assistant", "one"),
        Message("assistant", "two"),
        Message("user", "three"),
    ),
    "an empty message": (Message("user", ""), Message("assistant", "one"), Message("user", "")),
    "calls at once": (
        Message("user", "one"),
        Message("assistant", "two", tool_calls=(PARIS, ROME)),
        Message("tool", "three", tool_call_id="one"),
        Message("tool", "four", tool_call_id="two"),
    ),
    "results of no call": (Message("user", "one"), Message("tool", "two", tool_call_id="?")),
    "a result without an id": (
        *(Message("user", "one"), Message("assistant", "", tool_calls=(PARIS,))),
        Message("tool", "two"),
    ),
    "a call that the assistant begins with": (
        Message("assistant", "one", tool_calls=(PARIS,)),
        Message("tool", "two", tool_call_id="one"),
    ),
    "a call with arguments that are no JSON": (
        Message("user", "one"),
        Message("assistant", "", tool_calls=(ToolCall("now", "two", "x"),)),
    ),
}


@pytest.mark.parametrize("tools", [(), TOOLS], ids=["alone", "tools"])
@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_no_conversation_is_refused_and_no_word_lost(
    template: ChatTemplate, family: str, messages: tuple[Message, ...], tools: Any
) -> None:
    marked = tuple(
        Message(
            message.role,
            message.content and f"«{message.content}»",
            tool_calls=message.tool_calls,
            tool_call_id=message.tool_call_id,
        )
        for message in messages
    )
    text = prompt(template, asked(*marked, tools=tools))
    words = [message.content for message in marked if message.content]
    assert_told(text, family, *words)
    for message in messages:
        for call in message.tool_calls:
            assert all(word in text for word in re.findall(r"[a-zA-Z]+", call.arguments))


def test_a_template_is_rendered_as_any_jinja_would(source: str, family: str) -> None:
    ours = ChatTemplate(source, bos="<bos>", eos="<eos>")
    plain = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    plain.policies["json.dumps_kwargs"] = {"sort_keys": False}
    turns = TURNS[1:] if family == "gemma2" else TURNS
    messages = [{"role": message.role, "content": message.content} for message in turns]
    known: dict[str, Any] = {"tools": told(TOOLS)} if ours.calls else {}
    if family == "smollm3":
        known = {}
    text = plain.from_string(source).render(
        messages=messages,
        bos_token="<bos>",
        date_string="01 Jan 2025",
        enable_thinking=False,
        add_generation_prompt=True,
        **known,
    )
    tools = TOOLS if known else ()
    assert prompt(ours, asked(*turns, tools=tools)) == text


def test_the_date_does_not_pass(template: ChatTemplate) -> None:
    dates = re.findall(r"Today Date: (.*)", prompt(template, asked(*TURNS)))
    assert set(dates) <= {"01 Jan 2025"}


@pytest.mark.parametrize("effort", [None, "none", "low", "high"])
def test_thoughts_are_switched_by_the_effort(llama_cpp_models: Path, effort: str | None) -> None:
    from slmtape.engines.llamacpp.thinking import template_options

    name = f"{SMOLLM3.template}.jinja"
    source = (llama_cpp_models / "templates" / name).read_text(encoding="utf-8")
    template = ChatTemplate(source, bos="", eos="")
    request = asked(*TURNS, reasoning_effort=effort)
    text = prompt(template, request, **template_options(request))
    thinks = effort in ("low", "high")
    mode = "/think" if thinks else "/no_think"
    assert re.findall(r"/(?:no_)?think\b", text.replace("</think>", "")) == [mode]
    assert text.endswith("<|im_start|>assistant\n") == thinks
    assert text.endswith("<think>\n\n</think>\n") != thinks
    assert text.count("<think>") == (0 if thinks else 2)


def test_each_family_writes_calls_in_its_own_way(template: ChatTemplate, family: str) -> None:
    syntaxes: dict[str, Syntax | None] = {"llama": LLAMA, "qwen2": HERMES, "smollm3": HERMES}
    assert template.calls is syntaxes.get(family)


def test_a_template_that_prints_functions_as_they_are_gets_texts() -> None:
    template = ChatTemplate(PRINTS_TOOLS, bos="", eos="")
    text = prompt(template, asked(*CALLS, tools=TOOLS))
    assert [json.loads(line) for line in text.splitlines()[: len(TOOLS)]] == told(TOOLS)
    assert HERMES.written(PARIS) in text
    assert "<|im_start|>tool\n<tool_response>\nIt rains.\n</tool_response>" in text
    assert "### Tools" not in text
    assert prompt(template, asked(*TURNS)).startswith("<|im_start|>system\nSpeak")
    assert not text.endswith("think")
    assert prompt(template, asked(*TURNS), enable_thinking=True).endswith("think")


def test_variables_of_a_client_do_not_replace_what_a_template_is_told(
    template: ChatTemplate,
) -> None:
    request = asked(*TURNS, tools=TOOLS)
    ours = {"messages": 1, "add_generation_prompt": False, "self": 1, "context": 1}
    assert prompt(template, request, **ours) == prompt(template, request)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ 1 / given }}", 0),
        ("{{ given.upper() }}", 1),
        ("{{ 'a' ~ (given + 1) }}", "x"),
        ("{{ given | tojson(indent=given) | int }}{{ 'x' * given }}", 10**30),
        ("{% for x in given %}{% endfor %}", 1),
        ("{{ '%d' % given }}", "x"),
        ("{{ given() }}", 1),
    ],
)
def test_variables_of_a_client_that_break_a_template_are_its_mistake(
    source: str, value: object
) -> None:
    template = ChatTemplate("{% if given is defined %}" + source + "{% endif %}", bos="", eos="")
    template.render(TURNS)
    with pytest.raises(RequestError):
        template.render(TURNS, given=value)
