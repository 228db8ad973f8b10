"""A project with registered and signed models, whose runs git knows, and people who sign."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from pipelines.checkout import records_url
from pipelines.origin import snapshot_message
from records.canonical import sha256
from records.database import open_database, writing
from records.keys import write_key
from records.models import enter_model
from records.sign_off import Automatic
from records.signatures import Meaning, enter_key, sign
from release.policy import Policy
from tests.pipelines.signing import git
from tests.records.drafts import model

COMMIT = ("commit", "-q", "--allow-empty", "-m")
PROGRAM = "RadAssist <radassist@localhost>"
EARLY = datetime(2026, 1, 5, 9, tzinfo=UTC)


class Project:
    """John Roe writes the commits; Jane Doe signs, unless somebody else is named."""

    def __init__(self, root: Path) -> None:
        self.root = root
        git(root, "init", "-q", "-b", "main")
        git(root, *COMMIT, "The project")
        self.policy_file = root / "policy" / "rollout.yaml"
        self._registered = 0

    @property
    def engine(self) -> Engine:
        return open_database(records_url(self.root))

    def promise(self, policy: Policy) -> None:
        self.policy_file.parent.mkdir(exist_ok=True)
        self.policy_file.write_text(yaml.safe_dump(policy.model_dump(mode="json")))

    def register(
        self,
        name: str,
        *,
        triggered_by: str | Automatic = Automatic.SCHEDULE,
        signer: str | None = "Jane Doe",
        at: datetime = EARLY,
    ) -> str:
        """A model of the run R-NAME, registered in the minutes after `at`; the report is signed by `signer`."""
        self._registered += 1
        git(self.root, "checkout", "-q", "-b", f"runs/R-{name}", "main")
        git(self.root, *COMMIT, snapshot_message(f"R-{name}", triggered_by), author=PROGRAM)
        git(self.root, "checkout", "-q", "main")
        report, at = sha256(name), at + timedelta(minutes=self._registered)
        origin = model(
            name,
            run=f"R-{name}",
            report_sha256=report,
            registry_version=str(self._registered),
            weights_sha256=sha256(f"weights of {name}"),
            registered_at=at,
        )
        key = self.key(signer) if signer else None
        with writing(self.engine) as connection:
            enter_model(connection, origin)
            if key is not None:
                sign(connection, key, Meaning.APPROVED, report, "b" * 64, at)
        return name

    def key(self, name: str, *, demo: bool = False) -> Ed25519PrivateKey:
        key = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32))
        with writing(self.engine) as connection:
            enter_key(connection, key, name, "radiologist", EARLY, demo=demo)
        return key

    def key_file(self, name: str, *, demo: bool = False) -> Path:
        path = self.root / f"{name.split()[0].lower()}.pem"
        if not path.is_file():
            write_key(self.key(name, demo=demo), path)
        return path
