"""Secrets in texts. Those here are put together when the tests run: none is in this file."""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator

import pytest

from slmtape.cli.cassettes.leaks import PATTERNS, leaks
from tests.support import CASSETTES, ROOT

_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_URL = _ALNUM + "-_"


def chosen(length: int, among: str = _ALNUM, seed: int = 0) -> str:
    """A random text, the same for the same seed."""
    return "".join(random.Random(seed).choices(among, k=length))


def web_token(seed: int) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": chosen(12, seed=seed), "exp": 1900000000})
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join([head.decode().strip("="), body.decode().strip("="), chosen(43, _URL, seed)])


def private_key(seed: int, kind: str = "RSA ") -> str:
    lines = [chosen(64, _ALNUM + "+/", seed + i) for i in range(12)]
    label = f"{kind}PRIVATE " + "KEY"
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])


KINDS: dict[str, Callable[[int], str]] = {
    "Anthropic key": lambda seed: "sk-" + "ant-api03-" + chosen(95, _URL, seed),
    "OpenRouter key": lambda seed: "sk-" + "or-v1-" + chosen(64, _HEX, seed),
    "OpenAI key": lambda seed: "sk-" + "proj-" + chosen(156, _URL, seed),
    "GitHub token": lambda seed: "gh" + "p_" + chosen(36, seed=seed),
    "GitLab token": lambda seed: "gl" + "pat-" + chosen(20, _URL, seed),
    "AWS access key": lambda seed: (
        "AK" + "IA" + chosen(16, string.ascii_uppercase + "234567", seed)
    ),
    "Google key": lambda seed: "AI" + "za" + chosen(35, _URL, seed),
    "Google OAuth secret": lambda seed: "GOC" + "SPX-" + chosen(28, _URL, seed),
    "Slack token": lambda seed: (
        "xo"
        + "xb-"
        + "-".join(
            [
                chosen(12, string.digits, seed),
                chosen(13, string.digits, seed),
                chosen(24, seed=seed),
            ]
        )
    ),
    "Stripe key": lambda seed: "sk_" + "live_" + chosen(24, seed=seed),
    "Hugging Face token": lambda seed: "hf" + "_" + chosen(34, string.ascii_letters, seed),
    "Groq key": lambda seed: "gs" + "k_" + chosen(52, seed=seed),
    "xAI key": lambda seed: "xa" + "i-" + chosen(80, seed=seed),
    "Replicate token": lambda seed: "r8" + "_" + chosen(37, seed=seed),
    "LangSmith key": lambda seed: f"lsv2_pt_{chosen(32, _HEX, seed)}_{chosen(10, _HEX, seed)}",
    "PyPI token": lambda seed: "py" + "pi-" + "AgEIcHlwaS5vcmc" + chosen(140, _URL, seed),
    "npm token": lambda seed: "np" + "m_" + chosen(36, seed=seed),
    "SendGrid key": lambda seed: f"S{'G'}.{chosen(22, _URL, seed)}.{chosen(43, _URL, seed)}",
    "JSON web token": web_token,
}
"""Secrets that are known by their looks, by what they are called."""
AROUND = ["{}", "It is {}.", '{{"x": "{}"}}', "KEY='{}'\n", "a\n{}\nb", "({})", "https://a.b/?k={}"]


def found(text: str) -> list[tuple[str, str]]:
    return [(leak.kind, leak.secret) for leak in leaks(text)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("around", AROUND)
def test_a_secret_is_found_by_its_looks(kind: str, around: str) -> None:
    secrets = [KINDS[kind](seed) for seed in range(20)]
    missed = [one for one in secrets if found(around.format(one)) != [(kind, one)]]
    assert len(missed) <= 2, missed  # by chance, some look like placeholders


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_that_is_split_over_lines_is_found(kind: str) -> None:
    secret = KINDS[kind](1)
    half = len(secret) // 2
    [(name, told)] = found(f"My key is\n{secret[:half]}\n{secret[half:]}\nWhat is it?")
    assert name == kind
    assert told[:half] == secret[:half]


@pytest.mark.parametrize(
    "secret",
    ["sk-" + chosen(48), "sk-" + chosen(32, _HEX), "sk-" + "svcacct-" + chosen(100, _URL)],
    ids=["old", "hex", "service"],
)
def test_other_forms_of_openai_keys_are_found(secret: str) -> None:
    assert found(f"OPENAI_API_KEY={secret}") == [("OpenAI key", secret)]


@pytest.mark.parametrize("kind", ["RSA ", "", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_private_keys_are_found(kind: str) -> None:
    for text in (private_key(1, kind), json.dumps({"pem": private_key(1, kind)})):
        [(name, secret)] = found(text)
        assert name == "private key"
        assert secret.startswith(chosen(64, _ALNUM + "+/", 1))


NAMED = [
    '"api_key": "{}"',
    '{{"apiKey":"{}"}}',
    '{{\\"client_secret\\": \\"{}\\"}}',
    "AWS_SECRET_ACCESS_KEY={}",
    "export SERVICE_TOKEN='{}'",
    "my token is {}",
    "Secret: `{}`",
    "auth-key => {}",
]


@pytest.mark.parametrize("text", NAMED)
def test_random_values_are_found_by_what_they_are_called(text: str) -> None:
    for secret in (chosen(40, _ALNUM + "/+", 1), chosen(32, _HEX, 2)):
        assert found(text.format(secret)) == [("secret", secret)]


@pytest.mark.parametrize(
    "text", ['"password": "{}"', "DB_PASSWORD={}", "pwd: {}", "The password is {} by the way"]
)
@pytest.mark.parametrize("secret", ["Tr0ub4dor&3", "x9!kQz#2pL"])
def test_passwords_are_found_by_what_they_are_called(text: str, secret: str) -> None:
    assert found(text.format(secret)) == [("password", secret)]


def test_credentials_in_headers_and_addresses_are_found() -> None:
    token = chosen(40)
    assert found(f"Authorization: Bearer {token}") == [("authorization", token)]
    assert found(f"curl -H 'authorization: basic {token}'") == [("authorization", token)]
    address = f"postgres://app:{chosen(16)}@db.internal:5432/app"
    assert found(address) == [("password in an address", chosen(16))]
    hook = f"T{chosen(8)}/B{chosen(8)}/{chosen(24)}"
    assert found(f"https://hooks.slack.com/services/{hook}") == [("Slack webhook", hook)]


HARMLESS = [
    "",
    "Set OPENAI_API_KEY=sk-... first.",
    "api_key='your-api-key-here-1234567'",
    "OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx1",
    "sk-your0api0key0goes0right0here",
    "sk-thisisonlywordswithoutanydigits",
    "sk-" + "a1" * 24,
    "sk-loading-indicator-with-2-animations",
    "disk-" + chosen(48),
    "AKIA" + "IOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "-----BEGIN RSA PRIVATE " + "KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $OPENAI_API_KEY_FOR_CI_2",
    "Authorization: Bearer not-needed-for-this-1",
    "basic understanding of what-is-going-on",
    "postgres://user:password@localhost/db1",
    "postgres://postgres:${DB_PASSWORD_2}@localhost/db",
    "https://example.org:8080/path1?email=a@b.c",
    "token = os.environ['SERVICE_TOKEN_1']",
    'password = getenv("DB_PASSWORD_1")',
    '"password": {"type": "string", "minLength": 8}',
    "password: hunter2hunter2",
    "password: must be 8 characters or longer",
    "password123: P@ssw0rd123!",
    '"max_tokens": 1024, "total_tokens": 123456789012345678901234',
    '"next_page_token": "' + chosen(40),
    "token: " + "0" * 40,
    "The secret is to practise every day for 20 minutes.",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkw" + "IiwibmFtZSI6IkpvaG4gRG9lIn0"
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "sha256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "commit de5cdd93edbaf36b6f78da14a70bcd4e05d2c28e",
    "id 123e4567-e89b-12d3-a456-426614174000",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_not_taken_for_one(text: str) -> None:
    assert found(text) == []


def texts_of_this_project() -> Iterator[str]:
    for path in (*CASSETTES.rglob("*.json"), *ROOT.glob("*.md"), *ROOT.glob("src/**/*.py")):
        yield path.read_text(encoding="utf-8")


def test_there_are_none_in_this_project() -> None:
    assert [leak for text in texts_of_this_project() for leak in leaks(text)] == []


def test_each_secret_is_found_once_and_where_it_is() -> None:
    first, second = KINDS["Anthropic key"](1), KINDS["GitHub token"](2)
    text = f"api_key={first} token: {second}"
    told = leaks(text)
    assert [leak.secret for leak in told] == [first, second]
    assert [text[leak.start : leak.end] for leak in told] == [first, second]


def test_a_secret_is_shown_in_part() -> None:
    for kind in KINDS:
        [leak] = leaks(KINDS[kind](1))
        assert leak.shown.endswith("…")
        assert leak.secret.startswith(leak.shown[:-1])
        assert 2 <= len(leak.shown) - 1 <= min(8, len(leak.secret) / 4)


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    for text in ("a" * 200_000, "sk-" * 70_000, "0123456789abcdef" * 12_000, "token" * 40_000):
        assert leaks(text) == []


def test_kinds_are_named_once() -> None:
    assert len({pattern.kind for pattern in PATTERNS}) == len(PATTERNS)
    assert {pattern.kind for pattern in PATTERNS} > set(KINDS)
