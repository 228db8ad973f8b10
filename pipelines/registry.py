"""The model registry: one version for the same weights, which says who signed it off; `challenger` is the last one."""

from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from model.artefact import Artefact, copy_without
from pipelines.evidence.identity import MODEL_NAME
from records.signatures import Signature

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "challenger"


def registered(
    client: "MlflowClient", artefact: Artefact, mlflow_run_id: str, tags: dict[str, str], signed: Signature
) -> str:
    """The version of the model in the registry, made where these weights have none; `challenger` points at it.

    It has the variants that the tag `model.variants` names. The run and the version say who signed it off.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    same = client.search_model_versions(f"name = '{MODEL_NAME}' and tags.`model.sha256` = '{tags['model.sha256']}'")
    if same:
        version = str(same[0].version)
    else:
        try:
            client.create_registered_model(MODEL_NAME)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        left_out = set(artefact.variants) - set(tags["model.variants"].split(","))
        with TemporaryDirectory() as folder:
            copy_without(artefact, left_out, Path(folder))
            mlflow.log_artifacts(folder, "model", run_id=mlflow_run_id)
        made = client.create_model_version(MODEL_NAME, f"runs:/{mlflow_run_id}/model", mlflow_run_id, tags)
        version = str(made.version)
    for name, value in sign_off_tags(signed).items():
        client.set_tag(mlflow_run_id, name, value)
        client.set_model_version_tag(MODEL_NAME, version, name, value)
    client.update_model_version(MODEL_NAME, version, description_of(signed))
    client.set_registered_model_alias(MODEL_NAME, ALIAS, version)
    return version


def sign_off_tags(signed: Signature) -> dict[str, str]:
    said = signed.statement
    return {
        "sign_off.by": said.signer.name,
        "sign_off.at": said.signed_at.astimezone(UTC).isoformat(),
        "sign_off.entry": str(signed.seq),
        "sign_off.report_sha256": said.report_sha256,
        "sign_off.demo": str(said.signer.demo).lower(),
    }


def description_of(signed: Signature) -> str:
    report = f"validation report sha256 {signed.statement.report_sha256}"
    return f"{report}: {signed.statement.words}, in entry {signed.seq} of the ledger"
