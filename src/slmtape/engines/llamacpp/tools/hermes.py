"""Hermes' format: a JSON object in `<tool_call>` tags. Qwen's and many others'."""

from slmtape.engines.llamacpp.tools.format import Format, Syntax, told

HERMES = Syntax(
    trigger="<tool_call>",
    opens='<tool_call>\n{"name": "',
    middle='", "arguments": ',
    closes="}\n</tool_call>",
    between="\n",
)

FORMAT = Format(
    taught=lambda template: "tools" in template and "<tool_call>" in template,
    syntax=HERMES,
    tell=lambda messages, _: tuple(messages),
    variables=lambda tools: {"tools": told(tools)},
)
