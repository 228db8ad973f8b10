"""The local Airflow's folder, var/airflow: its configuration, the secrets made for this install, its password."""

import base64
import configparser
import io
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

USER = "admin"
POOLS = {"dvc": "DVC stages, one at a time", "gpu": "stages that ask for the GPU, one at a time"}


@dataclass(frozen=True, slots=True)
class AirflowHome:
    """The paths in var/airflow of a checkout."""

    root: Path

    @property
    def path(self) -> Path:
        return self.root / "var" / "airflow"

    @property
    def config(self) -> Path:
        return self.path / "airflow.cfg"

    @property
    def passwords(self) -> Path:
        return self.path / "passwords.json"

    def password(self) -> str:
        """The password of USER."""
        return str(json.loads(self.passwords.read_text())[USER])

    def write(self, port: int) -> None:
        """Write the configuration for an API server on this port. Secrets and password are made once, then kept."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.passwords.is_file():
            _write_private(self.passwords, json.dumps({USER: secrets.token_urlsafe(18)}))
        before = configparser.RawConfigParser()
        before.read(self.config)
        fernet = base64.urlsafe_b64encode(os.urandom(32)).decode()
        address = f"http://127.0.0.1:{port}"
        settings: dict[str, dict[str, object]] = {
            "core": {
                "dags_folder": self.root / "dags",
                "executor": "LocalExecutor",
                "parallelism": 4,
                "load_examples": False,
                "simple_auth_manager_users": f"{USER}:admin",
                "simple_auth_manager_passwords_file": self.passwords,
                "execution_api_server_url": f"{address}/execution/",
                "fernet_key": before.get("core", "fernet_key", fallback=fernet),
            },
            "database": {"sql_alchemy_conn": f"sqlite:///{self.path}/airflow.db"},
            "api": {
                "host": "127.0.0.1",
                "port": port,
                "base_url": address,
                "workers": 1,
                "secret_key": before.get("api", "secret_key", fallback=secrets.token_urlsafe(32)),
            },
            "api_auth": {"jwt_secret": before.get("api_auth", "jwt_secret", fallback=secrets.token_urlsafe(64))},
            "dag_processor": {  # a parse costs CPU that the stages want
                "parsing_processes": 1,
                "refresh_interval": 60,
                "min_file_process_interval": 60,
            },
            "workers": {"execution_api_timeout": 60},  # seconds; on a busy machine the first answers are slow
            "scheduler": {"task_instance_heartbeat_timeout": 60},  # seconds until a killed task is tried again
            "logging": {"base_log_folder": self.path / "logs"},
        }
        after = configparser.RawConfigParser()
        for name, section in settings.items():  # Airflow reads a lone % as the start of a reference
            after[name] = {key: str(value).replace("%", "%%") for key, value in section.items()}
        text = io.StringIO()
        after.write(text)
        _write_private(self.config, text.getvalue())


def _write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, not even for a moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
