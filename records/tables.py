"""The tables as they stand after the last migration."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from records.columns import CanonicalJson, Moment

metadata = MetaData()
views = MetaData()  # what is computed from the tables

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 ... without a gap
    Column("key", String, nullable=False, unique=True),  # of idempotency: what happened once is entered once
    Column("kind", String, nullable=False),
    Column("entry", Text, nullable=False),  # canonical JSON, as it was hashed
    Column("prev_sha256", String(64), nullable=False, unique=True),  # unique: no entry has two successors
    Column("sha256", String(64), nullable=False, unique=True),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String, primary_key=True),
    Column("revision", Integer, nullable=False),  # who changes a row names the revision that they read
    Column("open", Boolean, unique=True),  # true, or null where it has ended: one rollout is open at a time
    Column("phase", String, nullable=False),
    Column("step", Integer, nullable=False),  # -1 is shadow
    Column("weight", Float, nullable=False),  # the candidate's share of live studies, as routers read it
    Column("candidate", String, nullable=False),
    Column("champion", String),
    Column("makers", JSON, nullable=False),  # names, as runs are triggered and commits written under
    Column("held_by", String),
    Column("started_at", String, nullable=False),  # ISO 8601, UTC
    Column("since", String, nullable=False),
    Column("policy", Text, nullable=False),  # canonical JSON, as it was promised
    Column("policy_sha256", String(64), nullable=False),
    Column("salt", String(64), nullable=False),  # 32 bytes in hexadecimal digits: who knows it knows each study's arm
)

# What follows is added, and neither changed nor removed. Ids of studies, patients and reviewers are pseudonyms.

models = Table(
    "models",
    metadata,
    Column("model", String, primary_key=True),  # the version's name, as predictions and rollouts have it
    Column("weights_sha256", String(64), nullable=False),
    Column("git_commit", String(40), nullable=False),  # of the run's branch when it was registered
    Column("data_md5", String, nullable=False),  # of data.dvc
    Column("dvc_lock_sha256", String(64), nullable=False),
    Column("gate_sha256", String(64), nullable=False),  # of verdict.json
    Column("report_sha256", String(64)),  # of the validation report
    Column("run", String, nullable=False),  # ID of the branch runs/ID, where it has one
    Column("mlflow_run", String, nullable=False),
    Column("registry_version", String),
    Column("registered_at", Moment, nullable=False),
)

studies = Table(
    "studies",
    metadata,
    Column("study", String(64), primary_key=True),
    Column("patient", String(64), nullable=False),
    Column("arrived_at", Moment, nullable=False, index=True),
    Column("modality", String),
    Column("view", String),
    Column("device", String),
    Column("site", String),
    Column("age", Integer),  # years, 90 for all from 90 on
    Column("sex", String),
)

reports = Table(  # the only place of a report's text
    "reports",
    metadata,
    Column("report", String(32), primary_key=True),
    Column("study", ForeignKey("studies.study"), nullable=False, index=True),
    Column("findings", Text, nullable=False),
    Column("impression", Text, nullable=False),
)

predictions = Table(  # what a model made of a study, and how; no text of it, and never a pixel
    "predictions",
    metadata,
    Column("prediction", String(32), primary_key=True),  # the report that was drafted has the same id
    Column("study", ForeignKey("studies.study"), nullable=False),
    Column("model", ForeignKey("models.model"), nullable=False),
    Column("role", String, nullable=False),  # live or shadow
    Column("rollout", ForeignKey("rollouts.id"), index=True),  # null where none was open
    Column("arm", String, nullable=False),  # to which the study was sent: candidate or champion
    Column("weight", Float, nullable=False),  # the candidate's share of the studies at that time
    Column("shadowed", Boolean, nullable=False),  # the candidate was asked to draft beside it
    Column("drafted_at", Moment, nullable=False),
    Column("seconds", Float, nullable=False),  # from the study's arrival
    Column("timings", CanonicalJson, nullable=False),  # of each step: seconds
    Column("error", String),  # why there is no draft
    Column("confidence", Float),
    Column("sentences", CanonicalJson, nullable=False),
    Column("findings", CanonicalJson, nullable=False),  # observation: 1, 0 or -1, as CheXpert's labels
    Column("words", CanonicalJson, nullable=False),  # statistics of the text
    Column("image", CanonicalJson, nullable=False),  # statistics of the image
    Column("embedding", LargeBinary),  # the encoder's pooled features: float16, little endian
    Column("input_sha256", String(64)),
    Column("software", CanonicalJson, nullable=False),  # name: version
    Column("gpu_use", Float),  # 0 to 1; null on a CPU
    UniqueConstraint("study", "model", "role"),
)

reviews = Table(  # a study's report as it was signed first
    "reviews",
    metadata,
    Column("study", ForeignKey("studies.study"), primary_key=True),
    Column("draft", ForeignKey("predictions.prediction"), index=True),  # that was read; null where there was none
    Column("report", ForeignKey("reports.report"), nullable=False, unique=True),
    Column("reviewer", String(64), nullable=False),
    Column("reading_seconds", Float),
    Column("satisfaction", Integer),  # 1 to 5
    Column("signed_at", Moment, nullable=False, index=True),
)

comparisons = Table(  # a draft against the signed report
    "comparisons",
    metadata,
    Column("prediction", ForeignKey("predictions.prediction"), primary_key=True),
    Column("missed", Integer, nullable=False),  # findings of the signed report that the draft has not
    Column("false_alarms", Integer, nullable=False),  # findings of the draft that the signed report has not
    Column("words_changed", Integer, nullable=False),
    Column("words_signed", Integer, nullable=False),
    Column("statistics", CanonicalJson, nullable=False),  # figure: its row of statistics, as evaluation/ has them
    Column("compared_by", String, nullable=False),  # version of the software that did so
)

outcomes = Table(  # each prediction and what became of it; null where the study is not signed, or not compared
    "outcomes",
    views,
    *(Column(name, String) for name in ("prediction", "study", "model", "role", "rollout", "arm", "error", "reviewer")),
    *(Column(name, Moment) for name in ("arrived_at", "drafted_at", "signed_at")),
    *(Column(name, Float) for name in ("weight", "seconds", "confidence", "reading_seconds", "edit_rate")),
    *(Column(name, Integer) for name in ("satisfaction", "missed", "false_alarms", "words_changed", "words_signed")),
    Column("shadowed", Boolean),
    Column("shown", Boolean),  # this draft is the one that was read
    Column("findings", CanonicalJson),
    Column("statistics", CanonicalJson),
)
