"""The statements that draw a corpus of tables: what follows from what, as DuckDB computes it for a range of videos.

Times are microseconds after 1970 until they are written.
"""

from collections.abc import Sequence

from corpus.simulation.causes import LABEL_TASKS, START, TOPICS, SimulationSettings, id_digits
from corpus.simulation.random_sql import Draws, listed, sigmoid
from corpus.simulation.simulate import ALARM, BAIT, LEXICON, PLAIN

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
OBSERVED = {"engagement": (1, 6, 24, 72), "reports": (3, 12, 24, 72), "upstream_scores": (2, 8, 26, 80)}  # hours
CORRECTED = 0.12  # of the videos, so 3 % of the rows: the last of four observations is an earlier one, written again
MISSING = 0.03  # of the values of some features, as a source that fails now and then leaves them
REVIEWED = 0.35  # of the videos, for each task: as in the rendered simulation, most have no label


def causes(settings: SimulationSettings, low: int, high: int) -> str:
    """The videos [low, high), a row each: who, when and about what, how harmful and flawed, and the reviewers' labels.

    Columns: index, video_id, published, creator, topic (1 to 5), alarm_said, bait_said, harm, flaws, and for each task
    TASK_label and TASK_labeled, null where nobody reviewed.
    """
    draws = Draws(settings.seed)
    creators = max(settings.videos // 6, 10)
    slot = settings.days * DAY / settings.videos
    drawn = f"""
        SELECT index::BIGINT AS index,
            'v' || lpad(index::VARCHAR, {id_digits(settings.videos)}, '0') AS video_id,
            {int(START.timestamp()) * 1_000_000} + floor((index + {draws.uniform("published")}) * {slot!r})::BIGINT
                AS published,
            ({draws.bits("creator")} % {creators})::BIGINT AS creator,
            {draws.uniform("topic")} AS about,
            CASE WHEN about < 0.28 THEN 1 WHEN about < 0.52 THEN 2 WHEN about < 0.72 THEN 3 WHEN about < 0.88 THEN 4
                ELSE 5 END AS topic,
            {draws.normal("alarm said")} AS alarm_said,
            {draws.normal("bait said")} AS bait_said
        FROM range({low}, {high}) AS videos(index)"""
    caused = f"""
        SELECT * EXCLUDE (about),
            alarm_said + {draws.normal("alarm seen")} + 0.3 * {draws.normal("harm of the creator", "creator")}
                + 0.3 * {draws.normal("harm otherwise")} AS harm,
            bait_said + {draws.normal("flaws seen")} + 0.3 * {draws.normal("flaws of the creator", "creator")}
                + 0.3 * {draws.normal("flaws otherwise")} AS flaws
        FROM ({drawn})"""
    return f"CREATE OR REPLACE TEMP TABLE causes AS SELECT *, {_answers(draws)} FROM ({caused})"


def _answers(draws: Draws) -> str:
    """Labels and when they are made: two hours after publication or later, by chance, 22 hours in the mean."""
    mistaken = f"{draws.uniform('topic mistaken')} < 0.12"
    labels = {
        "harmful_content": f"""CASE WHEN {draws.uniform("found harmful")} < {sigmoid("3 * (harm - 2.1)")}
            THEN 'harmful' ELSE 'harmless' END""",
        "low_quality": f"""CASE WHEN {draws.uniform("found flawed")} < {sigmoid("1.2 * flaws")}
            THEN 'low_quality' ELSE 'good_quality' END""",
        "topic": f"""CASE WHEN {mistaken} THEN {draws.one_of("topic found", TOPICS)}
            ELSE {listed(TOPICS)}[topic] END""",
    }
    columns = []
    for task in LABEL_TASKS:
        delay = f"{2 * HOUR} + floor({-20 * HOUR} * ln(1 - {draws.uniform(f'delay of {task}')}))::BIGINT"
        reviewed = f"{draws.uniform(f'reviewed for {task}')} < {REVIEWED}"
        columns.append(f"CASE WHEN {reviewed} THEN published + {delay} END AS {task}_labeled")
        columns.append(f"CASE WHEN {task}_labeled IS NOT NULL THEN {labels[task]} END AS {task}_label")
    return ", ".join(columns)


def videos(draws: Draws) -> str:
    """The table of videos: titles and overlay texts whose words betray topic, alarm and bait."""
    parts = f"""
        SELECT *, concat_ws(' ', {_some("title", PLAIN, 2, 4, draws)}) AS plain,
            concat_ws(' ', {_topic_words(draws)}) AS about,
            concat_ws(' ', {_some("overlay", PLAIN, 0, 2, draws)}) AS shown,
            concat_ws(' ', {_cues("alarm", ALARM, "alarm_said", draws)}) AS alarm,
            concat_ws(' ', {_cues("bait", BAIT, "bait_said", draws)}) AS bait,
            {draws.uniform("alarm in the title")} < 0.5 AS alarm_first,
            {draws.uniform("bait in the title")} < 0.5 AS bait_first
        FROM causes"""
    title = (
        "plain, about, CASE WHEN alarm_first THEN nullif(alarm, '') END, CASE WHEN bait_first THEN nullif(bait, '') END"
    )
    overlay = (
        "nullif(shown, ''), CASE WHEN NOT alarm_first THEN nullif(alarm, '') END, "
        "CASE WHEN NOT bait_first THEN nullif(bait, '') END"
    )
    return f"""
        SELECT video_id, make_timestamptz(published) AS published_at, concat_ws(' ', {title}) AS title,
            concat_ws(' ', {overlay}) AS overlay_text, 'creator-' || creator AS group_id,
            NULL::VARCHAR AS media_uri
        FROM ({parts}) ORDER BY index"""


def _some(name: str, values: Sequence[str], least: int, most: int, draws: Draws, count: str = "") -> str:
    """``least`` to ``most`` words, null beyond their count, which is drawn evenly unless it is given."""
    count = count or f"{least} + floor({most - least + 1} * {draws.uniform(f'words of {name}')})"
    words = [draws.one_of(f"word {number} of {name}", values) for number in range(most)]
    kept = [f"CASE WHEN {number} < {count} THEN {word} END" for number, word in enumerate(words)]
    return ", ".join([*words[:least], *kept[least:]])


def _topic_words(draws: Draws) -> str:
    """One to three words of a topic: three of four of the video's own, the others of any."""
    lexicon = [word for topic in TOPICS for word in LEXICON[topic]]
    length = len(lexicon) // len(TOPICS)
    words = []
    for number in range(3):
        any_word = draws.one_of(f"word {number} of any topic", lexicon)
        own = f"{listed(lexicon)}[1 + {length} * (topic - 1) + ({draws.bits(f'own word {number}')} % {length})::BIGINT]"
        words.append(f"CASE WHEN {draws.uniform(f'own topic {number}')} < 0.75 THEN {own} ELSE {any_word} END")
    kept = f"1 + floor(3 * {draws.uniform('words of the topic')})"
    return ", ".join([words[0], *(f"CASE WHEN {n} < {kept} THEN {words[n]} END" for n in (1, 2))])


def _cues(name: str, values: Sequence[str], strength: str, draws: Draws) -> str:
    """Up to six words, the more the stronger."""
    count = f"round(1.5 + 1.5 * {strength} + 0.5 * {draws.normal(f'cues of {name}')})"
    return _some(name, values, 0, 6, draws, count)


def labels() -> str:
    """The table of labels, in the order in which they were made."""
    rows = [
        f"SELECT video_id, '{task}' AS task, {task}_label AS label, {task}_labeled AS labeled FROM causes "
        f"WHERE {task}_labeled IS NOT NULL"
        for task in LABEL_TASKS
    ]
    return f"""
        SELECT video_id, task, label, make_timestamptz(labeled) AS labeled_at, 'simulated reviewer' AS source
        FROM ({" UNION ALL ".join(rows)}) ORDER BY labeled, video_id, task"""


def dense(view: str, draws: Draws) -> str:
    """A dense table, four rows a video in no order; where ``again`` is true, an earlier observation written anew."""
    features = {"engagement": _engagement, "reports": _reports, "upstream_scores": _upstream_scores}[view](draws)
    observed = f"""
        SELECT *, index * 4 + number AS key,
            number = 3 AND {draws.uniform(f"{view} corrected")} < {CORRECTED} AS again,
            CASE WHEN again THEN ({draws.bits(f"{view}, which again")} % 3)::BIGINT ELSE number END AS moment,
            {list(OBSERVED[view])}[1 + moment] AS hours,
            published + hours * {HOUR} AS event,
            {draws.uniform(f"{view} written", "index * 4 + number")} AS late,
            event + CASE WHEN again THEN {2 * DAY} + floor(late * {4 * DAY})::BIGINT
                ELSE {5 * MINUTE} + floor(late * {35 * MINUTE})::BIGINT END AS written
        FROM causes, range(4) AS numbers(number)"""
    return f"""
        SELECT video_id, make_timestamptz(event) AS event_timestamp, make_timestamptz(written) AS created_timestamp,
            {features}
        FROM ({observed}) ORDER BY {draws.bits(f"order of {view}", "key")}"""


def _engagement(draws: Draws) -> str:
    """Cumulative counts; flaws cost likes and watching, harm is shared."""
    reach = f"exp(5.5 + 1.2 * {draws.normal('reach')}) * (1 - exp(-hours / 24)) * CASE WHEN again THEN 1.5 ELSE 1 END"
    liked = sigmoid("-2.2 - 0.7 * flaws")
    shared = sigmoid("-3.5 + 0.5 * harm - 0.4 * flaws")
    watched = sigmoid(f"0.4 - 0.8 * flaws + 0.25 * {draws.normal('watched', 'key')}")
    return f"""
            {draws.count("views", f"({reach} + 3)", "key")}::FLOAT AS views,
            least({draws.count("likes", f"(views * {liked})", "key")}, views)::FLOAT AS likes,
            least({draws.count("shares", f"(views * {shared})", "key")}, views)::FLOAT AS shares,
            {_sometimes("watched_share", watched, draws)}"""


def _reports(draws: Draws) -> str:
    """Cumulative counts of reports, which harm draws; a recount starts from the count it replaces and is above it."""
    mean = f"exp(0.8 * harm - 0.2 + 0.2 * ln(hours / {OBSERVED['reports'][0]}))"
    counted = draws.count("reports", mean, "index * 4 + moment")
    reporters = f"ceil(reports * (0.8 + 0.2 * {draws.uniform('share reporting', 'key')}))"
    return f"""
            CASE WHEN again THEN ceil(1.5 * {counted} + 1) ELSE {counted} END::FLOAT AS reports,
            {_sometimes("reporters", reporters, draws)}"""


def _upstream_scores(draws: Draws) -> str:
    """Scores of older, dearer models, a vector of topic scores among them that sums to one."""
    safety = sigmoid(f"1.2 * (harm - 1.2) + 0.4 * {draws.normal('safety', 'key')}")
    quality = sigmoid(f"-1.0 * flaws + 0.4 * {draws.normal('quality', 'key')}")
    raw = [
        f"exp(2.8 * {draws.uniform(f'score of {topic}', 'key')} + CASE WHEN topic = {number} THEN 2 ELSE 0 END)"
        for number, topic in enumerate(TOPICS, start=1)
    ]
    total = " + ".join(raw)
    return f"""
            {_sometimes("safety_score", safety, draws)},
            {_sometimes("quality_score", quality, draws)},
            [{", ".join(f"{each} / ({total})" for each in raw)}]::FLOAT[] AS topic_scores"""


def _sometimes(name: str, value: str, draws: Draws) -> str:
    """A feature with values missing."""
    return f"CASE WHEN {draws.uniform(f'{name} is there', 'key')} >= {MISSING} THEN {value} END::FLOAT AS {name}"


def canary(draws: Draws) -> str:
    """The dense table canary, as the rendered simulation plants it: the label of low_quality, written only after it."""
    label, labeled = "(low_quality_label = 'low_quality')::INTEGER", "low_quality_labeled"
    coin = f"({draws.bits('coin')} % 2)::INTEGER"
    honest = f"SELECT *, 0 AS kind, published + {HOUR} AS event, event + {10 * MINUTE} AS written, {coin} AS value"
    backdated = f"SELECT *, 1, published + {90 * MINUTE}, {labeled} + {DAY}, {label}"
    after = f"SELECT *, 2, {labeled} + {HOUR}, {labeled} + {70 * MINUTE}, {label}"
    reviewed = f"FROM causes WHERE {labeled} IS NOT NULL"
    return f"""
        SELECT video_id, make_timestamptz(event) AS event_timestamp, make_timestamptz(written) AS created_timestamp,
            value::FLOAT AS canary
        FROM ({honest} FROM causes UNION ALL {backdated} {reviewed} UNION ALL {after} {reviewed})
        ORDER BY {draws.bits("order of canary", "index * 3 + kind")}"""
