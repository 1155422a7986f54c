"""A stand-in for Kubeflow Pipelines: its API description served by connexion, and what its controller does in between.

The description alone accepts almost anything, so that unknown keys are refused here, and what the server checks in its
code: cron expressions (robfig/cron 1.2: seconds first), and one to ten runs at a time.
"""

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import connexion
import uvicorn
import yaml
from connexion.resolver import Resolver
from cronsim import CronSim
from processes import free_port

Run = dict[str, Any]
# Given its parameters and the moment that the placeholder of the schedule stands for; returns the state it ends in.
Execute = Callable[[str, dict[str, Any], datetime], str]
SCHEDULED = "{{$.pipeline_job_schedule_time_utc}}"


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class StandIn:
    """State, API and controller. ``now`` is moved by the test.

    ``tells_slot``: a run's placeholder is its nominal slot (as for a version that is pinned), or when it was created.
    """

    def __init__(self, execute: Execute, tells_slot: bool = True, token: str = "") -> None:
        self.execute, self.tells_slot, self.token = execute, tells_slot, token
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.kept: dict[str, dict[str, dict[str, Any]]] = {
            name: {} for name in ("experiments", "pipelines", "pipeline_versions", "runs", "recurringRuns")
        }

    # The API, by the operations of its description.

    def answer(self, operation: str, given: dict[str, Any]) -> Any:
        verb = operation.rpartition("_")[2]
        action, kind = re.fullmatch(r"(List|Get|Create|Delete|Upload)(\w+)", verb).groups()
        if kind == "Healthz":
            return {"multi_user": False}
        if action == "Upload":
            return self._uploaded(kind, given)
        name = {"Experiment": "experiments", "Pipeline": "pipelines", "Run": "runs", "RecurringRun": "recurringRuns"}
        kind = kind.removesuffix("s")
        if kind == "PipelineVersion":
            return self._listed("pipeline_versions", given)
        if action == "List":
            return self._listed(name[kind], given)
        if action == "Create":
            body = next(value for value in given.values() if isinstance(value, dict))
            return getattr(self, f"_create_{kind.lower()}")(body)
        key = next(
            value
            for key, value in given.items()
            if key.endswith("_id") and (key != "experiment_id" or kind == "Experiment")
        )
        if key not in self.kept[name[kind]]:
            raise RefusedError(404, f"{kind} {key} not found")
        return self.kept[name[kind]][key] if action == "Get" else self.kept[name[kind]].pop(key) and {}

    def _listed(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        found = list(self.kept[name].values())
        for key in ("experiment_id", "pipeline_id"):
            if given.get(key):
                found = [each for each in found if each[key] == given[key]]
        if given.get("filter"):
            for predicate in json.loads(given["filter"])["predicates"]:
                if predicate["operation"] not in (1, "EQUALS"):
                    raise RefusedError(400, f"the stand-in knows no filter {predicate}")
                wanted = predicate.get("stringValue", predicate.get("string_value"))
                found = [each for each in found if each[predicate["key"]] == wanted]
        if given.get("sort_by") == "created_at desc":
            found.reverse()
        return {name: found[: int(given.get("page_size") or 10)], "total_size": len(found)}

    def _uploaded(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        spec, *_ = yaml.safe_load_all(given["uploadfile"].file)
        if not spec.get("pipelineInfo"):
            raise RefusedError(400, "not a pipeline")
        name = given.get("name") or given.get("display_name")
        pipeline_id = given.get("pipelineid") or str(uuid.uuid4())
        if kind == "Pipeline":
            if any(each["display_name"] == name for each in self.kept["pipelines"].values()):
                raise RefusedError(409, f"a pipeline {name} exists")
            pipeline = self._keep("pipelines", pipeline_id, pipeline_id=pipeline_id, display_name=name)
        elif pipeline_id not in self.kept["pipelines"]:
            raise RefusedError(404, f"pipeline {pipeline_id} not found")
        version_id = str(uuid.uuid4())
        version = self._keep(
            "pipeline_versions", version_id, pipeline_id=pipeline_id, pipeline_version_id=version_id, display_name=name,
            pipeline_spec=spec,
        )  # fmt: skip
        return pipeline if kind == "Pipeline" else version

    def _create_experiment(self, body: dict[str, Any]) -> dict[str, Any]:
        made = str(uuid.uuid4())
        return self._keep("experiments", made, **{**body, "experiment_id": made})

    def _create_run(self, body: Run) -> Run:
        return self._run(body, self.now)

    def _create_recurringrun(self, body: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= int(body.get("max_concurrency", 0)) <= 10:
            raise RefusedError(400, "max_concurrency must be between 1 and 10")
        next(self._slots(body, self.now))
        self._parameters(body)
        made = str(uuid.uuid4())
        return self._keep("recurringRuns", made, **{**body, "recurring_run_id": made, "status": "ENABLED"})

    def _keep(self, name: str, key: str, **values: Any) -> dict[str, Any]:
        self.kept[name][key] = {**values, "created_at": self.now.isoformat().replace("+00:00", "Z")}
        return self.kept[name][key]

    # What the server does with it.

    def _slots(self, recurring: dict[str, Any], after: datetime) -> Iterator[datetime]:
        fields = recurring["trigger"]["cron_schedule"]["cron"].split()
        try:  # five fields are seconds to month: the day of the week is what may be left out
            return CronSim(" ".join([*fields, "*"] if len(fields) == 5 else fields), after)
        except Exception as error:
            raise RefusedError(400, f"the cron expression is invalid: {error}") from error

    def _parameters(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a run's pipeline is given: unknown ones and missing ones are refused, as the driver does."""
        version = self.kept["pipeline_versions"].get(body["pipeline_version_reference"]["pipeline_version_id"])
        if version is None:
            raise RefusedError(404, "pipeline version not found")
        known = version["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
        given = body.get("runtime_config", {}).get("parameters", {})
        if unknown := set(given) - set(known):
            raise RefusedError(400, f"unknown parameters {unknown}")
        defaults = {name: each["defaultValue"] for name, each in known.items() if "defaultValue" in each}
        if missing := set(known) - set(given) - set(defaults):
            raise RefusedError(400, f"missing parameters {missing}")
        return {**defaults, **given}

    def _run(self, body: Run, scheduled_at: datetime, recurring: str = "") -> Run:
        parameters, made = self._parameters(body), str(uuid.uuid4())
        run = self._keep("runs", made, **{**body, "run_id": made, "state": "RUNNING", "recurring_run_id": recurring})
        run["state"] = self.execute(made, parameters, scheduled_at)
        return run

    def tick(self, now: datetime) -> None:
        """The controller at a moment that it is up: of missed slots the newest one alone, as with ``no_catchup``."""
        self.now = now
        for key, each in list(self.kept["recurringRuns"].items()):
            made = [run for run in self.kept["runs"].values() if run["recurring_run_id"] == key]
            last = max((run["slot"] for run in made), default=datetime.fromisoformat(each["created_at"]))
            due = []
            for slot in self._slots(each, last):
                if slot > now:
                    break
                due.append(slot)
            if not due or any(run["state"] == "RUNNING" for run in made):
                continue
            body = {
                name: each[name]
                for name in ("display_name", "pipeline_version_reference", "runtime_config", "experiment_id")
            }
            self._run(body, due[-1] if self.tells_slot else now + timedelta(seconds=7), key)["slot"] = due[-1]


def described(file: Path) -> dict[str, Any]:
    """The API's description, with unknown keys refused."""
    description = json.loads(file.read_text())
    for key in ("security", "securityDefinitions"):  # the stand-in looks at tokens itself
        description.pop(key)
    for definition in description["definitions"].values():
        if "properties" in definition:
            definition["additionalProperties"] = False
        for each in definition.get("properties", {}).values():
            if each.get("format") == "int64":  # described as strings; the server takes numbers, too
                del each["type"], each["format"]
    return description


@contextmanager
def served(stand_in: StandIn, file: Path) -> Iterator[str]:
    """The stand-in on loopback. Yields its address."""

    def resolve(operation: str) -> Callable[..., Any]:
        def answered(**given: Any) -> tuple[Any, int]:
            sent = connexion.request.headers.get("authorization", "")
            if stand_in.token and sent != f"Bearer {stand_in.token}":
                return {"message": "the token has expired"}, 401
            try:
                return stand_in.answer(operation, given), 200
            except RefusedError as refused:
                return {"message": str(refused)}, refused.status

        return answered

    app = connexion.AsyncApp(__name__)
    app.add_api(described(file), resolver=Resolver(resolve), strict_validation=True, pythonic_params=False)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
