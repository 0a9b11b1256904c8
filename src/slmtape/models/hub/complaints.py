"""What can go wrong between here and a hub, each in a sentence that says what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from slmtape.errors import ModelError
from slmtape.models.hub.address import Address

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


class HubUnreachable(ModelError):
    """No hub could be asked, or it can't answer now; what is in the cache may do."""


@contextmanager
def told(address: Address, endpoint: str, cache: Path) -> Iterator[None]:
    """Raise a ModelError for whatever huggingface_hub raises."""
    try:
        yield
    except ModelError:
        raise
    except (OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
        raise HubUnreachable(_unreachable(error, address, endpoint, cache)) from error
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2"):
            raise HubUnreachable(_unreachable(error, address, endpoint, cache)) from error
        if isinstance(error, HfHubHTTPError) and _is_passing(error):
            raise HubUnreachable(_refused(error, address, endpoint)) from error
        raise ModelError(_sentence(error, address, endpoint, cache)) from error


def _unreachable(error: Exception, address: Address, endpoint: str, cache: Path) -> str:
    pull = f"`slmtape models pull {address}`"
    if isinstance(error, OfflineModeIsEnabled):
        return (
            f"{address} is not in the cache ({cache}), and HF_HUB_OFFLINE forbids to download "
            f"it. Run {pull} without HF_HUB_OFFLINE, with the same HF_HOME."
        )
    return (
        f"{address} is not in the cache ({cache}), and {endpoint} can't be reached "
        f"({_cause(error)}). Run {pull} where there is a network, with the same HF_HOME; "
        "HF_ENDPOINT names another hub."
    )


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _sentence(error: Exception, address: Address, endpoint: str, cache: Path) -> str:
    repository = address.repository
    match error:
        case GatedRepoError():
            return (
                f"{repository} is gated: accept its terms at {endpoint}/{repository}, then set "
                "HF_TOKEN to a token of your account."
            )
        case RepositoryNotFoundError():
            return (
                f"There is no repository {repository} at {endpoint}, or it is private: then set "
                "HF_TOKEN to a token that may read it."
            )
        case RevisionNotFoundError():
            return f"The repository {repository} has no revision {address.revision!r}."
        case HFValidationError():
            return f"{str(address)!r} is no name that a hub can have: {error}"
        case HfHubHTTPError():
            return _refused(error, address, endpoint)
        case OSError(errno=number) if number in _FULL:
            return f"The disk of {cache} is full. Free some of it, or set HF_HOME to another."
        case OSError(errno=number) if number in _FORBIDDEN:
            return (
                f"{error.filename or cache} can't be written to ({error.strerror}). Set HF_HOME to "
                "a folder of yours."
            )
    return f"{address} could not be downloaded; try again. {type(error).__name__}: {error}"


def _is_passing(error: HfHubHTTPError) -> bool:
    status: int = error.response.status_code
    return status == 429 or status >= 500


def _refused(error: HfHubHTTPError, address: Address, endpoint: str) -> str:
    status = error.response.status_code
    why = f"{endpoint} answered {status} when asked for {address}"
    if status in (401, 403):
        return (
            f"{why}: there is no such repository, or it is private. Set HF_TOKEN to a token that "
            "may read it, or unset a wrong one."
        )
    if status == 429:
        return f"{why}: too many requests. Wait a while; with HF_TOKEN set, more are allowed."
    return f"{why}. Try again later."
