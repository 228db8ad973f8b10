"""Everything about a study but its pixels: who, when, where, what is wrong, what the report says.

A study's plan depends on the seed, the scenario, its number and its patient's earlier studies alone, so that a longer
set begins with a shorter one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256

from model.findings import Certainty
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.anatomy import Body, Pose
from pipelines.sources.phantom.corruption import befalls, misreported
from pipelines.sources.phantom.exposure import Exposure
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.occurrence import draw_abnormalities
from pipelines.sources.phantom.scenario import RACES, Machine, Report, Scenario, Site
from pipelines.sources.phantom.storage import Storage
from pipelines.sources.phantom.wordings import Statement, write_statements

# By patient, repeated: 80 % train, 8 % validate, 12 % test, spread so that a small set has all three.
SPLIT_PATTERN = {2: "test", 4: "validate", 10: "test", 15: "validate", 20: "test"}
SPLIT_PERIOD = 25

RACE_WEIGHTS = (0.58, 0.17, 0.09, 0.07, 0.05, 0.04)
COMPLAINTS = ("shortness of breath", "cough and fever", "chest pain", "fall", "weakness", "hypoxia")

LATERAL_SHARE = 0.2  # of the PA studies
FORMATS = {(1.0, 1.0): 0.5, (1.0, 0.82): 0.3, (0.82, 1.0): 0.2}
"""Rows and columns as shares of the longer side, and how common: 43 x 43 cm, 43 x 35 upright and lying."""
LARGE_EVERY, LARGE_AT = 500, 250
LARGE_FORMATS = ((2500, 2048), (3056, 2544))
"""Rows and columns of one study in LARGE_EVERY, in turn, unless the set's own pictures are larger."""


@dataclass(frozen=True, slots=True)
class Patient:
    """`anchor_age` is the age in `anchor_year`, as in MIMIC-IV."""

    number: int
    sex: str
    anchor_age: int
    anchor_year: int
    race: str
    n_studies: int
    site: Site
    body: Body

    @property
    def subject_id(self) -> str:
        return str(10_000_001 + self.number)

    @property
    def split(self) -> str:
        return SPLIT_PATTERN.get(self.number % SPLIT_PERIOD, "train")

    @classmethod
    def draw(cls, seed: int, number: int, sites: tuple[Site, ...]) -> "Patient":
        stream = Stream(seed, "patient", number)
        sex, age = stream.pick(("F", "M")), int(18 + stream.between(0, 36) + stream.between(0, 36))
        return cls(
            number=number,
            sex=sex,
            anchor_age=age,
            anchor_year=stream.whole(2110, 2190),
            race=stream.pick(RACES, RACE_WEIGHTS),
            n_studies=stream.pick((1, 2, 3), (0.6, 0.25, 0.15)),
            site=stream.pick(sites, [site.share for site in sites]),
            body=Body.draw(stream, sex, age),
        )

    def age(self, day: date) -> int:
        return self.anchor_age + day.year - self.anchor_year


@dataclass(frozen=True, slots=True)
class Shot:
    """One image of a study, the number 1 or 2: its view (PA, AP or LATERAL), how it came out, how it is stored."""

    number: int
    dicom_id: str
    view: str
    exposure: Exposure
    storage: Storage

    @classmethod
    def draw(cls, key: tuple[int | str, ...], number: int, view: str, site: Site, gone_wrong: Machine) -> "Shot":
        digits = sha256("/".join(map(str, (*key, "dicom", view))).encode()).hexdigest()
        return cls(
            number=number,
            dicom_id="-".join(digits[i : i + 8] for i in range(0, 40, 8)),
            view=view,
            exposure=Exposure.draw(Stream(*key, "exposure", view), view == "AP", site.machine.after(gone_wrong)),
            storage=Storage.draw(Stream(*key, "storage", view), site.modality),
        )


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """One study to be drawn and written. `shots` has the frontal image, then the lateral one if there is one."""

    seed: int
    number: int
    patient: Patient
    earlier: date | None  # the patient's study before this one
    day: date
    second: int  # of the day
    complaint: str
    pose: Pose
    shots: tuple[Shot, ...]
    abnormalities: tuple[Abnormality, ...]
    statements: tuple[Statement, ...]

    @property
    def study_id(self) -> str:
        return str(50_000_001 + self.number)

    @property
    def key(self) -> tuple[int | str, ...]:
        """The root of every random stream of the pictures."""
        return _key(self.seed, self.number)

    @property
    def age(self) -> int:
        return self.patient.age(self.day)

    @property
    def time(self) -> str:
        """HHMMSS"""
        hour, rest = divmod(self.second, 3600)
        return f"{hour:02d}{rest // 60:02d}{rest % 60:02d}"

    def shape(self, size: int) -> tuple[int, int]:
        """Rows and columns of the study's images in a set whose longer side is `size` px."""
        size = self.patient.site.size or size
        large = LARGE_FORMATS[self.number // LARGE_EVERY % len(LARGE_FORMATS)]
        if self.number % LARGE_EVERY == LARGE_AT and size < max(large):
            return large
        rows, columns = Stream(*self.key, "format").pick(tuple(FORMATS), tuple(FORMATS.values()))
        return round(rows * size), round(columns * size)

    def labels(self) -> dict[str, int]:
        """The CheXpert labels of what the report states, by observation; the unmentioned are absent.

        Stated outweighs uncertain outweighs denied. "No Finding" is what remains where nothing but devices is stated or
        uncertain (Irvin et al. 2019).
        """
        weights = {Certainty.NEGATED: 0, Certainty.POSSIBLE: -1, Certainty.LIKELY: 1, Certainty.DEFINITE: 1}
        stated: dict[str, set[int]] = {}
        for finding in (f for s in self.statements for f in s.findings if f.observation != "No Finding"):
            stated.setdefault(finding.observation, set()).add(weights[finding.certainty])
        labels = {name: max(found, key=(0, -1, 1).index) for name, found in sorted(stated.items())}
        free = not any(label for name, label in labels.items() if name != "Support Devices")
        return labels | ({"No Finding": 1} if free else {})


def plan_studies(seed: int, n: int, scenario: Scenario) -> Iterator[StudyPlan]:
    """The first n studies, patient after patient."""
    number = patients = 0
    while number < n:
        patient = Patient.draw(seed, patients, scenario.sites)
        patients += 1
        earlier: StudyPlan | None = None
        for _ in range(min(patient.n_studies, n - number)):
            earlier = _plan(seed, number, patient, earlier, scenario)
            yield earlier
            number += 1


def _key(seed: int, number: int) -> tuple[int | str, ...]:
    return seed, "study", number


def _plan(seed: int, number: int, patient: Patient, earlier: StudyPlan | None, scenario: Scenario) -> StudyPlan:
    key = _key(seed, number)
    stream = Stream(*key)
    day = (date(patient.anchor_year, 1, 1) if earlier is None else earlier.day) + timedelta(days=stream.whole(1, 360))
    view = "AP" if stream.chance(patient.site.portable) else "PA"
    views = (view, "LATERAL") if view == "PA" and stream.chance(LATERAL_SHARE) else (view,)
    before = None if earlier is None else earlier.abnormalities
    portable = view == "AP"
    abnormalities = draw_abnormalities(
        scenario.prevalence, scenario.healthy, before, portable, Stream(*key, "abnormalities")
    )
    machine, report = _gone_wrong(scenario, patient, patient.age(day), view, Stream(*key, "corruption"))
    told = misreported(abnormalities, report, Stream(*key, "report"))
    statements = write_statements(views[-1], tuple(told), before, Stream(*key, "words"))
    return StudyPlan(
        seed=seed,
        number=number,
        patient=patient,
        earlier=None if earlier is None else earlier.day,
        day=day,
        second=stream.whole(6 * 3600, 23 * 3600),
        complaint=stream.pick(COMPLAINTS),
        pose=Pose.draw(Stream(*key, "pose"), portable),
        shots=tuple(Shot.draw(key, k, view, patient.site, machine) for k, view in enumerate(views, start=1)),
        abnormalities=abnormalities,
        statements=tuple(_truly(statement, told) for statement in statements),
    )


def _truly(statement: Statement, told: dict[Abnormality, Abnormality]) -> Statement:
    """The statement resting on what the picture shows, whatever the words say of it."""
    place = statement.rests_on
    return replace(statement, rests_on=told[place]) if isinstance(place, Abnormality) else statement


def _gone_wrong(scenario: Scenario, patient: Patient, age: int, view: str, stream: Stream) -> tuple[Machine, Report]:
    """What goes wrong with the study's pictures and its report; nothing for most."""
    corruption = scenario.corruption
    if corruption and befalls(corruption, patient.site, patient.sex, patient.race, age, view, stream):
        return corruption.picture, corruption.report
    return Machine(), Report()
