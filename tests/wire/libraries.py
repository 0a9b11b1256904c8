"""The client libraries that test files import, besides openai."""

LIBRARIES = {
    "test_langchain.py": "langchain_openai",
    "test_openai_agents.py": "agents",
    "test_pydantic_ai.py": "pydantic_ai",
}
"""Which file imports which module."""
