"""The point-in-time join as one DuckDB statement: linear in the length of a history, with both cut-offs.

DuckDB's as-of join knows one inequality, and a value must be both observed (event time) and written (created
time) by then. So each row of a view is given the moment from which both hold, ``known``; a row that an
earlier known one outdates (it was observed later, or as late and written later) is never the answer, and goes.
What remains of a key is in the same order by ``known`` and by event time, and one inequality finds Feast's
answer: the greatest event time, among equals the greatest created time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class ViewQuery:
    """What is read of one feature view: ``features`` maps a name in the result to (column, DuckDB type or '').

    ``keys`` maps a column of the files to the column of the entity rows that it must equal.
    """

    name: str
    files: str
    keys: Mapping[str, str]
    event: str
    created: str | None
    features: Mapping[str, tuple[str, str]]
    ttl: timedelta | None
    cut_off: bool

    @property
    def columns(self) -> list[str]:
        """The columns of the files that the join needs, each once."""
        created = [self.created] if self.created else []
        return list(dict.fromkeys([*self.keys, self.event, *created, *(name for name, _ in self.features.values())]))

    def known(self) -> str:
        """When a row's value was both observed and written; when it was observed, if writing does not count."""
        event = instant(self.event)
        return f"greatest({event}, {instant(self.created)})" if self.cut_off and self.created else event

    def usable(self) -> str:
        """The condition on rows that can be an answer at all: they have their times."""
        times = [self.event, *([self.created] if self.cut_off and self.created else [])]
        return " AND ".join(f"{quote(column)} IS NOT NULL" for column in times)


def quote(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"


def instant(column: str) -> str:
    """A column as time in UTC to the microsecond; without zone it is UTC, as everywhere in Feast."""
    return f"CAST({quote(column)} AS TIMESTAMPTZ)"


def join_statement(
    entity: str, columns: Sequence[str], timestamp: str, views: Sequence[ViewQuery], relations: Mapping[str, str]
) -> str:
    """The join of the relation ``entity`` (its ``columns``, of which ``timestamp`` is the time) with every view.

    ``relations`` gives each view's rows as SQL. All entity rows come out once, in any order; a row's place
    among the entity rows is its ``__row``, if the relation has that column.
    """
    key_sets = list(dict.fromkeys(tuple(sorted(view.keys.values())) for view in views))
    parts = [f"entity AS MATERIALIZED ({entity})"]
    parts += [_keys(number, keys, timestamp) for number, keys in enumerate(key_sets)]
    parts.append(_numbered(key_sets))
    parts += [
        _answers(number, view, key_sets.index(tuple(sorted(view.keys.values()))), relations[view.name])
        for number, view in enumerate(views)
    ]
    selected = [f"numbered.{quote(column)}" for column in columns]
    joins = []
    for number, view in enumerate(views):
        answer, keys = f"answers_{number}", key_sets.index(tuple(sorted(view.keys.values())))
        joins.append(
            f"ASOF LEFT JOIN {answer} ON numbered.__key_{keys} = {answer}.__key "
            f"AND numbered.{quote(timestamp)} >= {answer}.__known"
        )
        selected += [_feature(view, answer, name, timestamp) for name in view.features]
    return f"WITH {', '.join(parts)} SELECT {', '.join(selected)} FROM numbered {' '.join(joins)}"


def _keys(number: int, keys: tuple[str, ...], timestamp: str) -> str:
    """The distinct keys of the entity rows as whole numbers, with the last time that each is asked for."""
    named = "".join(f"{quote(key)}, " for key in keys)
    there = " AND ".join(f"{quote(column)} IS NOT NULL" for column in (*keys, timestamp))
    return (
        f"keys_{number} AS MATERIALIZED (SELECT {named}row_number() OVER () AS __key, "
        f"max({quote(timestamp)}) AS __last FROM entity WHERE {there} "
        + (f"GROUP BY {', '.join(map(quote, keys))})" if keys else "HAVING count(*) > 0)")
    )


def _numbered(key_sets: Sequence[tuple[str, ...]]) -> str:
    keys = "".join(f", keys_{number}.__key AS __key_{number}" for number in range(len(key_sets)))
    joins = " ".join(
        f"LEFT JOIN keys_{number} ON "
        + (" AND ".join(f"entity.{quote(key)} = keys_{number}.{quote(key)}" for key in key_set) or "TRUE")
        for number, key_set in enumerate(key_sets)
    )
    return f"numbered AS (SELECT entity.*{keys} FROM entity {joins})"


def _answers(number: int, view: ViewQuery, keys: int, relation: str) -> str:
    """A view's rows that are the answer at some time, and the moment from which they are."""
    values = [
        f"CAST({quote(column)} AS {dtype})" if dtype else quote(column) for column, dtype in view.features.values()
    ]
    named = "".join(f", {value} AS __f{position}" for position, value in enumerate(values))
    created = instant(view.created) if view.created else "NULL"
    on = [f"source.{quote(column)} = keys_{keys}.{quote(key)}" for column, key in view.keys.items()]
    # Which of two rows of one key, event and created time counts is open in Feast; here it does not change by chance.
    content = f"hash({', '.join(quote(column) for column, _ in view.features.values()) or '0'})"
    return (
        f"answers_{number} AS (SELECT __key, __known, __event{''.join(f', __f{p}' for p in range(len(values)))} FROM ("
        f"SELECT keys_{keys}.__key, {view.known()} AS __known, {instant(view.event)} AS __event, "
        f"{created} AS __created, {content} AS __content{named} "
        f"FROM ({relation}) source JOIN keys_{keys} ON {' AND '.join([*on, f'{view.known()} <= __last'])} "
        f"WHERE {view.usable()}) "
        "WINDOW history AS (PARTITION BY __key ORDER BY __known, __event, __created NULLS FIRST, __content) "
        "QUALIFY __event = max(__event) OVER history AND lead(__known) OVER history IS DISTINCT FROM __known)"
    )


def _feature(view: ViewQuery, answer: str, name: str, timestamp: str) -> str:
    value = f"{answer}.__f{list(view.features).index(name)}"
    if view.ttl:
        microseconds = view.ttl // timedelta(microseconds=1)
        alive = f"{answer}.__event + to_microseconds({microseconds}) >= numbered.{quote(timestamp)}"
        value = f"CASE WHEN {alive} THEN {value} END"
    return f"{value} AS {quote(name)}"
