"""A cluster's API, by way of Kubernetes' own client: a few verbs for any kind of resource, and errors that help."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from estafet.errors import ConfigError, ServiceUnavailable
from serving.targets.cluster.refusals import Refused, as_ours

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

FIELD_MANAGER = "estafet"
"""In whose name fields are set, so that others (an autoscaler, a person) may own other fields of the same resource."""
TIMEOUT_S = 20
RETRY_S = 30
"""How long a request is repeated that the cluster does not answer."""
WAIT_S = 1.0
PASSING_STATUS = (429, 500, 502, 503, 504)
IN_A_POD = "KUBERNETES_SERVICE_HOST"
PATHS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Service": "/api/v1/namespaces/{}/services",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "InferenceService": "/apis/serving.kserve.io/v1beta1/namespaces/{}/inferenceservices",
}
Resource = dict[str, Any]


class Cluster:
    """One namespace of a cluster.

    Attributes:
        namespace: The namespace.
    """

    def __init__(self, client: ApiClient, namespace: str):
        """Speak through `client`."""
        self.namespace, self._client = namespace, client

    @property
    def host(self) -> str:
        """The API server's URL."""
        return self._client.configuration.host

    def get(self, kind: str, name: str) -> Resource | None:
        """Return a resource, or None where there is none."""
        try:
            return self._ask("GET", self._path(kind, name))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise as_ours(refused, self.namespace) from refused

    def list(self, kind: str, labels: Mapping[str, str]) -> list[Resource]:
        """Return the resources that have these labels."""
        wanted = ",".join(f"{key}={value}" for key, value in labels.items())
        return self._asked("GET", self._path(kind), {"labelSelector": wanted})["items"]

    def apply(self, manifest: Resource) -> Resource:
        """Set what a manifest says of a resource, which is made where it is missing, and leave the rest to others."""
        path = self._path(manifest["kind"], manifest["metadata"]["name"])
        how = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return self._asked("PATCH", path, how, manifest, content_type="application/apply-patch+yaml")

    def create(self, manifest: Resource) -> Resource | None:
        """Make a resource, or return None where it is there."""
        return self._unless_changed("POST", self._path(manifest["kind"]), manifest)

    def replace(self, resource: Resource) -> Resource | None:
        """Write a resource as it was read and changed, or return None where another one has changed it since."""
        return self._unless_changed("PUT", self._path(resource["kind"], resource["metadata"]["name"]), resource)

    def delete(self, kind: str, name: str) -> None:
        """Remove a resource and what belongs to it; nothing where it is gone."""
        try:
            self._ask("DELETE", self._path(kind, name), {"propagationPolicy": "Background"})
        except Refused as refused:
            if refused.status != 404:
                raise as_ours(refused, self.namespace) from refused

    def has(self, path: str) -> bool:
        """Whether the API has a path, such as that of a group of resources."""
        try:
            self._ask("GET", path)
        except Refused as refused:
            if refused.status == 404:
                return False
            raise as_ours(refused, self.namespace) from refused
        return True

    def ask_pod(self, pod: str, port: int, path: str, body: object = None) -> tuple[int, str]:
        """Ask a pod over HTTP by way of the API, which reaches it from wherever the API is reached.

        Returns:
            The answer's status and text; the status is 503 where the pod does not answer.

        Raises:
            ConfigError: It may not be asked.
        """
        where = f"{self._path('Pod', f'{pod}:{port}')}/proxy{path}"
        try:
            method = "GET" if body is None else "POST"
            return 200, self._ask(method, where, body=body, retries=False, as_text=True)
        except ServiceUnavailable as error:
            return 503, error.message
        except Refused as refused:
            if refused.status in (401, 403) and refused.is_kubernetes:
                raise as_ours(refused, self.namespace) from refused
            return refused.status, refused.message

    def _path(self, kind: str, name: str = "") -> str:
        return PATHS[kind].format(self.namespace) + (f"/{quote(name, safe=':')}" if name else "")

    def _asked(self, *arguments: Any, **named: Any) -> Any:
        try:
            return self._ask(*arguments, **named)
        except Refused as refused:
            raise as_ours(refused, self.namespace) from refused

    def _unless_changed(self, method: str, path: str, resource: Resource) -> Resource | None:
        try:
            return self._ask(method, path, {"fieldManager": FIELD_MANAGER}, resource)
        except Refused as refused:
            if refused.status == 409:
                return None
            raise as_ours(refused, self.namespace) from refused

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        content_type: str = "application/json",
        retries: bool = True,
        as_text: bool = False,
    ) -> Any:
        """Ask, again for a while where no answer comes; all requests here may be made twice."""
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        url = path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "*/*" if as_text else "application/json", "Content-Type": content_type}
        deadline = time.monotonic() + (RETRY_S if retries else 0)
        while True:
            try:
                answer = self._client.call_api(
                    url, method, header_params=headers, body=body, auth_settings=["BearerToken"],
                    _preload_content=False, _return_http_data_only=True, _request_timeout=TIMEOUT_S,
                )  # fmt: skip
                text = answer.data.decode(errors="replace")
                return text if as_text else json.loads(text)
            except ApiException as error:
                refused = Refused.of(error, method, path)
                if error.status not in PASSING_STATUS or time.monotonic() >= deadline:
                    raise refused from error
            except (HTTPError, OSError) as error:
                if time.monotonic() >= deadline:
                    raise self._away(error) from error
            time.sleep(WAIT_S)

    def _away(self, error: Exception) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"the cluster at {self.host} does not answer: {getattr(error, 'reason', None) or error}.",
            hint="look whether `kubectl cluster-info` gets an answer; deploy.servers.context chooses another cluster.",
        )


def connect(context: str | None, namespace: str) -> Cluster:
    """Return a cluster: the one that this pod runs in, or one of the kubeconfig.

    Raises:
        ConfigError: The client is not installed, or no cluster is configured.
    """
    try:
        from kubernetes import client, config
    except ModuleNotFoundError as error:
        raise ConfigError(
            "a cluster's servers need the package kubernetes, which is not installed.",
            hint="pip install 'estafet[pipelines]'",
        ) from error
    settings = client.Configuration()
    settings.retries = False
    try:
        if context is None and os.environ.get(IN_A_POD):
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(context=context, client_configuration=settings)
    except (config.ConfigException, OSError, ValueError) as error:
        raise ConfigError(
            f"no cluster can be used: {str(error).rstrip('.')}.",
            hint="`kubectl config get-contexts` lists what there is; KUBECONFIG names the file, and "
            "deploy.servers.context a context in it.",
        ) from error
    return Cluster(client.ApiClient(settings), namespace)
