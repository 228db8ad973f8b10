"""Everything about a study but its pixels: who, when, what is wrong, what the report says.

A study's plan depends on the seed and its number alone, so that a longer set begins with a shorter one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from pipelines.sources.phantom.abnormalities import Abnormality, draw_abnormalities
from pipelines.sources.phantom.anatomy import Body, Pose
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.wordings import Statement, write_statements

# By patient, repeated: 80 % train, 8 % validate, 12 % test, spread so that a small set has all three.
SPLIT_PATTERN = {2: "test", 4: "validate", 10: "test", 15: "validate", 20: "test"}
SPLIT_PERIOD = 25

RACES = ("WHITE", "BLACK/AFRICAN AMERICAN", "HISPANIC OR LATINO", "ASIAN", "OTHER", "UNKNOWN")
RACE_WEIGHTS = (0.58, 0.17, 0.09, 0.07, 0.05, 0.04)
COMPLAINTS = ("shortness of breath", "cough and fever", "chest pain", "fall", "weakness", "preoperative evaluation")


@dataclass(frozen=True, slots=True)
class Patient:
    """`anchor_age` is the age in `anchor_year`, as in MIMIC-IV."""

    number: int
    sex: str
    anchor_age: int
    anchor_year: int
    race: str
    n_studies: int
    body: Body

    @property
    def subject_id(self) -> str:
        return str(10_000_001 + self.number)

    @property
    def split(self) -> str:
        return SPLIT_PATTERN.get(self.number % SPLIT_PERIOD, "train")

    @classmethod
    def draw(cls, seed: int, number: int) -> "Patient":
        stream = Stream(seed, "patient", number)
        sex = stream.pick(("F", "M"))
        return cls(
            number=number,
            sex=sex,
            anchor_age=int(18 + stream.between(0, 36) + stream.between(0, 36)),
            anchor_year=stream.whole(2110, 2190),
            race=stream.pick(RACES, RACE_WEIGHTS),
            n_studies=stream.pick((1, 2, 3), (0.6, 0.25, 0.15)),
            body=Body.draw(stream, sex),
        )


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """One study to be drawn and written."""

    seed: int
    number: int
    patient: Patient
    earlier: date | None  # the patient's study before this one
    day: date
    second: int  # of the day
    portable: bool
    computed: bool  # CR and MONOCHROME1, else DX and MONOCHROME2
    complaint: str
    pose: Pose
    abnormalities: tuple[Abnormality, ...]
    statements: tuple[Statement, ...]

    @property
    def study_id(self) -> str:
        return str(50_000_001 + self.number)

    @property
    def dicom_id(self) -> str:
        digits = sha256(f"{self.seed}/dicom/{self.number}".encode()).hexdigest()
        return "-".join(digits[i : i + 8] for i in range(0, 40, 8))

    @property
    def key(self) -> tuple[int | str, ...]:
        """The root of every random stream of the picture."""
        return self.seed, "study", self.number

    @property
    def view(self) -> str:
        return "AP" if self.portable else "PA"

    @property
    def age(self) -> int:
        return self.patient.anchor_age + self.day.year - self.patient.anchor_year

    @property
    def time(self) -> str:
        """HHMMSS"""
        hour, rest = divmod(self.second, 3600)
        return f"{hour:02d}{rest // 60:02d}{rest % 60:02d}"

    def labels(self) -> dict[str, int]:
        """The CheXpert labels that the report states, by observation; the unmentioned are absent."""
        stated = {f.observation: int(f.positive) for s in self.statements for f in s.findings}
        return {observation: stated[observation] for observation in sorted(stated)}


def plan_studies(seed: int, n: int) -> Iterator[StudyPlan]:
    """The first n studies, patient after patient."""
    number = patients = 0
    while number < n:
        patient = Patient.draw(seed, patients)
        patients += 1
        earlier: date | None = None
        for _ in range(min(patient.n_studies, n - number)):
            plan = _plan(seed, number, patient, earlier)
            yield plan
            earlier = plan.day
            number += 1


def _plan(seed: int, number: int, patient: Patient, earlier: date | None) -> StudyPlan:
    stream = Stream(seed, "study", number)
    start = date(patient.anchor_year, 1, 1) if earlier is None else earlier
    portable = stream.chance(0.4)
    abnormalities = draw_abnormalities(stream)
    return StudyPlan(
        seed=seed,
        number=number,
        patient=patient,
        earlier=earlier,
        day=start + timedelta(days=stream.whole(1, 360)),
        second=stream.whole(6 * 3600, 23 * 3600),
        portable=portable,
        computed=stream.chance(0.5),
        complaint=stream.pick(COMPLAINTS),
        pose=Pose.draw(stream, portable),
        abnormalities=abnormalities,
        statements=write_statements(abnormalities, stream),
    )
