"""The Kubernetes manifests: what kustomize makes of the example, held against the API's own schemas."""

import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from console.cli.configs import kind_of, model_of
from precache.config import load
from tests.services.kustomize import program

pytestmark = pytest.mark.more

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "deploy" / "kubernetes" / "example"
VERSIONS = ("1.30", "1.37")
PARTS = ("bridge", "processor", "keeper", "web")
Document = dict[str, Any]


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    done = subprocess.run([program(), "build", str(EXAMPLE)], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


def of(documents: list[Document], kind: str) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in documents if each["kind"] == kind}


def workloads(documents: list[Document]) -> dict[str, Document]:
    return of(documents, "StatefulSet") | of(documents, "Deployment")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_takes_each_document(documents: list[Document], version: str) -> None:
    assert len(documents) > 20
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_mistake_is_found(documents: list[Document], version: str) -> None:
    wrong = workloads(documents)["precache-bridge"] | {"spec": {"replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_no_pod_has_more_rights_than_it_needs(documents: list[Document]) -> None:
    found = workloads(documents)
    assert set(found) == {f"precache-{part}" for part in PARTS}
    for workload in found.values():
        pod = workload["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"livenessProbe", "readinessProbe", "startupProbe", "resources"} <= set(container)
        assert container["image"].startswith("registry.example.org/nova-precache:")


def test_each_has_a_disruption_budget_a_service_and_a_policy_that_select_it(documents: list[Document]) -> None:
    budgets, services = of(documents, "PodDisruptionBudget"), of(documents, "Service")
    [policy] = of(documents, "NetworkPolicy").values()
    for name, workload in workloads(documents).items():
        labels = workload["spec"]["template"]["metadata"]["labels"].items()
        selectors = [
            budgets[name]["spec"]["selector"]["matchLabels"],
            services[name]["spec"]["selector"],
            policy["spec"]["podSelector"]["matchLabels"],
            workload["spec"]["selector"]["matchLabels"],
        ]
        assert all(selector.items() <= labels for selector in selectors)


def test_no_secret_is_outside_a_secret(documents: list[Document]) -> None:
    text = yaml.safe_dump_all(each for each in documents if each["kind"] != "Secret")
    assert "change-me" not in text
    assert all("env" not in str(each.get("stringData", "")) for each in documents)


@pytest.mark.parametrize("part", PARTS)
def test_the_example_file_has_no_fault_and_its_secrets_are_mounted(
    documents: list[Document], part: str, tmp_path: Path
) -> None:
    pod = workloads(documents)[f"precache-{part}"]["spec"]["template"]["spec"]
    volumes = {each["name"]: each for each in pod["volumes"]}
    [file] = of(documents, "ConfigMap")[volumes["config"]["configMap"]["name"]]["data"].items()
    secrets = of(documents, "Secret")[volumes["secrets"]["secret"]["secretName"]]["data"]
    for name in secrets:
        (tmp_path / name).write_bytes((EXAMPLE / "secrets" / name).read_bytes())
    (tmp_path / file[0]).write_text(file[1].replace("/run/secrets", str(tmp_path)))
    path = tmp_path / file[0]
    config: Any = load(path, model_of(kind_of(path)))
    [container] = pod["containers"]
    assert container["args"] == [{"keeper": "keep"}.get(part, part), "--config", f"/etc/precache/{file[0]}"]
    listen = config.listen if part == "web" else config.http.listen
    assert listen == ("0.0.0.0", container["ports"][0]["containerPort"])
    if part == "keeper":
        assert container["env"] == [{"name": "OS_CLIENT_CONFIG_FILE", "value": "/run/secrets/clouds.yaml"}]
        assert "clouds.yaml" in secrets
