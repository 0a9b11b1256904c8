"""Formats of strings, as patterns that a small model can end."""

from typing import NamedTuple


class Format(NamedTuple):
    """A pattern all of whose matches are of a format, and how long (in characters) they are."""

    pattern: str
    shortest: int
    longest: int


_DATE = r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
_HOST = rf"({_LABEL}\.){{1,3}}(com|org|net|io)"
_NUMBER = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HEX = r"[0-9a-f]{1,4}"
_SEGMENT = r"/[A-Za-z0-9_.-]{1,20}"
_PATH = rf"({_SEGMENT}){{1,4}}"

_ALPHABET = r"[A-Za-z0-9_-]"


def _exactly(pattern: str, shortest: int, longest: int) -> Format:
    return Format(f"^({pattern})$", shortest, longest)


def _uuid(version: str) -> Format:
    hexadecimal = "[0-9a-f]"
    return _exactly(
        f"{hexadecimal}{{8}}-{hexadecimal}{{4}}-{version}{hexadecimal}{{3}}"
        f"-[89ab]{hexadecimal}{{3}}-{hexadecimal}{{12}}",
        36,
        36,
    )


_MAIL = _exactly(rf"[a-z0-9]{{1,20}}([._-][a-z0-9]{{1,20}}){{0,2}}@{_HOST}", 6, 136)
_HOSTNAME = _exactly(_HOST, 4, 72)
_IPV4 = _exactly(rf"({_NUMBER}\.){{3}}{_NUMBER}", 7, 15)
_IPV6 = _exactly(f"({_HEX}:){{7}}{_HEX}", 15, 39)
_URI = _exactly(rf"https://{_HOST}({_SEGMENT}){{0,4}}", 12, 164)
_FILE = _exactly(_PATH, 2, 84)
_BASE64 = _exactly(r"([A-Za-z0-9+/]{4}){1,16}", 4, 64)

FORMATS = {
    "date-time": _exactly(f"{_DATE}T{_TIME}Z", 20, 20),
    "date": _exactly(_DATE, 10, 10),
    "time": _exactly(f"{_TIME}Z", 9, 9),
    "duration": _exactly(
        "P[1-9][0-9]{0,2}D(T([1-9]|1[0-9]|2[0-3])H)?|PT[1-9][0-9]?H([1-9][0-9]?M)?|PT[1-9][0-9]?M",
        3,
        9,
    ),
    "email": _MAIL,
    "idn-email": _MAIL,
    "hostname": _HOSTNAME,
    "idn-hostname": _HOSTNAME,
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "uri": _URI,
    "uri-reference": _URI,
    "iri": _URI,
    "iri-reference": _URI,
    "uri-template": _URI,
    "uuid": _uuid("[1-5]"),
    "json-pointer": _FILE,
    "relative-json-pointer": _exactly(f"[0-9]{_PATH}", 3, 85),
    "regex": _exactly("[a-z0-9]{1,20}", 1, 20),
    # What pydantic, zod and OpenAPI add.
    "uuid1": _uuid("1"),
    "uuid3": _uuid("3"),
    "uuid4": _uuid("4"),
    "uuid5": _uuid("5"),
    "url": _URI,
    "multi-host-uri": _URI,
    "path": _FILE,
    "file-path": _FILE,
    "directory-path": _FILE,
    "ipvanyaddress": _IPV4,
    "base64": _BASE64,
    "byte": _BASE64,
    "base64url": _exactly(f"({_ALPHABET}{{4}}){{1,16}}", 4, 64),
    "nanoid": _exactly(f"{_ALPHABET}{{21}}", 21, 21),
    "ulid": _exactly("[0-7][0-9A-HJKMNP-TV-Z]{25}", 26, 26),
}
"""The formats with a meaning for us. Others are remarks, as JSON Schema has it."""
