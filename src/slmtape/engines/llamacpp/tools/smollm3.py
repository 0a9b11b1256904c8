"""SmolLM3's format: calls as Hermes writes them, in templates that print only contents.

What its template is told of functions as `tools` it prints as Python does, if at all. The texts in
its variable `xml_tools` it prints as they are. Versions that were edited for llama.cpp know no
functions: what the others print is then part of the system message.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from slmtape.engines.llamacpp.tools.format import Format, told
from slmtape.engines.llamacpp.tools.hermes import HERMES
from slmtape.generation import Message, Tool

_TEACHING = """\
### Tools

You may call one or more functions to assist with the user query.
You are provided with function signatures within <tools></tools> XML tags:

<tools>
{}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""


def _texts(tools: Sequence[Tool]) -> list[str]:
    return [json.dumps(tool, ensure_ascii=False) for tool in told(tools)]


def _tell(messages: Sequence[Message], _: Sequence[Tool] = ()) -> tuple[Message, ...]:
    """Calls and results as text."""
    return tuple(_as_text(message) for message in messages)


def _teach(messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[Message, ...]:
    """Calls and results as text, and functions in the system message."""
    plain = _tell(messages)
    if not tools:
        return plain
    teaching = _TEACHING.format("\n".join(_texts(tools)))
    if not plain or plain[0].role != "system":
        return (Message("system", teaching), *plain)
    return (replace(plain[0], content=f"{plain[0].content}\n\n{teaching}"), *plain[1:])


def _as_text(message: Message) -> Message:
    if message.role == "tool":
        return replace(message, content=f"<tool_response>\n{message.content}\n</tool_response>")
    calls = [HERMES.written(call) for call in message.tool_calls]
    text = "\n".join(filter(None, [message.content, *calls]))
    return replace(message, content=text, tool_calls=())


FORMAT = Format(
    taught=lambda template: "xml_tools" in template,
    syntax=HERMES,
    tell=_tell,
    variables=lambda tools: {"xml_tools": _texts(tools)},
)
"""Where the template teaches functions."""

UNTAUGHT = Format(
    taught=lambda template: "Reasoning Mode: " in template and "named SmolLM" in template,
    syntax=HERMES,
    tell=_teach,
    variables=lambda _: {},
)
"""Where it does not."""
