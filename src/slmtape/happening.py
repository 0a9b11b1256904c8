"""When faults happen: once, so many times, every so often, or by chance."""

import random
from collections.abc import Iterator, Sequence

from slmtape.errors import FaultError
from slmtape.faults import Fault
from slmtape.generation import Request
from slmtape.matching import Matcher, Rule


class Happening(Rule):
    """A fault that befalls calls with requests that a matcher fits.

    `times`: so many at most. `every`: each so-manieth of them. `probability`: each of them by
    chance, whose dice begin with `seed`.
    """

    def __init__(
        self,
        fault: Fault,
        matcher: Matcher,
        *,
        times: int | None = None,
        every: int = 1,
        probability: float = 1.0,
        seed: int = 0,
        optional: bool = False,
    ) -> None:
        if not isinstance(fault, Fault):
            made = f", {fault.__name__}(…) is" if isinstance(fault, type) else ""
            raise FaultError(f"{fault!r} is no fault{made}: they are in slmtape.faults.")
        if every < 1 or not 0 <= probability <= 1:
            raise FaultError("`every` is 1 at least, `probability` is from 0 to 1.")
        super().__init__(matcher, times=times, optional=optional)
        self.what = f"fault {fault}"
        self.fault = fault
        self._every = every
        self._probability = probability
        self._dice = random.Random(seed)

    @property
    def idle(self) -> str:
        """A sentence where it never happened, but for bad luck; else nothing."""
        if self.used or (self.met and self._probability < 1):
            return ""
        if self.met:
            return f"It never came to {self}: {self.met} met it, and one in {self._every} fails."
        return super().idle

    def befalls(self, requests: Sequence[Request], model: str) -> bool:
        """Whether it happens to this call. Raises FaultError where the test's `when` fails."""
        try:
            if not any(self.matcher.fits(request, model) for request in requests):
                return False
        except Exception as error:
            raise FaultError(f"{self} raised {type(error).__name__}: {error}") from error
        self.met += 1
        if self.spent or self.met % self._every or self._dice.random() >= self._probability:
            return False
        self.used += 1
        return True


class Happenings:
    """The faults of a server: the first that befalls a call is what happens to it."""

    def __init__(self) -> None:
        self._planned: list[Happening] = []

    def add(self, happening: Happening) -> None:
        """Have this one considered after those that are there."""
        self._planned.append(happening)

    def clear(self) -> None:
        """Forget them."""
        self._planned.clear()

    def __iter__(self) -> Iterator[Happening]:
        return iter(tuple(self._planned))

    def fault(self, requests: Sequence[Request], model: str, *, early: bool) -> Fault | None:
        """What happens to this call; `early`: only what happens before it is answered."""
        if not self._planned:
            return None
        possible = (one for one in self if one.fault.early or not early)
        return next((one.fault for one in possible if one.befalls(requests, model)), None)
