"""The Kubernetes API in few verbs: the one place that calls the `kubernetes` client.

Objects are plain dictionaries, as YAML has them, of any kind that the API server knows: which path
a kind has is asked of the server (discovery), so our manifests may hold KServe's, Feast's or KEDA's
kinds beside Kubernetes' own. Writing is server-side apply alone, under one field manager.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias
from urllib.parse import quote

from typing_extensions import override

from lolomo.core.errors import LolomoError
from lolomo.core.settings import Settings

Entry: TypeAlias = dict[str, Any]
"""A Kubernetes object."""
MANAGER = "lolomo"
TIMEOUT_SECONDS = 30
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class ClusterError(LolomoError):
    """The API server cannot be reached, or refused what was asked; the message is its own."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Which object."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Return the reference of an object."""
        metadata = entry["metadata"]
        return cls(
            entry["apiVersion"], entry["kind"], metadata["name"], metadata.get("namespace", "")
        )

    @override
    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


@dataclass(frozen=True, slots=True)
class KubernetesApi:
    """An API server, as the current kubeconfig or service account reaches it."""

    client: Any
    """A `kubernetes.client.ApiClient`."""
    _kinds: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def connect(cls, context: str | None = None) -> Self:
        """Read the kubeconfig, or, within a pod, its service account.

        Args:
            context: Which context of the kubeconfig; the current one unless given.

        Raises:
            ClusterError: If there is neither.
        """
        from kubernetes import client, config

        configuration = client.Configuration()
        try:
            file = Settings.from_environment().kubeconfig
            where = {"config_file": file} if file else {}
            config.load_config(context=context, client_configuration=configuration, **where)
        except (config.ConfigException, TypeError) as error:
            raise ClusterError(
                f"no cluster to talk to ({error}): set KUBECONFIG, or `kubectl config use-context`"
            ) from error
        # A command that cannot reach the server says so at once.
        configuration.retries = 1
        return cls(client.ApiClient(configuration))

    @property
    def url(self) -> str:
        """Where the API server is."""
        return str(self.client.configuration.host)

    def version(self) -> str:
        """Return the server's version, such as `v1.33.2`."""
        return str(self._call("GET", "/version")["gitVersion"])

    def knows(self, api_version: str, kind: str) -> bool:
        """Return whether the server has a kind."""
        return kind in self._plurals(api_version)

    def get(self, reference: Reference) -> Entry | None:
        """Return an object; None if there is none, or not even its kind."""
        if not self.knows(reference.api_version, reference.kind):
            return None
        found: Entry | None = self._call("GET", self._path(reference), absent=True)
        return found

    def find(
        self, api_version: str, kind: str, namespace: str, labels: Mapping[str, str] | None = None
    ) -> list[Entry]:
        """Return the objects of a kind in a namespace that have some labels."""
        if not self.knows(api_version, kind):
            return []
        path = self._path(Reference(api_version, kind, "", namespace))
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        answer = self._call("GET", path, query=[("labelSelector", selector)] if selector else [])
        return [{"apiVersion": api_version, "kind": kind, **each} for each in answer["items"]]

    def apply(self, entry: Entry, *, dry_run: bool = False) -> Entry:
        """Make the server's object have these fields, and own them; return it as it is then.

        Raises:
            ClusterError: If the server refuses it.
        """
        query = [("fieldManager", MANAGER), ("force", "true")]
        query += [("dryRun", "All")] if dry_run else []
        path = self._path(Reference.of(entry))
        return dict(self._call("PATCH", path, query, entry, APPLY))

    def merge(self, reference: Reference, fields: Entry) -> Entry:
        """Set some fields of an object that exists."""
        query = [("fieldManager", MANAGER)]
        return dict(self._call("PATCH", self._path(reference), query, fields, MERGE))

    def create(self, entry: Entry) -> Entry:
        """Make an object, which must not exist."""
        place = Reference.of(entry)
        collection = Reference(place.api_version, place.kind, "", place.namespace)
        query = [("fieldManager", MANAGER)]
        return dict(self._call("POST", self._path(collection), query, entry))

    def delete(self, reference: Reference) -> None:
        """Delete an object and what it owns; nothing if there is none."""
        if self.knows(reference.api_version, reference.kind):
            query = [("propagationPolicy", "Background")]
            self._call("DELETE", self._path(reference), query, absent=True)

    def pod_log(self, namespace: str, pod: str, container: str, num_lines: int) -> str:
        """Return the last lines that a container wrote."""
        path = self._path(Reference("v1", "Pod", pod, namespace)) + "/log"
        query = [("container", container), ("tailLines", str(num_lines))]
        return self._text("GET", path, query)

    def ask_service(self, namespace: str, service: str, path: str) -> str:
        """Return what a Kubernetes Service (`name:port`) answers, through the API server."""
        place = self._path(Reference("v1", "Service", service, namespace))
        return self._text("GET", f"{place}/proxy{path}")

    def _plurals(self, api_version: str) -> dict[str, str]:
        """Return the path segment of each kind, with `/` before it where it is namespaced.

        Empty where the server has no such API version.
        """
        if api_version not in self._kinds:
            root = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
            answer = self._call("GET", root, absent=True) or {"resources": []}
            self._kinds[api_version] = {
                each["kind"]: ("/" if each["namespaced"] else "") + each["name"]
                for each in answer["resources"]
                if "/" not in each["name"]
            }
        return self._kinds[api_version]

    def _path(self, reference: Reference) -> str:
        root = "/api/v1" if reference.api_version == "v1" else f"/apis/{reference.api_version}"
        plural = self._plurals(reference.api_version).get(reference.kind)
        if plural is None:
            raise ClusterError(
                f"the cluster knows no {reference.kind} of {reference.api_version}: see "
                "`lolomo cluster doctor` for what to install"
            )
        if plural.startswith("/"):
            root += f"/namespaces/{quote(reference.namespace or 'default')}"
        name = f"/{quote(reference.name)}" if reference.name else ""
        return f"{root}/{plural.lstrip('/')}{name}"

    def _call(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Entry | None = None,
        content_type: str = "application/json",
        *,
        absent: bool = False,
    ) -> Any:
        text = self._text(method, path, query, body, content_type, absent=absent)
        return json.loads(text) if text else None

    def _text(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Entry | None = None,
        content_type: str = "application/json",
        *,
        absent: bool = False,
    ) -> str:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            answer = self.client.call_api(
                path,
                method,
                query_params=list(query),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                response_type=None,
                _preload_content=False,
                _request_timeout=TIMEOUT_SECONDS,
            )
        except ApiException as error:
            if error.status == 404 and absent:
                return ""
            raise ClusterError(_refusal(method, path, error)) from error
        except HTTPError as error:
            raise ClusterError(
                f"the API server at {self.url} does not answer ({error}): check the kubeconfig's "
                "context and the network"
            ) from error
        response = answer[0] if isinstance(answer, tuple) else answer
        return bytes(response.data).decode()


def _refusal(method: str, path: str, error: Any) -> str:
    """Return the server's own words, without the client's headers around them."""
    body = error.body.decode() if isinstance(error.body, bytes) else error.body or ""
    try:
        said = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        said = body[:500] or error.reason
    return f"the API server refused {method} {path} ({error.status}): {said}"
