"""Every rendered object against the published schema of its kind.

Kubernetes kinds: the strict schemas of `kubernetes-validate`. KServe kinds: a schema made from the
models of the `kserve` package, whose sources are read rather than imported (that takes 8 s and
parses `sys.argv`); the Kubernetes types within them refer to the same strict schemas. Pipelines:
the fields of their published custom resource definitions, which no package has. Feast, KEDA, the
Gateway API, the Prometheus operator and Kueue: `published_kinds`, typed models of our own.
"""

import ast
import importlib.util
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from published_kinds import PUBLISHED, published_problems
from referencing import Registry, Resource

FOLDERS = [
    *("base", "features", "training", "serving", "observability"),
    *("overlays/dev", "overlays/gpu", "overlays/production"),
    # What `production` has not.
    *("components/auth", "components/feast-ray", "components/ingress", "components/multi-worker"),
]
KUBERNETES = ("1.31", "1.37")
"""The oldest and the newest that the manifests are for."""
KSERVE_KINDS = {
    ("serving.kserve.io/v1beta1", "InferenceService"): "V1beta1InferenceService",
    ("serving.kserve.io/v1alpha1", "InferenceGraph"): "V1alpha1InferenceGraph",
    ("serving.kserve.io/v1alpha1", "ServingRuntime"): "V1alpha1ServingRuntime",
}
PIPELINE_FIELDS = {
    "Pipeline": {"description", "displayName"},
    "PipelineVersion": {
        *("codeSourceURL", "description", "displayName"),
        *("pipelineName", "pipelineSpec", "pipelineSpecURI", "platformSpec"),
    },
}
PIPELINES = "pipelines.kubeflow.org/v2beta1"
SCALARS = {"str": "string", "int": "integer", "bool": "boolean"}
REFUSED: dict[str, Any] = {"not": {}}
"""The schema of a type that neither package describes, such as those of `status`."""
Render = Callable[[str], list[dict[str, Any]]]


def package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def kubernetes_schemas(version: str) -> Path:
    schemas = package("kubernetes_validate") / "kubernetes-json-schema"
    return schemas / f"v{version}.0-local-strict"


@cache
def kubernetes_registry(version: str = KUBERNETES[-1]) -> Registry[Any]:
    file = kubernetes_schemas(version) / "_definitions.json"
    return Resource.from_contents(json.loads(file.read_text())) @ Registry()


@cache
def kubernetes_validator(api_version: str, kind: str, version: str) -> Draft202012Validator | None:
    """Return a validator of a kind, or None if that version has none of it."""
    group, _, name = api_version.rpartition("/")
    parts = [kind.lower(), group.partition(".")[0], name]
    file = kubernetes_schemas(version) / ("-".join(filter(None, parts)) + ".json")
    if not file.exists():
        return None
    return Draft202012Validator(json.loads(file.read_text()), registry=kubernetes_registry(version))


@cache
def kubernetes_types() -> dict[str, str]:
    """Return the name of each definition by the name that the `kserve` models use for it."""
    (uri,) = kubernetes_registry()
    definitions = kubernetes_registry().contents(uri)["$defs"]
    short = {name.replace("io.k8s.api.core.v1.", "V1"): name for name in definitions}
    return short | {
        "V1ObjectMeta": "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
        "ResourceQuantity": "io.k8s.apimachinery.pkg.api.resource.Quantity",
        "K8sIoApiAppsV1DeploymentStrategy": "io.k8s.api.apps.v1.DeploymentStrategy",
    }


@cache
def kserve_models() -> dict[str, ast.ClassDef]:
    files = (package("kserve") / "models").glob("v1*.py")
    trees = [ast.parse(file.read_text()) for file in files]
    return {
        node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)
    }


def type_schema(name: str) -> dict[str, Any]:
    """Return the schema of a type as the models write it: `str`, `list[X]`, `dict(str, X)`, `X`."""
    if nested := re.fullmatch(r"list\[(.*)\]", name):
        return {"type": "array", "items": type_schema(nested[1])}
    if nested := re.fullmatch(r"dict\(str, (.*)\)", name):
        return {"type": "object", "additionalProperties": type_schema(nested[1])}
    if name in SCALARS:
        return {"type": SCALARS[name]}
    if name in kserve_models():
        return {"$ref": f"#/$defs/{name}"}
    if name in kubernetes_types():
        return {"$ref": f"{next(iter(kubernetes_registry()))}#/$defs/{kubernetes_types()[name]}"}
    return REFUSED


def model_schema(model: ast.ClassDef) -> dict[str, Any]:
    """Return the schema of a model: its fields, no others, and those that must not be None."""
    tables = {
        target.id: ast.literal_eval(node.value)
        for node in model.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    fields = tables["attribute_map"]
    required = re.findall(r"Invalid value for `(\w+)`, must not be `None`", ast.unparse(model))
    return {
        "type": "object",
        "properties": {
            fields[name]: type_schema(kind) for name, kind in tables["openapi_types"].items()
        },
        "required": sorted({fields[name] for name in required}),
        "additionalProperties": False,
    }


def referenced(schema: Any) -> set[str]:
    return set(re.findall(r"#/\$defs/(V1(?:alpha|beta)\w+)", json.dumps(schema)))


@cache
def kserve_validator(name: str) -> Draft202012Validator:
    """Return a validator of a model and of all that it refers to."""
    definitions: dict[str, Any] = {}
    missing = {name}
    while missing:
        definitions |= {model: model_schema(kserve_models()[model]) for model in missing}
        missing = referenced(definitions) - definitions.keys()
    schema = {"$defs": definitions, "$ref": f"#/$defs/{name}"}
    return Draft202012Validator(schema, registry=kubernetes_registry())


def pipeline_problems(entry: dict[str, Any]) -> list[str]:
    unknown = entry["spec"].keys() - PIPELINE_FIELDS[entry["kind"]]
    wrong = [f"'{field}' was unexpected" for field in sorted(unknown)]
    needed = {"pipelineName", "pipelineSpec"} & PIPELINE_FIELDS[entry["kind"]]
    return wrong + [f"'{field}' is a required property" for field in needed - entry["spec"].keys()]


def problems(entry: dict[str, Any]) -> list[str]:
    """Return what is wrong with an object, by its own schema."""
    api_version, kind = entry["apiVersion"], entry["kind"]
    if api_version == PIPELINES:
        return pipeline_problems(entry)
    if (api_version, kind) in PUBLISHED:
        return published_problems(entry)
    model = KSERVE_KINDS.get((api_version, kind))
    if model is not None:
        validators = [kserve_validator(model)]
    else:
        found = [kubernetes_validator(api_version, kind, version) for version in KUBERNETES]
        validators = [validator for validator in found if validator is not None]
        if len(validators) < len(found):
            return [f"no published schema of {api_version} {kind}"]
    errors = (error for validator in validators for error in validator.iter_errors(entry))
    return [f"{error.json_path}: {error.message}" for error in errors]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_is_of_its_published_schema(folder: str, render: Render) -> None:
    found = {
        f"{entry['kind']} {entry['metadata']['name']}": problems(entry) for entry in render(folder)
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def inference_service(**predictor: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "page"},
        "spec": {"predictor": predictor},
    }


def inference_graph(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "InferenceGraph",
        "metadata": {"name": "page"},
        "spec": spec,
    }


BROKEN = {
    "an unknown field of a predictor": (inference_service(replicas=2), "'replicas' was unexpected"),
    "an unknown field of a container": (
        inference_service(containers=[{"name": "kserve-container", "imagee": "x"}]),
        "'imagee' was unexpected",
    ),
    "a container without a name": (
        inference_service(containers=[{"image": "x"}]),
        "'name' is a required",
    ),
    "text for a number": (inference_service(minReplicas="two"), "'two' is not of type 'integer'"),
    "a graph without nodes": (inference_graph(), "'nodes' is a required property"),
    "an unknown field of a step": (
        inference_graph(nodes={"root": {"routerType": "Sequence", "steps": [{"url": "x"}]}}),
        "'url' was unexpected",
    ),
    "a pipeline version without its pipeline": (
        {"apiVersion": PIPELINES, "kind": "PipelineVersion", "spec": {"pipelineName": "lolomo"}},
        "'pipelineSpec' is a required property",
    ),
    "an unknown kind": (
        {"apiVersion": "v1", "kind": "Pot", "metadata": {"name": "x"}},
        "schema of v1 Pot",
    ),
}


@pytest.mark.parametrize(("entry", "expected"), BROKEN.values(), ids=BROKEN)
def test_the_schemas_refuse(entry: dict[str, Any], expected: str) -> None:
    assert any(expected in problem for problem in problems(entry))
