"""Predictions, reviews and where models came from: rows that are added, and neither changed nor removed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

GROWING = ("models", "studies", "reports", "predictions", "reviews", "comparisons")

OUTCOMES = """
CREATE VIEW outcomes AS
SELECT p.prediction, p.study, p.model, p.role, p.rollout, p.arm, p.weight, p.shadowed, p.drafted_at, p.seconds,
       p.error, p.confidence, p.findings, s.arrived_at, r.signed_at, r.reviewer, r.draft = p.prediction AS shown,
       r.reading_seconds, r.satisfaction, c.missed, c.false_alarms, c.words_changed, c.words_signed,
       c.words_changed * 1.0 / NULLIF(c.words_signed, 0) AS edit_rate, c.statistics
FROM predictions p
JOIN studies s ON s.study = p.study
LEFT JOIN reviews r ON r.study = p.study
LEFT JOIN comparisons c ON c.prediction = p.prediction
"""


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("weights_sha256", sa.String(64), nullable=False),
        sa.Column("git_commit", sa.String(40), nullable=False),
        sa.Column("data_md5", sa.String, nullable=False),
        sa.Column("dvc_lock_sha256", sa.String(64), nullable=False),
        sa.Column("gate_sha256", sa.String(64), nullable=False),
        sa.Column("report_sha256", sa.String(64)),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("mlflow_run", sa.String, nullable=False),
        sa.Column("registry_version", sa.String),
        sa.Column("registered_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "studies",
        sa.Column("study", sa.String(64), primary_key=True),
        sa.Column("patient", sa.String(64), nullable=False),
        sa.Column("arrived_at", sa.String(32), nullable=False, index=True),
        sa.Column("modality", sa.String),
        sa.Column("view", sa.String),
        sa.Column("device", sa.String),
        sa.Column("site", sa.String),
        sa.Column("age", sa.Integer),
        sa.Column("sex", sa.String),
    )
    op.create_table(
        "reports",
        sa.Column("report", sa.String(32), primary_key=True),
        sa.Column("study", sa.String(64), sa.ForeignKey("studies.study"), nullable=False, index=True),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("impression", sa.Text, nullable=False),
    )
    op.create_table(
        "predictions",
        sa.Column("prediction", sa.String(32), primary_key=True),
        sa.Column("study", sa.String(64), sa.ForeignKey("studies.study"), nullable=False),
        sa.Column("model", sa.String, sa.ForeignKey("models.model"), nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("rollout", sa.String, sa.ForeignKey("rollouts.id"), index=True),
        sa.Column("arm", sa.String, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("shadowed", sa.Boolean, nullable=False),
        sa.Column("drafted_at", sa.String(32), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("timings", sa.Text, nullable=False),
        sa.Column("error", sa.String),
        sa.Column("confidence", sa.Float),
        sa.Column("sentences", sa.Text, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("embedding", sa.LargeBinary),
        sa.Column("input_sha256", sa.String(64)),
        sa.Column("software", sa.Text, nullable=False),
        sa.UniqueConstraint("study", "model", "role"),
    )
    op.create_table(
        "reviews",
        sa.Column("study", sa.String(64), sa.ForeignKey("studies.study"), primary_key=True),
        sa.Column("draft", sa.String(32), sa.ForeignKey("predictions.prediction"), index=True),
        sa.Column("report", sa.String(32), sa.ForeignKey("reports.report"), nullable=False, unique=True),
        sa.Column("reviewer", sa.String(64), nullable=False),
        sa.Column("reading_seconds", sa.Float),
        sa.Column("satisfaction", sa.Integer),
        sa.Column("signed_at", sa.String(32), nullable=False, index=True),
    )
    op.create_table(
        "comparisons",
        sa.Column("prediction", sa.String(32), sa.ForeignKey("predictions.prediction"), primary_key=True),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("false_alarms", sa.Integer, nullable=False),
        sa.Column("words_changed", sa.Integer, nullable=False),
        sa.Column("words_signed", sa.Integer, nullable=False),
        sa.Column("statistics", sa.Text, nullable=False),
        sa.Column("compared_by", sa.String, nullable=False),
    )
    op.execute(OUTCOMES)
    if op.get_bind().dialect.name == "sqlite":  # elsewhere a role that may only select and insert says the same
        for table in GROWING:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} only grow'); END"
                )
