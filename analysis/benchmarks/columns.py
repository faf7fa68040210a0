"""Which field of a file plays which role: the names the user gave, else the usual ones; what is missing is told with
the fields that are there, each with an example, and the option that names it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from analysis.benchmarks.entries import Source, rows_of
from workbench.errors import InputError
from workbench.rows import Row

HEAD_ROWS = 100  # looked at before roles are settled
EXAMPLE = 40  # characters of a value that are shown


class Role(NamedTuple):
    """Something a reader needs from a row. `usual` are names it goes by, best first."""

    name: str
    what: str
    usual: tuple[str, ...]
    needed: bool = True


class Mapped(NamedTuple):
    """Role -> field for those that were found, and all rows."""

    fields: Mapping[str, str]
    rows: Iterator[Row]


def map_columns(source: Source, roles: Sequence[Role]) -> Mapped:
    """Settle every role. Raises InputError for a needed one without a field, and for a role or field there is not."""
    rows = rows_of(source)
    head = list(islice(rows, HEAD_ROWS))
    examples = _examples(head)
    if not examples:
        problem = next((row.problem for row in head if row.problem), "it has no rows")
        raise InputError(f"{source.path.name}: nothing can be read ({problem}).")
    _check_given(source, roles, examples)
    taken = {name for names in source.columns.values() for name in names}
    fields = {role: names[0] for role, names in source.columns.items()}
    by_plain = {_plain(name): name for name in examples if name not in taken}
    for role in roles:
        if role.name not in fields and (found := next((by_plain[n] for n in role.usual if n in by_plain), None)):
            fields[role.name] = found
    if missing := [role for role in roles if role.needed and role.name not in fields]:
        raise InputError(_told(source, missing, examples))
    return Mapped(fields, chain(head, rows))


def renamed(row: Row, fields: Mapping[str, str]) -> Mapping[str, object]:
    """The row's values by role."""
    return {role: row.values.get(name) for role, name in fields.items()}


def _check_given(source: Source, roles: Sequence[Role], examples: Mapping[str, str]) -> None:
    known = [role.name for role in roles]
    for role, names in source.columns.items():
        if role not in known:
            raise InputError(f"column: got the role {role!r}, expected one of {', '.join(known)}.")
        if len(names) > 1:
            raise InputError(f"column: got {len(names)} columns for {role}, expected one.")
        if names[0] not in examples:
            raise InputError(f"column: got {role}={names[0]}, but the file has {', '.join(examples)}.")


def _examples(rows: Iterable[Row]) -> dict[str, str]:
    """Every field of these rows with the first value it has."""
    found: dict[str, str] = {}
    for row in rows:
        for name, value in row.values.items():
            if not found.get(name):
                text = value if isinstance(value, str) else json.dumps(value, default=str)
                found[name] = "" if value is None else text[:EXAMPLE]
    return found


def _plain(name: str) -> str:
    return "_".join(name.strip().casefold().replace("-", " ").replace("_", " ").split())


def _told(source: Source, missing: Sequence[Role], examples: Mapping[str, str]) -> str:
    wanted = "; ".join(f"{role.name} ({role.what}; usually called {', '.join(role.usual)})" for role in missing)
    there = "; ".join(f"{name} (such as {value!r})" for name, value in examples.items())
    options = " ".join(f"--column {role.name}=FIELD" for role in missing)
    return f"{source.path.name}: no field for {wanted}. The file has {there}. Name them with {options}."
