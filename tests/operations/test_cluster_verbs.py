"""The verbs on a cluster, through the command line, against an API server at the HTTP transport."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result
from fake_cluster import FakeCluster, fake_cluster
from releases import store_with_releases

from lolomo.cli import lolomo
from lolomo.core.errors import LolomoError
from lolomo.core.release import Release
from lolomo.operations.cluster import Overlay

MANIFESTS = Path(__file__).parents[2] / "manifests"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Release]]:
    """A copy of the manifests, and a workspace with releases."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(MANIFESTS, folder / "manifests")
    return folder, store_with_releases(folder / "home" / "acme" / "releases")


@pytest.fixture(scope="module", autouse=True)
def rendered_once() -> Iterator[None]:
    """Render an overlay again only when its pins change; kustomize takes half a second."""
    rendered: dict[tuple[Path, str], list[dict[str, object]]] = {}
    render = Overlay.render

    def cached(overlay: Overlay) -> list[dict[str, object]]:
        key = overlay.folder, (overlay.folder / "releases.yaml").read_text()
        if key not in rendered:
            rendered[key] = render(overlay)
        return rendered[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Overlay, "render", cached)
        yield


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeCluster]:
    with fake_cluster(tmp_path) as running:
        yield running


@pytest.fixture
def overlay(site: tuple[Path, dict[str, Release]]) -> Iterator[Path]:
    folder = site[0] / "manifests" / "overlays" / "dev"
    before = (folder / "releases.yaml").read_text()
    yield folder
    (folder / "releases.yaml").write_text(before)
    (folder / "promotions.jsonl").unlink(missing_ok=True)


@pytest.fixture
def run(
    cluster: FakeCluster,
    overlay: Path,
    site: tuple[Path, dict[str, Release]],
    tmp_path: Path,
) -> Run:
    environment = {
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "LOLOMO_HOME": str(site[0] / "home"),
        "LOLOMO_DATASET": "acme",
        "LOLOMO_OVERLAY": str(overlay),
        "COLUMNS": "200",
    }

    def run(*arguments: str) -> Result:
        return CliRunner(env=environment).invoke(lolomo, arguments, catch_exceptions=True)

    return run


@pytest.fixture
def deployed(run: Run, cluster: FakeCluster) -> FakeCluster:
    assert run("deploy", "--yes", "--wait", "0").exit_code == 0
    cluster.make_ready()
    return cluster


def test_a_diff_changes_nothing(run: Run, cluster: FakeCluster) -> None:
    shown = run("deploy", "--diff").output
    assert "create  Deployment lolomo/page" in shown
    assert {method for method, _ in cluster.requests} == {"GET"}


def test_deploying_makes_every_object_after_what_it_stands_on(deployed: FakeCluster) -> None:
    applied = [path for method, path in deployed.requests if method == "PATCH"]
    assert "/namespaces/lolomo?" in applied[0]
    assert all("fieldManager=lolomo" in path for path in applied)
    assert deployed.names("InferenceService") >= {"top-picks", "next-play"}


def test_deploying_again_changes_nothing(run: Run, deployed: FakeCluster) -> None:
    again = run("deploy", "--yes")
    assert again.exit_code == 0, again.output
    words = {line.split()[0] for line in again.output.splitlines() if "/" in line.split()[-1]}
    assert "change" not in words
    assert "create" not in words


def test_a_diff_names_the_fields_that_somebody_changed(run: Run, deployed: FakeCluster) -> None:
    deployed.get("ConfigMap", "lolomo-settings")["data"]["LOLOMO_DATASET"] = "other"
    assert (
        "change  ConfigMap lolomo/lolomo-settings: data.LOLOMO_DATASET"
        in run("deploy", "--diff").output
    )


def test_without_a_yes_nothing_is_changed(run: Run, cluster: FakeCluster) -> None:
    result = run("deploy")
    assert isinstance(result.exception, SystemExit | click.Abort)
    assert cluster.objects == {}


def test_what_the_overlay_no_longer_has_is_pruned_and_disks_are_not(
    run: Run, deployed: FakeCluster
) -> None:
    inventory = deployed.get("ConfigMap", "inventory-dev")
    listed = json.loads(inventory["data"]["objects"])
    for kind, name in (("ConfigMap", "old-settings"), ("PersistentVolumeClaim", "old-disk")):
        metadata = {"name": name, "namespace": "lolomo"}
        deployed.put({"apiVersion": "v1", "kind": kind, "metadata": metadata})
        listed.append(["v1", kind, name, "lolomo"])
    inventory["data"]["objects"] = json.dumps(listed)
    assert "delete  ConfigMap lolomo/old-settings" in run("deploy", "--yes").output
    assert "old-settings" not in deployed.names("ConfigMap")
    assert "old-disk" in deployed.names("PersistentVolumeClaim")


def test_what_is_not_ready_is_named_with_its_warnings(run: Run, cluster: FakeCluster) -> None:
    run("deploy", "--yes", "--wait", "0")
    cluster.make_ready()
    cluster.get("Deployment", "page")["status"]["availableReplicas"] = 0
    pod = {"kind": "Pod", "name": "page-5d4f-abc"}
    cluster.put(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "page.1", "namespace": "lolomo"},
            "type": "Warning",
            "reason": "FailedScheduling",
            "message": "0/3 nodes are available",
            "involvedObject": pod,
        }
    )
    error = run("deploy", "--yes", "--wait", "0.01").exception
    assert isinstance(error, LolomoError)
    assert "Deployment lolomo/page: 0 of 1 replicas are available" in str(error)
    assert "Pod page-5d4f-abc: FailedScheduling: 0/3 nodes are available" in str(error)


def test_a_refusal_is_told_in_the_servers_own_words(run: Run, cluster: FakeCluster) -> None:
    cluster.refused["page"] = "image must come from our registry"
    error = run("deploy", "--yes").exception
    assert "image must come from our registry" in str(error)
    assert "(403)" in str(error)


def test_a_cluster_without_kserve_is_refused_before_anything_is_applied(
    run: Run, cluster: FakeCluster
) -> None:
    del cluster.kinds["serving.kserve.io/v1beta1"]
    error = run("deploy", "--yes").exception
    assert "does not know InferenceService (serving.kserve.io/v1beta1)" in str(error)
    assert cluster.objects == {}


def test_a_promotion_moves_the_storage_uri_and_a_rollback_moves_it_back(
    run: Run, deployed: FakeCluster, site: tuple[Path, dict[str, Release]]
) -> None:
    baseline, winner = (site[1][gate].digest for gate in ("baseline", "passed"))
    served = []
    for arguments in (("promote", "--release", baseline), ("promote", "--release", winner)):
        assert run(*arguments, "--task", "top_picks").exit_code == 0
        served.append(storage_uri(deployed, "top-picks"))
    assert run("rollback", "--task", "top_picks").exit_code == 0
    served.append(storage_uri(deployed, "top-picks"))
    assert [uri.rpartition("/")[2] for uri in served] == [baseline, winner, baseline]
    pins = deployed.get("ConfigMap", "releases")["data"]
    assert json.loads(pins["pins.json"]) == {"top_picks": baseline}


def storage_uri(cluster: FakeCluster, name: str) -> str:
    (container,) = cluster.get("InferenceService", name)["spec"]["predictor"]["containers"]
    (uri,) = (each["value"] for each in container["env"] if each["name"] == "STORAGE_URI")
    return str(uri)


def test_a_canary_reaches_the_pods_by_the_mounted_file(
    run: Run, deployed: FakeCluster, site: tuple[Path, dict[str, Release]]
) -> None:
    run("promote", "--task", "top_picks", "--release", site[1]["baseline"].digest)
    done = run("canary", "5", "--task", "top_picks", "--release", site[1]["passed"].digest)
    assert done.exit_code == 0, done.exception
    held = json.loads(deployed.get("ConfigMap", "releases")["data"]["canaries.json"])
    assert held["top_picks"]["percent"] == 5
    assert storage_uri(deployed, "top-picks").endswith(site[1]["baseline"].digest)


def test_a_promotion_can_be_left_to_git(
    run: Run, cluster: FakeCluster, overlay: Path, site: tuple[Path, dict[str, Release]]
) -> None:
    git = ["git", "-C", str(overlay), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for key, value in (("user.name", "t"), ("user.email", "t@localhost")):
        subprocess.run([*git, "config", key, value], check=True)
    try:
        digest = site[1]["passed"].digest
        done = run("promote", "--task", "top_picks", "--release", digest, "--commit")
        assert done.exit_code == 0, done.exception
        shown = subprocess.check_output([*git, "show", "--stat", "--format=%s"], text=True)
    finally:
        shutil.rmtree(overlay / ".git")
    assert f"promote top_picks {digest[:12]}" in shown
    assert {"releases.yaml", "promotions.jsonl"} <= set(shown.replace("|", " ").split())
    assert cluster.objects == {}


def test_a_pin_edited_by_hand_is_noticed(run: Run, overlay: Path) -> None:
    path = overlay / "releases.yaml"
    entry = yaml.safe_load(path.read_text())
    entry["data"]["top_picks"] = "a" * 64
    path.write_text(yaml.safe_dump(entry))
    assert "was edited by hand" in str(run("deploy", "--yes").exception)


def test_the_status_is_what_the_cluster_runs(
    run: Run, deployed: FakeCluster, site: tuple[Path, dict[str, Release]]
) -> None:
    run("promote", "--task", "top_picks", "--release", site[1]["baseline"].digest)
    metadata = {"name": "top-picks-predictor", "namespace": "lolomo"}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    deployed.put({**deployment, "spec": {"replicas": 3}}, readyReplicas=2)
    rows = {row["task"]: row for row in json.loads(run("status", "--json").output)}
    picks = rows["top_picks"]
    assert (picks["replicas"], picks["ready"], picks["gate"]) == (3, 2, "baseline")
    assert rows["next_play"]["release"] == ""
    assert "top_picks" in run("status").output


def test_traffic_and_p99_come_from_prometheus_through_the_api_server(
    run: Run, deployed: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOLOMO_PROMETHEUS", "monitoring/prometheus:9090")
    path = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"
    result = [{"metric": {"job": "page"}, "value": [0, "12.5"]}]
    deployed.texts[path] = json.dumps({"data": {"result": result}})
    (front, *_) = json.loads(run("status", "--json").output)
    assert (front["traffic"], front["p99_milliseconds"]) == (12.5, 12.5)


def test_a_schedule_stays_when_the_overlay_is_applied_again(
    run: Run, deployed: FakeCluster
) -> None:
    run("pipelines", "schedule", "--task", "top_picks", "--cron", "5 3 * * *")
    assert run("deploy", "--yes", "--wait", "0").exit_code == 0
    spec = deployed.get("CronJob", "train-top-picks")["spec"]
    assert (spec["schedule"], spec["suspend"]) == ("5 3 * * *", False)
    run("pipelines", "schedule", "--task", "top_picks", "--off")
    assert deployed.get("CronJob", "train-top-picks")["spec"]["suspend"] is True


def test_a_launch_is_a_job_of_the_tasks_cron_job(
    run: Run, deployed: FakeCluster, overlay: Path
) -> None:
    done = run("pipelines", "submit", "--task", "top_picks", "--overlay", str(overlay))
    (job,) = deployed.names("Job")
    assert done.output == f"launched {job}\n"
    (container,) = deployed.get("Job", job)["spec"]["template"]["spec"]["containers"]
    assert container["command"][-1] == "top_picks"


def test_runs_are_seen_and_read_by_their_pods(run: Run, deployed: FakeCluster) -> None:
    for name, phase in (("run-a-1", "Succeeded"), ("run-a-2", "Failed")):
        labels = {"pipeline/runid": "run-a"}
        metadata = {"name": name, "namespace": "lolomo", "labels": labels}
        deployed.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata}, phase=phase)
        path = f"/api/v1/namespaces/lolomo/pods/{name}/log"
        deployed.texts[path] = f"{name} says so"
    (row,) = json.loads(run("pipelines", "status", "--json").output)
    assert (row["name"], row["state"]) == ("run-a", "Failed")
    assert "run-a-2 says so" in run("pipelines", "logs", "run-a").output
    assert "no pod of 'run-b'" in str(run("pipelines", "logs", "run-b").exception)


def test_the_doctor_says_what_is_missing_and_how_to_get_it(run: Run, cluster: FakeCluster) -> None:
    del cluster.kinds["pipelines.kubeflow.org/v2beta1"]
    metadata = {"name": "kserve-controller-manager", "namespace": "kserve"}
    image = {"name": "manager", "image": "kserve/kserve-controller:v0.15.2"}
    spec = {"template": {"spec": {"containers": [image]}}}
    manager = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    cluster.put({**manager, "spec": spec})
    result = run("cluster", "doctor", "--json")
    found = {each["part"]: each for each in json.loads(result.output)}
    assert (found["KServe"]["verdict"], found["KServe"]["version"]) == ("old", "v0.15.2")
    assert found["Kubeflow Pipelines"]["verdict"] == "missing"
    assert found["KEDA"]["verdict"] == "not installed"
    assert all(each["advice"] for each in found.values() if each["verdict"] != "good")
    assert isinstance(result.exception, LolomoError)


def test_a_cluster_that_does_not_answer_is_said_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    config = yaml.safe_load(path.read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    path.write_text(yaml.safe_dump(config))
    assert "does not answer" in str(run("cluster", "doctor").exception)


def test_the_images_to_mirror_are_those_of_every_pod_and_step(run: Run) -> None:
    overlay = MANIFESTS / "overlays" / "production"
    listed = json.loads(run("cluster", "images", "--overlay", str(overlay), "--json").output)
    found = {each["name"].partition("@")[0]: each for each in listed}
    assert set(found) >= {"lolomo/serving", "lolomo/features", "lolomo/training-cuda", "redis"}
    assert "StatefulSet redis" in found["redis"]["used_by"]
    assert not any(each["is_pinned"] for each in listed)
