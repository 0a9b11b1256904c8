"""Forty JSON schemas, each with a question: what people force answers into."""

from typing import Any

Schema = dict[str, Any]


def _object(**properties: Any) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Any, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
DECIMAL: Schema = {"type": "number"}
YES: Schema = {"type": "boolean"}
NOTHING: Schema = {"type": "null"}

_TREE = {
    **_object(label=TEXT, children=_list({"$ref": "#"})),
    "title": "Tree",
}
_LINKED = {
    **_object(head={"$ref": "#/$defs/node"}),
    "$defs": {
        "node": _object(value=WHOLE, next={"anyOf": [{"$ref": "#/$defs/node"}, NOTHING]}),
    },
}
_PYDANTIC = {
    "$defs": {
        "Address": {
            "properties": {
                "street": {"title": "Street", "type": "string"},
                "zip_code": {"pattern": "^[0-9]{5}$", "title": "Zip Code", "type": "string"},
            },
            "required": ["street", "zip_code"],
            "title": "Address",
            "type": "object",
        },
        "Level": {"enum": ["junior", "senior"], "title": "Level", "type": "string"},
    },
    "properties": {
        "name": {"maxLength": 40, "title": "Name", "type": "string"},
        "address": {"$ref": "#/$defs/Address"},
        "level": {"$ref": "#/$defs/Level", "default": "junior"},
        "manager": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    },
    "required": ["name", "address"],
    "title": "Employee",
    "type": "object",
}
_PETS = {
    "$defs": {
        "Cat": {
            "properties": {"kind": {"const": "cat", "type": "string"}, "lives": WHOLE},
            "required": ["kind", "lives"],
            "type": "object",
        },
        "Dog": {
            "properties": {"kind": {"const": "dog", "type": "string"}, "name": TEXT},
            "required": ["kind", "name"],
            "type": "object",
        },
    },
    "properties": {
        "pet": {
            "discriminator": {
                "mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"},
                "propertyName": "kind",
            },
            "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
        }
    },
    "required": ["pet"],
    "type": "object",
}
_ZOD = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "rating": {"type": "number", "minimum": 0, "maximum": 5},
        "labels": {
            "type": "object",
            "propertyNames": {"type": "string"},
            "additionalProperties": {"type": "boolean"},
        },
        "status": {"anyOf": [{"type": "string", "const": "open"}, {"type": "null"}]},
    },
    "required": ["title", "rating", "labels", "status"],
    "additionalProperties": False,
}

SCHEMAS: dict[str, tuple[Schema, str]] = {
    "one string": (_object(name=TEXT), "Name a famous mathematician."),
    "two strings": (_object(city=TEXT, country=TEXT), "Name a city and its country."),
    "one integer": (_object(year=WHOLE), "In which year did people first land on the moon?"),
    "one number": (_object(price=DECIMAL), "What does a cup of coffee cost?"),
    "one boolean": (_object(answer=YES), "Is the sea salty?"),
    "all scalars": (
        _object(name=TEXT, age=WHOLE, height=DECIMAL, alive=YES, title=NOTHING),
        "Describe Ada Lovelace.",
    ),
    "enum": (_object(mood={"enum": ["happy", "sad", "angry"]}), "How does a child with ice feel?"),
    "enum of mixed values": (_object(size={"enum": [1, 2.5, "many", None, True]}), "How many?"),
    "const": (_object(kind={"const": "greeting"}, text=TEXT), "Greet me."),
    "nested objects": (
        _object(person=_object(name=TEXT, home=_object(city=TEXT, country=TEXT))),
        "Where did Marie Curie live?",
    ),
    "deeply nested objects": (
        _object(a=_object(b=_object(c=_object(d=_object(e=YES))))),
        "Is this deep?",
    ),
    "list of strings": (_object(colours=_list(TEXT)), "Name colours of the rainbow."),
    "list of numbers": (_object(primes=_list(WHOLE)), "List prime numbers."),
    "list with bounds": (_object(names=_list(TEXT, minItems=2, maxItems=3)), "Name cats."),
    "list of objects": (
        _object(items=_list(_object(name=TEXT, price=DECIMAL))),
        "Write a shopping list with prices.",
    ),
    "list of lists": (_object(rows=_list(_list(WHOLE, maxItems=3), maxItems=3)), "Make a matrix."),
    "tuple": (
        _object(point={**_list(False, minItems=2), "prefixItems": [DECIMAL, DECIMAL]}),
        "Where is the middle of a square with side 2?",
    ),
    "integer range": (_object(percent={**WHOLE, "minimum": 0, "maximum": 100}), "How sure?"),
    "number range": (
        _object(score={**DECIMAL, "minimum": 0, "exclusiveMaximum": 1}),
        "How good is bread, between 0 and 1?",
    ),
    "multiple": (_object(minutes={**WHOLE, "multipleOf": 15, "minimum": 0}), "How long is a film?"),
    "string length": (_object(code={**TEXT, "minLength": 4, "maxLength": 8}), "Give me a code."),
    "pattern": (_object(id={**TEXT, "pattern": "^[A-Z]{3}-[0-9]{4}$"}), "Make up an id."),
    "pattern without end": (_object(word={**TEXT, "pattern": "^[a-z]+$"}), "Say a word."),
    "date": (_object(born={**TEXT, "format": "date"}), "When was Mozart born?"),
    "time stamp": (_object(at={**TEXT, "format": "date-time"}), "When does the train leave?"),
    "mail and link": (
        _object(mail={**TEXT, "format": "email"}, site={**TEXT, "format": "uri"}),
        "How can I reach the town hall?",
    ),
    "uuid and address": (
        _object(id={**TEXT, "format": "uuid"}, ip={**TEXT, "format": "ipv4"}),
        "Make up a server.",
    ),
    "any of two": (_object(value={"anyOf": [TEXT, WHOLE]}), "What is 6 times 7?"),
    "any of two objects": (
        _object(shape={"anyOf": [_object(radius=DECIMAL), _object(width=DECIMAL, height=DECIMAL)]}),
        "Describe a circle.",
    ),
    "nullable": (_object(nickname={"type": ["string", "null"]}), "What is Bob's full name?"),
    "optional properties": (
        {"type": "object", "properties": {"name": TEXT, "age": WHOLE, "email": TEXT}},
        "Who are you?",
    ),
    "map": (
        {"type": "object", "additionalProperties": WHOLE, "minProperties": 1},
        "Count the apples and the pears.",
    ),
    "names that are no identifiers": (
        _object(**{"größe": WHOLE, "名前": TEXT, 'a "quoted" name': YES}),
        "Describe a mountain.",
    ),
    "made of two": (
        {
            "type": "object",
            "allOf": [{"$ref": "#/$defs/base"}],
            "properties": {"level": WHOLE},
            "required": ["level"],
            "$defs": {"base": {**_object(name=TEXT), "additionalProperties": True}},
        },
        "Describe a wizard.",
    ),
    "tree": (_TREE, "Draw a family tree."),
    "linked list": (_LINKED, "Make a linked list."),
    "pydantic model": (_PYDANTIC, "Describe an employee."),
    "pydantic union": (_PETS, "Describe a pet."),
    "zod object": (_ZOD, "Review a book."),
    "tool arguments": (
        {
            **_object(
                location={**TEXT, "description": "City and country"},
                unit={**TEXT, "enum": ["celsius", "fahrenheit"]},
            ),
            "required": ["location"],
        },
        "What is the weather in Paris?",
    ),
}
"""By what is special: the schema, and the question."""
