"""Kubeflow Pipelines over its own client: versions of pipelines, runs, recurring runs; its refusals as sentences."""

import contextlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import kfp
import requests
from kfp.client import ServiceAccountTokenVolumeCredentials
from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError

from common.digests import file_digest
from pipelines.cluster.settings import Cluster, ClusterError

HOST, TOKEN, TOKEN_FILE = "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_TOKEN", "KF_PIPELINES_SA_TOKEN_PATH"
GOES_ON = {"PENDING", "RUNNING", "CANCELING", "PAUSED", "RUNTIME_STATE_UNSPECIFIED"}
RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EQUALS = 1  # in filters; the client knows no other way to write one
PAGE = 100
TIMEOUT = 20  # seconds for a first answer


@dataclass(frozen=True)
class Version:
    """A compiled pipeline as Kubeflow keeps it; ``name`` is a digest of its YAML."""

    pipeline_id: str
    version_id: str
    name: str


@dataclass(frozen=True)
class Kubeflow:
    """What we ask of a Kubeflow Pipelines at ``host``. Every method raises ClusterError where it refuses."""

    host: str
    cluster: Cluster
    token: str | None = None
    token_file: str | None = None

    @classmethod
    def of(cls, cluster: Cluster, environment: Mapping[str, str]) -> "Kubeflow":
        """Host and token as Kubeflow's client names them in the environment. Raises ClusterError: no host."""
        if not environment.get(HOST):
            raise ClusterError(
                f"no Kubeflow is named: set {HOST} to its API, such as http://localhost:8080 after "
                "'kubectl port-forward -n kubeflow svc/ml-pipeline-ui 8080:80'"
            )
        return cls(
            environment[HOST].rstrip("/"), cluster, environment.get(TOKEN) or None, environment.get(TOKEN_FILE) or None
        )

    def publish(self, name: str, description: str, package: Path) -> Version:
        """The version of the pipeline with this very YAML, which is uploaded unless it is there."""
        version = file_digest(package)[:16]
        with self._asked():
            pipeline = self._client.get_pipeline_id(name)
            if pipeline is None:
                pipeline = self._client.upload_pipeline(str(package), name, description).pipeline_id
            versions = self._client.list_pipeline_versions(pipeline, page_size=PAGE, filter=_named(version))
            found = next(iter(versions.pipeline_versions or []), None)
            if found is None:
                found = self._client.upload_pipeline_version(str(package), version, pipeline_id=pipeline)
            return Version(pipeline, found.pipeline_version_id, version)

    def submit(self, version: Version, name: str, arguments: Mapping[str, Any]) -> str:
        """Start a run. Returns its id."""
        with self._asked():
            started = self._client.run_pipeline(
                self._experiment,
                name,
                params=dict(arguments),
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
                service_account=self.cluster.service_account,
            )
            return str(started.run_id)

    def repeat(
        self, version: Version, name: str, six_fields: str, since: datetime, arguments: Mapping[str, Any]
    ) -> str:
        """Start runs of a version by a cron of six fields, one at a time; missed ones are not Kubeflow's to make up."""
        with self._asked():
            made = self._client.create_recurring_run(
                self._experiment,
                name,
                cron_expression=six_fields,
                start_time=_before(since) if since > datetime.now(UTC) else None,
                max_concurrency=1,
                no_catchup=True,
                params=dict(arguments),
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
                service_account=self.cluster.service_account,
            )
            return str(made.recurring_run_id)

    def repeated(self, name: str) -> Any | None:
        """The recurring run of a name; None if there is none."""
        with self._asked():
            found = self._client.list_recurring_runs(
                page_size=PAGE, experiment_id=self._experiment, filter=_named(name)
            ).recurring_runs
            return next(iter(found or []), None)

    def stop_repeating(self, recurring_run_id: str) -> None:
        with self._asked():
            self._client.delete_recurring_run(recurring_run_id)

    def runs(self, newest: int) -> list[Any]:
        """The newest runs of the experiment."""
        with self._asked():
            listed = self._client.list_runs(page_size=newest, sort_by="created_at desc", experiment_id=self._experiment)
            return list(listed.runs or [])

    def state(self, run_id: str) -> str:
        """The state of a run in Kubeflow's words; '' if it is gone."""
        with self._asked():
            try:
                return str(self._client.get_run(run_id).state or "RUNTIME_STATE_UNSPECIFIED")
            except ApiException as error:
                if error.status == requests.codes.not_found:
                    return ""
                raise

    def goes_on(self, holder: str) -> bool:
        """Whether the run that has a window goes on; one that is not Kubeflow's (a laptop's) is taken to."""
        return not RUN_ID.fullmatch(holder) or self.state(holder) in GOES_ON

    @cached_property
    def _client(self) -> kfp.Client:
        """Asked by hand first: the client itself tries a refused token again for half a minute, with tracebacks."""
        credentials = ServiceAccountTokenVolumeCredentials(self.token_file) if self.token_file else None
        token = self.token or (Path(self.token_file).read_text().strip() if self.token_file else None)
        try:
            answer = requests.get(
                f"{self.host}/apis/v2beta1/healthz",
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=TIMEOUT,
            )
        except requests.RequestException as error:
            raise ClusterError(f"Kubeflow does not answer at {self.host}: see {HOST}") from error
        if not answer.ok:
            raise self._refusal(answer.status_code, answer.reason)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # it says which servers it is for, each time
            return kfp.Client(
                self.host, namespace=self.cluster.namespace, existing_token=self.token, credentials=credentials
            )

    @cached_property
    def _experiment(self) -> str:
        return str(self._client.create_experiment(self.cluster.experiment, namespace=None).experiment_id)

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        """Without the links that the client prints; with what goes wrong as a sentence."""
        try:
            with contextlib.redirect_stdout(None):
                yield
        except ApiException as error:
            raise self._refusal(error.status, _reason(error)) from error
        except HTTPError as error:
            raise ClusterError(f"Kubeflow does not answer at {self.host}: see {HOST}") from error

    def _refusal(self, status: int, reason: str) -> ClusterError:
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            return ClusterError(f"Kubeflow at {self.host} refuses us ({reason}): set {TOKEN} to a token that is valid")
        return ClusterError(f"Kubeflow at {self.host} refuses: {reason}")


def _before(slot: datetime) -> str:
    """The second before a slot: Kubeflow's first run is that of the first slot *after* the start."""
    return f"{slot - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"


def _reason(error: ApiException) -> str:
    """What the server says, without the frames of its own code."""
    try:
        told = json.loads(error.body)
        return str(told.get("message") or told.get("detail") or told.get("error") or error.reason)
    except (TypeError, ValueError):
        return str(error.reason)


def _named(name: str) -> str:
    """A filter of Kubeflow's for what has this name."""
    return json.dumps({"predicates": [{"operation": EQUALS, "key": "display_name", "stringValue": name}]})
