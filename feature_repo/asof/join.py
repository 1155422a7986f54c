"""The point-in-time join as one DuckDB statement: linear in the length of a history, with both cut-offs.

DuckDB's as-of join knows one inequality, and a value must be both observed (event time) and written (created
time) by then. So each row of a view is given the moment from which both hold, ``known``; a row that an
earlier known one outdates (it was observed later, or as late and written later) is never the answer, and goes.
What remains of a key is in the same order by ``known`` and by event time, and one inequality finds Feast's
answer: the greatest event time, among equals the greatest created time. Where every key is asked for once, as videos
with one label are, there is nothing to search: the answer is the greatest among the key's rows that were known.
"""

import glob
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from common.sql import literal, quote

# What the statements call columns of their own; DuckDB's names are the same in any case.
RESERVED = re.compile(r"__(at|event|known|content|last|last_of|part|row|(key_?|f)\d*)", re.IGNORECASE)
NEWEST = "QUALIFY row_number() OVER (PARTITION BY __key ORDER BY __event DESC, __last_of DESC, __content DESC) = 1"
# A key's order in one whole number: event times above, what breaks their ties in the 63 bits below.
RANK = f"__event::HUGEINT * {1 << 63} + __last_of"
# What outdates a row was observed later and known no later, so it became known after this row was observed: a frame of
# those rows alone is short, where a running maximum would look at the whole history.
ANSWERS = (
    f"QUALIFY {RANK} = max({RANK}) OVER (PARTITION BY __key ORDER BY __known "
    "RANGE BETWEEN (__known - __event) PRECEDING AND CURRENT ROW)"
)
LATEST = (1 << 52) - 1  # 52 bits of microseconds after 1970: the year 2112; what was written later was written then
CONTENT = 1 << 11  # what 63 bits leave beside them


@dataclass(frozen=True)
class ViewQuery:
    """What is read of one feature view: ``features`` maps a name in the result to (column, DuckDB type or '').

    ``keys`` maps a column of the files to the column of the entity rows that it must equal. ``files`` are those that
    there were when the retrieval was asked for: what is appended since is not half in it.
    """

    name: str
    files: tuple[str, ...]
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

    @property
    def key_columns(self) -> dict[str, str]:
        """The column of the files that each column of the entity rows must equal."""
        return {key: column for column, key in self.keys.items()}

    @property
    def rows(self) -> str:
        """All rows of the files, columns by name: a file may have more, or another order."""
        named = ", ".join(map(quote, self.columns))
        return f"SELECT {named} FROM read_parquet({self.listed}, union_by_name = true, hive_partitioning = false)"

    @property
    def listed(self) -> str:
        """The files as a list in SQL, each by its own name, whatever characters it has."""
        return f"[{', '.join(literal(glob.escape(file)) for file in self.files)}]"

    def known(self) -> str:
        """When a row's value was both observed and written; when it was observed, if writing does not count."""
        event = instant(self.event)
        return f"greatest({event}, {instant(self.created)})" if self.cut_off and self.created else event

    def usable(self) -> str:
        """The condition on rows that can be an answer at all: they have their times."""
        times = [self.event, *([self.created] if self.cut_off and self.created else [])]
        return " AND ".join(f"{quote(column)} IS NOT NULL" for column in times)


def instant(column: str) -> str:
    """A column of times as microseconds since 1970; without zone it is UTC, as everywhere in Feast."""
    return f"epoch_us(CAST({quote(column)} AS TIMESTAMPTZ))"


KeySet = tuple[str, ...]


def key_sets(views: Sequence[ViewQuery]) -> list[KeySet]:
    """The different sets of entity columns that the views are joined on."""
    return list(dict.fromkeys(_key_set(view) for view in views))


def _key_set(view: ViewQuery) -> KeySet:
    return tuple(sorted(view.keys.values()))


def join_statement(
    entity: str,
    columns: Sequence[str],
    timestamp: str,
    views: Sequence[ViewQuery],
    relations: Mapping[str, str],
    once: Collection[KeySet] = (),
) -> str:
    """The join of the relation ``entity`` (its ``columns``, of which ``timestamp`` is the time) with every view.

    ``relations`` gives each view's rows as SQL. ``once`` are the key sets by which no two entity rows are alike. All
    entity rows come out once, in any order.
    """
    sets = key_sets(views)
    parts = [f"entity AS MATERIALIZED ({entity})"]
    parts += [_keys(number, keys, timestamp) for number, keys in enumerate(sets)]
    parts.append(_numbered(sets, timestamp))
    selected, joins = [f"numbered.{quote(column)}" for column in columns], []
    for number, view in enumerate(views):
        answer, keys = f"answers_{number}", sets.index(_key_set(view))
        newest = _key_set(view) in once
        parts.append(f"{answer} AS ({_answers(view, keys, relations[view.name], newest)})")
        joined = f"LEFT JOIN {answer} ON numbered.__key_{keys} = {answer}.__key"
        joins.append(joined if newest else f"ASOF {joined} AND numbered.__at >= {answer}.__known")
        selected += [_feature(view, answer, name) for name in view.features]
    return f"WITH {', '.join(parts)} SELECT {', '.join(selected)} FROM numbered {' '.join(joins)}"


def _keys(number: int, keys: KeySet, timestamp: str) -> str:
    """The distinct keys of the entity rows as whole numbers, with the last time that each is asked for."""
    named = "".join(f"{quote(key)}, " for key in keys)
    there = " AND ".join(f"{quote(column)} IS NOT NULL" for column in (*keys, timestamp))
    return (
        f"keys_{number} AS MATERIALIZED (SELECT {named}row_number() OVER () AS __key, "
        f"max({instant(timestamp)}) AS __last FROM entity WHERE {there} "
        + (f"GROUP BY {', '.join(map(quote, keys))})" if keys else "HAVING count(*) > 0)")
    )


def _numbered(key_sets: Sequence[KeySet], timestamp: str) -> str:
    keys = "".join(f", keys_{number}.__key AS __key_{number}" for number in range(len(key_sets)))
    joins = " ".join(
        f"LEFT JOIN keys_{number} ON "
        + (" AND ".join(f"entity.{quote(key)} = keys_{number}.{quote(key)}" for key in key_set) or "TRUE")
        for number, key_set in enumerate(key_sets)
    )
    return f"numbered AS (SELECT entity.*, {instant(timestamp)} AS __at{keys} FROM entity {joins})"


def _answers(view: ViewQuery, keys: int, relation: str, newest: bool) -> str:
    """A view's rows that are the answer at some time, and from when; or the newest row of each key."""
    values = [
        f"CAST(source.{quote(column)} AS {dtype})" if dtype else f"source.{quote(column)}"
        for column, dtype in view.features.values()
    ]
    named = "".join(f", {value} AS __f{position}" for position, value in enumerate(values))
    created = instant(view.created) if view.created else "NULL"
    on = [f"source.{quote(column)} = keys_{keys}.{quote(key)}" for column, key in view.keys.items()]
    # Which of two rows of one key, event and created time counts is open in Feast; here their content decides, so that
    # it does not change by chance. It shares a whole number with the created time, which is what a maximum can bear;
    # a sort takes all of it.
    content = f"hash({', '.join(f'source.{quote(column)}' for column, _ in view.features.values()) or '0'})"
    last = f"greatest(least(coalesce({created}, 0), {LATEST}), 0) * {CONTENT} + ({content} & {CONTENT - 1})::BIGINT"
    kept = NEWEST if newest else ANSWERS
    if newest:
        named += f", {content} AS __content"
    return (
        f"SELECT __key, __known, __event{''.join(f', __f{position}' for position in range(len(values)))} FROM ("
        f"SELECT keys_{keys}.__key, {view.known()} AS __known, {instant(view.event)} AS __event, {last} AS __last_of"
        f"{named} FROM ({relation}) source JOIN keys_{keys} "
        f"ON {' AND '.join([*on, f'{view.known()} <= __last'])} WHERE {view.usable()}) {kept}"
    )


def _feature(view: ViewQuery, answer: str, name: str) -> str:
    value = f"{answer}.__f{list(view.features).index(name)}"
    if view.ttl:
        alive = f"{answer}.__event + {view.ttl // timedelta(microseconds=1)} >= numbered.__at"
        value = f"CASE WHEN {alive} THEN {value} END"
    return f"{value} AS {quote(name)}"
