"""The one place that silences telemetry: reports and images are hospital data, so no tool of ours phones home."""

import os

QUIET: dict[str, str] = {
    "DO_NOT_TRACK": "true",  # evidently, huggingface_hub, mlflow, uv
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    "DVC_STUDIO_OFFLINE": "true",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
}


def quiet_environment() -> dict[str, str]:
    """This process's environment with every tool's telemetry off: for `subprocess` or `os.environ.update`."""
    return {**os.environ, **QUIET}
