"""Which requests a test means: by model, by what the user said last, by a predicate."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from slmtape.errors import ConfigurationError
from slmtape.generation import Request


@dataclass(frozen=True, slots=True)
class Matcher:
    """Fits requests for which all that is given holds; where nothing is given, all of them.

    `user` is in what the user said last, as a text or as a pattern that is searched for. `model` is
    the name that the client asked for, or that of the model it stands for. `when` says whether it
    fits; what it raises is raised.
    """

    user: str | re.Pattern[str] | None = None
    model: str | None = None
    when: Callable[[Request], bool] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.user, str | re.Pattern | None):
            raise ConfigurationError(f"What a user said is a text or a pattern, not {self.user!r}.")

    def fits(self, request: Request, model: str) -> bool:
        """Whether this request is meant, for which a client asked by this model's name."""
        return (
            self.model in (None, model, request.model)
            and self._said(request.user_text)
            and (self.when is None or bool(self.when(request)))
        )

    def _said(self, text: str) -> bool:
        if self.user is None:
            return True
        if isinstance(self.user, str):
            return self.user in text
        return self.user.search(text) is not None

    def __str__(self) -> str:
        """What people read: `user 'weather', model 'gpt-4o'`."""
        user = self.user.pattern if isinstance(self.user, re.Pattern) else self.user
        pattern = "matching " if isinstance(self.user, re.Pattern) else ""
        told = [
            f"user {pattern}{user!r}" if user is not None else "",
            f"model {self.model!r}" if self.model is not None else "",
            f"when {getattr(self.when, '__name__', self.when)}" if self.when else "",
        ]
        return ", ".join(filter(None, told)) or "any request"


class Rule:
    """What a test asked for of the requests that a matcher fits: a stub, or a fault.

    `met` is how many requests it fitted, `used` how often it came to anything. Where it is not
    `optional`, a test is told if it fitted none.
    """

    what = "rule"

    def __init__(self, matcher: Matcher, *, times: int | None, optional: bool) -> None:
        if times is not None and times < 1:
            raise ConfigurationError(f"A {self.what} with times={times} would never come to use.")
        self.matcher = matcher
        self.times = times
        self.optional = optional
        self.met = 0
        self.used = 0

    @property
    def idle(self) -> str:
        """A sentence where it came to nothing, though it should; else nothing."""
        return "" if self.met else f"No request met {self}."

    @property
    def spent(self) -> bool:
        """Whether it came to something as often as it should."""
        return self.times is not None and self.used >= self.times

    def __str__(self) -> str:
        return f"the {self.what} for {self.matcher}"
