"""Secrets in texts: keys and tokens by their looks, and random values by what they are called."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret, of what kind it is, and where in the text: `start` in characters."""

    kind: str
    secret: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.secret)

    @property
    def shown(self) -> str:
        """The secret in part: enough to find it, too little to use it."""
        return f"{self.secret[: min(8, len(self.secret) // 4)]}…"


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a kind of secret looks. Its group `secret`, or all of it, is what is secret.

    `bits` is how much entropy a character of it has at least: words have less, and so have most
    placeholders. `mixed`: there are both letters and digits in it. `apart`: it is not in the middle
    of a word (said here, not in the expression, which is quick where it begins with letters).
    `named`: it goes by what a value is called.
    """

    kind: str
    regex: re.Pattern[str]
    bits: float
    mixed: bool = True
    apart: bool = False
    named: bool = False

    def leaks(self, text: str, starts: Collection[int] = ()) -> Iterator[Leak]:
        """The secrets of this kind in a text. A word may also start at these characters of it."""
        group = "secret" if self.regex.groupindex else 0
        for match in self.regex.finditer(text):
            before = text[match.start() - 1 : match.start()] if self.apart else ""
            begins = match.start() in starts or not _WORD.match(before)
            if begins and self._is_secret(match[group]):
                yield Leak(self.kind, match[group], match.start(group))

    def _is_secret(self, value: str) -> bool:
        mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
        return (
            (bool(mixed) or not self.mixed)
            and entropy(value) >= self.bits
            and not _PLACEHOLDER.search(value, 0, _BEGINNING)
        )


def leaks(text: str) -> list[Leak]:
    """Every secret in a text, in order; then those that are split over lines.

    Parts of a message become lines of it. Where those begin that are split is not told: 0.
    """
    found = _leaks(text, PATTERNS)
    lines = _BREAK.split(text)
    by_looks = [pattern for pattern in PATTERNS if not pattern.named]
    split = _leaks("".join(lines), by_looks, set(accumulate(map(len, lines))))
    whole = tuple(_BREAK.sub("", one.secret) for one in found)
    return found + [
        Leak(one.kind, one.secret, 0)
        for one in split
        if one.secret not in text and not one.secret.startswith(whole)
    ]


def entropy(text: str) -> float:
    """Bits that a character of the text has, by how often each is in it."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def _leaks(text: str, patterns: Sequence[Pattern], starts: Collection[int] = ()) -> list[Leak]:
    """Each secret once: as what the first of the patterns takes it for."""
    found: list[Leak] = []
    for pattern in patterns:
        for leak in pattern.leaks(text, starts):
            if all(leak.end <= one.start or one.end <= leak.start for one in found):
                found.append(leak)
    return sorted(found, key=lambda leak: leak.start)


_BREAK = re.compile(r"\s*\n\s*")
_WORD = re.compile(r"[A-Za-z0-9_-]")


def _pattern(kind: str, regex: str, bits: float = 3.0, *, mixed: bool = True) -> Pattern:
    return Pattern(kind, re.compile(regex), bits, mixed)


def _word(kind: str, regex: str, bits: float = 3.0, *, mixed: bool = True) -> Pattern:
    return Pattern(kind, re.compile(regex), bits, mixed, apart=True)


def _named(kind: str, names: str, value: str, bits: float) -> Pattern:
    """A value after its name: in JSON, in a configuration, in a sentence."""
    name = rf"(?i)(?:{names})\\*[\"']?\s*(?:[:=]|=>|\bis\b)\s*\\*[\"'`]?"
    return Pattern(kind, re.compile(rf"{name}(?P<secret>{value})"), bits, named=True)


PATTERNS = (
    _word("Anthropic key", r"sk-ant-[a-z]{3,10}\d\d-[A-Za-z0-9_-]{20,}"),
    _word("OpenRouter key", r"sk-or-v1-[0-9a-f]{32,}"),
    _word("OpenAI key", r"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{20,})"),
    _word("GitHub token", r"(?:gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{22,})"),
    _word("GitLab token", r"glpat-[A-Za-z0-9_-]{20}"),
    _word("AWS access key", r"(?:AKIA|ASIA)[A-Z2-7]{16}", mixed=False),
    _word("Google key", r"AIza[A-Za-z0-9_-]{35}"),
    _word("Google OAuth secret", r"(?:GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20,})"),
    _word("Slack token", r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}", 2.5),
    _pattern("Slack webhook", r"hooks\.slack\.com/services/(?P<secret>T\w+/B\w+/\w{20,})"),
    _word("Stripe key", r"(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}"),
    _word("Hugging Face token", r"hf_[A-Za-z0-9]{30,}", mixed=False),
    _word("Groq key", r"gsk_[A-Za-z0-9]{40,}"),
    _word("xAI key", r"xai-[A-Za-z0-9]{60,}"),
    _word("Replicate token", r"r8_[A-Za-z0-9]{30,}"),
    _word("LangSmith key", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    _word("PyPI token", r"pypi-[A-Za-z0-9_-]{50,}"),
    _word("npm token", r"npm_[A-Za-z0-9]{36}"),
    _word("SendGrid key", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _pattern(
        "private key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\+[nr]|\s)*"
        r"(?P<secret>[A-Za-z0-9+/=][A-Za-z0-9+/=\s\\:,-]{40,})",
        mixed=False,
    ),
    _word("JSON web token", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}", 3.5),
    _pattern(
        "authorization", r"(?i)\b(?:bearer|basic)\s+(?P<secret>[a-z0-9._~+/=-]{16,})", bits=3.5
    ),
    _pattern(
        "password in an address",
        r"://[^\s/:@]{0,80}:(?P<secret>[^\s/@]{8,80})@",
        bits=2.8,
    ),
    _named(
        "secret",
        r"secret|token(?<!pagetoken)(?<!page_token)|(?:api|secret|access|private|auth)[_-]?key",
        r"[a-z0-9_./+=~-]{16,}",
        bits=3.3,
    ),
    _named("password", r"password|passwd|passphrase|pwd", r"[^\s\"'`,;<>\\]{8,}", bits=2.8),
)
"""What is looked for, the more specific first."""

_PLACEHOLDER = re.compile(
    r"""
      your | example | placeholder | dummy | redacted | change-?me | insert | replace
    | 12345678 | abcdefg | deadbeef | p[a@]ssw[o0]rd | hunter2 | x{4} | \*{3} | \.{3} | …
    | (?<![a-z0-9])
      (?:fake|tests?|testing|sample|mock|demo|here|none|null|unused|not-?needed|my|the|this|an?)
      (?![a-z0-9])
    | ^[$%{<(\[] | \$\{ | \w[(\[]       # ${TOKEN}, {token}, getenv("TOKEN")
    | eyJzdWIiOiIxMjM0NTY3ODkw           # jwt.io's
    | 4eC39HqLyjWDarjtT1zdp7dc           # Stripe's
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What is in values that somebody wrote in the place of a secret."""
_BEGINNING = 100
"""Characters in which it is: anything is somewhere in a long random text."""
