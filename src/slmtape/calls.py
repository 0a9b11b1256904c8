"""All calls of a server, and what tests assert of them."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

from slmtape.call import Call
from slmtape.expecting import Expectation, Wanted, complaint, expectation, order_complaint
from slmtape.generation import Request
from slmtape.matching import Matcher

Said = str | re.Pattern[str]


class Calls(Sequence[Call]):
    """Calls in the order in which they came. More may come while they are looked at."""

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self._calls = list(calls)

    @property
    def last(self) -> Call:
        """The latest. Raises IndexError where there was none."""
        if not self._calls:
            raise IndexError("No call came.")
        return self._calls[-1]

    def filter(
        self,
        *,
        user: Said | None = None,
        model: str | None = None,
        when: Callable[[Request], bool] | None = None,
        path: str | None = None,
    ) -> "Calls":
        """Those so far of which all this is true.

        Args:
            user: what the user said last has this in it, or a match of this pattern.
            model: the name of the model that the client asked for, or of the one it stands for.
            when: says of a request whether it is meant.
            path: such as "/v1/responses".
        """
        wanted = Expectation(Matcher(user, model, when), path)
        return Calls(call for call in self if wanted.fits(call))

    def assert_called(
        self,
        *,
        user: Said | None = None,
        model: str | None = None,
        when: Callable[[Request], bool] | None = None,
        path: str | None = None,
        tools: Sequence[str] = (),
        times: int | None = None,
    ) -> None:
        """Raise AssertionError unless such a call came: see `filter`.

        `tools` are names of tools that it offered, among others; `times` is how many such calls
        came; None: one at least.
        """
        __tracebackhide__ = True
        wanted = Expectation(
            Matcher(user, model, when), path, (tools,) if isinstance(tools, str) else tuple(tools)
        )
        calls = tuple(self)
        found = sum(map(wanted.fits, calls))
        _raise(complaint(wanted, calls, found, times))

    def assert_not_called(
        self,
        *,
        user: Said | None = None,
        model: str | None = None,
        when: Callable[[Request], bool] | None = None,
        path: str | None = None,
        tools: Sequence[str] = (),
    ) -> None:
        """Raise AssertionError if such a call came."""
        __tracebackhide__ = True
        self.assert_called(user=user, model=model, when=when, path=path, tools=tools, times=0)

    def assert_order(self, *expected: Wanted) -> None:
        """Raise AssertionError unless such calls came in this order, others in between or not.

        Each is what the user said last (a text in it, a pattern), or a `Matcher`.
        """
        __tracebackhide__ = True
        _raise(order_complaint(list(map(expectation, expected)), tuple(self), only=False))

    def assert_only(self, *expected: Wanted) -> None:
        """Raise AssertionError unless exactly these calls came, in this order."""
        __tracebackhide__ = True
        _raise(order_complaint(list(map(expectation, expected)), tuple(self), only=True))

    def as_dict(self) -> list[dict[str, Any]]:
        """All but times, as JSON values: the same in every run, to be compared with a snapshot."""
        return [call.as_dict() for call in self]

    def add(self, call: Call) -> None:
        """A call came in."""
        self._calls.append(call)

    def clear(self) -> None:
        """Forget them."""
        self._calls.clear()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> "Calls": ...
    def __getitem__(self, index: int | slice) -> "Call | Calls":
        return Calls(self._calls[index]) if isinstance(index, slice) else self._calls[index]

    def __repr__(self) -> str:
        return f"Calls({self._calls!r})"


def _raise(complaint: str | None) -> None:
    __tracebackhide__ = True
    if complaint:
        raise AssertionError(complaint)
