"""The phantom's pictures: every finding shows where its mask says, as large and as clear as it is said to be."""

from collections import defaultdict
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.findings import Side, Zone
from pipelines.sources.phantom import lateral, radiograph
from pipelines.sources.phantom.abnormalities import DEPICTED, Abnormality, Form, Size
from pipelines.sources.phantom.anatomy import Body, Pose
from pipelines.sources.phantom.exposure import WIDE_OPEN, Exposure, Habit
from pipelines.sources.phantom.fields import Field, Stream
from pipelines.sources.phantom.lateral import lateral_radiograph
from pipelines.sources.phantom.projection import Projection
from pipelines.sources.phantom.radiograph import Radiograph
from pipelines.sources.phantom.regions import Mask, Region

PIXELS = 128
ORDINARY = Size.MODERATE

# Change with any pixel that the phantom draws: raise pipelines.phantom.EDITION along with them.
PICTURES_SHA256 = ["e9437d284de689c6", "696597cf64c6914f"]

KINDS = (
    Abnormality("Lung Opacity", ORDINARY, Side.RIGHT, Zone.MIDDLE),
    Abnormality("Consolidation", ORDINARY, Side.LEFT, Zone.UPPER),
    Abnormality("Pneumonia", ORDINARY, Side.RIGHT, Zone.LOWER),
    Abnormality("Lung Lesion", ORDINARY, Side.LEFT, Zone.MIDDLE),
    Abnormality("Edema", ORDINARY),
    Abnormality("Atelectasis", ORDINARY, Side.LEFT, form=Form.LINEAR_ATELECTASIS),
    Abnormality("Atelectasis", ORDINARY, Side.RIGHT, form=Form.LOBAR_ATELECTASIS),
    Abnormality("Pleural Effusion", ORDINARY, Side.LEFT),
    Abnormality("Pleural Other", ORDINARY, Side.RIGHT, form=Form.PLEURAL_THICKENING),
    Abnormality("Pleural Other", ORDINARY, Side.LEFT, form=Form.PLEURAL_PLAQUE),
    Abnormality("Pneumothorax", ORDINARY, Side.RIGHT),
    Abnormality("Cardiomegaly", ORDINARY),
    Abnormality("Enlarged Cardiomediastinum", ORDINARY),
)
UNSIZED = (
    Abnormality("Fracture", ORDINARY, Side.LEFT, Zone.MIDDLE, Form.RIB_FRACTURE),
    Abnormality("Fracture", ORDINARY, Side.RIGHT, form=Form.CLAVICLE_FRACTURE),
    Abnormality("Support Devices", ORDINARY, form=Form.ENDOTRACHEAL_TUBE),
    Abnormality("Support Devices", ORDINARY, form=Form.GASTRIC_TUBE),
    Abnormality("Support Devices", ORDINARY, Side.RIGHT, form=Form.CENTRAL_LINE),
    Abnormality("Support Devices", ORDINARY, Side.LEFT, form=Form.CENTRAL_LINE),
    Abnormality("Support Devices", ORDINARY, Side.LEFT, form=Form.PACEMAKER),
    Abnormality("Support Devices", ORDINARY, Side.RIGHT, form=Form.CHEST_TUBE),
    Abnormality("Support Devices", ORDINARY, form=Form.STERNAL_WIRES),
)
EVERY = (*KINDS, *UNSIZED)
CROSSES_OVER = (Form.CENTRAL_LINE, Form.PACEMAKER)  # begins on its side, ends in the right half of the heart
RESHAPES = ("Cardiomegaly", "Enlarged Cardiomediastinum")  # what was there before is only larger


def name(abnormality: Abnormality) -> str:
    return str(abnormality.form or abnormality.observation)


def chest(number: int, *, portable: bool = False, habit: Habit | None = None) -> tuple[Body, Pose, Exposure]:
    stream = Stream("chest", number)
    body = Body.draw(stream, stream.pick(("F", "M")), stream.whole(18, 90))
    return body, Pose.draw(stream, portable), Exposure.draw(stream, portable, habit or Habit())


def draw(number: int, *abnormalities: Abnormality, pixels: int = PIXELS, portable: bool = False) -> Radiograph:
    return radiograph.radiograph(*chest(number, portable=portable), abnormalities, ("key", number), pixels, pixels)


def grown(mask: Mask, by: int) -> Mask:
    shifted = [np.roll(np.roll(mask, down, 0), across, 1) for down in (-by, 0, by) for across in (-by, 0, by)]
    return np.logical_or.reduce(shifted)


def middle(number: int, mask: Mask) -> tuple[float, float]:
    """The mask's mean place: x beside the midline, and y as a share of the lungs' height."""
    body, pose, _ = chest(number)
    x, y = Projection(pose, *mask.shape).coordinates()
    return float(x[mask].mean()), float((y[mask].mean() - body.top) / (body.base + pose.breath - body.top))


def test_every_observation_is_here() -> None:
    assert {a.observation for a in EVERY} == set(DEPICTED)
    assert {a.form for a in EVERY} == {None, *Form}


# -- what a mask says


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_a_finding_shows_where_its_mask_says_and_hardly_elsewhere(kind: Abnormality) -> None:
    """Against the same study without it: gas darkens, all else brightens, well above the grain."""
    for number, size in enumerate(Size):
        found = replace(kind, size=size)
        drawn, healthy = draw(number, found), draw(number)
        mask, change = drawn.masks[found], drawn.image - healthy.image
        inside, outside = change[mask], change[~grown(mask, 6)]
        assert mask.sum() >= 16
        assert np.quantile(np.abs(inside), 0.9) > 5 * chest(number)[2].grain
        assert np.abs(outside).mean() < min(0.01, 0.15 * np.abs(inside).mean())
        if kind.observation != "Fracture":  # a dark gap in bright callus
            assert np.sign(inside.mean()) == (-1 if kind.observation == "Pneumothorax" else 1)


@pytest.mark.parametrize("kind", [k for k in EVERY if k.side and k.form not in CROSSES_OVER], ids=name)
def test_a_finding_is_on_the_patients_side(kind: Abnormality) -> None:
    for side, sign in ((Side.RIGHT, -1), (Side.LEFT, 1)):
        found = replace(kind, side=side)
        for number in range(3):
            assert sign * middle(number, draw(number, found).masks[found])[0] > 0.12


@pytest.mark.parametrize("form", CROSSES_OVER)
def test_a_line_comes_from_its_side(form: Form) -> None:
    right, left = (Abnormality("Support Devices", ORDINARY, side, form=form) for side in (Side.RIGHT, Side.LEFT))
    for number in range(3):
        ends = [middle(number, draw(number, found).masks[found])[0] for found in (right, left)]
        assert ends[0] + 0.1 < ends[1]


@pytest.mark.parametrize("kind", [k for k in EVERY if k.zone], ids=name)
def test_a_finding_is_in_its_zone(kind: Abnormality) -> None:
    limits = {Zone.UPPER: (0.05, 0.40), Zone.MIDDLE: (0.35, 0.65), Zone.LOWER: (0.60, 0.95)}
    for zone, (low, high) in limits.items():
        found = replace(kind, zone=zone)
        for number in range(3):
            assert low < middle(number, draw(number, found).masks[found])[1] < high


def test_a_bilateral_effusion_is_on_both_sides() -> None:
    kinds = [Abnormality("Pleural Effusion", Size.SMALL, side) for side in Side]
    masks = {found.side: draw(1, found).masks[found] for found in kinds}
    assert np.array_equal(masks[Side.BILATERAL], masks[Side.RIGHT] | masks[Side.LEFT])
    assert masks[Side.RIGHT].any()
    assert masks[Side.LEFT].any()


@pytest.mark.parametrize("kind", KINDS, ids=name)
def test_sizes_can_be_told_apart(kind: Abnormality) -> None:
    areas = defaultdict(list)
    for number in range(4):
        for size in Size:
            found = replace(kind, size=size)
            areas[size].append(draw(number, found).masks[found].sum())
    small, moderate, large = (float(np.mean(areas[size])) for size in Size)
    assert small * 1.07 < moderate < large / 1.07


@pytest.mark.parametrize("kind", EVERY, ids=name)
def test_what_is_faint_has_about_half_the_contrast(kind: Abnormality) -> None:
    faint = replace(kind, faint=True)
    plain, pale, healthy = draw(2, kind), draw(2, faint), draw(2)
    mask = plain.masks[kind]
    share = np.abs(pale.image - healthy.image)[mask].mean() / np.abs(plain.image - healthy.image)[mask].mean()
    assert 0.35 < share < 0.75
    if kind.observation not in RESHAPES and kind.form is not Form.LOBAR_ATELECTASIS:
        assert np.array_equal(pale.masks[faint], mask)


def test_taking_a_finding_away_leaves_the_rest_as_it_was() -> None:
    lesion, effusion, tube = EVERY[3], replace(EVERY[7], side=Side.RIGHT), EVERY[15]
    all_three, two = draw(3, lesion, effusion, tube), draw(3, lesion, tube)
    assert np.array_equal(all_three.masks[lesion], two.masks[lesion])
    assert np.array_equal(all_three.masks[tube], two.masks[tube])
    elsewhere = ~grown(all_three.masks[effusion], 12)
    assert np.abs(all_three.image - two.image)[elsewhere].max() < 1e-9 + 0.02
    assert (all_three.image == two.image).mean() > 0.7


def test_devices_of_several_kinds_stand_beside_each_other() -> None:
    devices = tuple(a for a in EVERY if a.observation == "Support Devices")
    drawn = draw(4, *devices)
    assert all(drawn.masks[device].sum() > 50 for device in devices)


# -- the anatomy


def test_lungs_are_dark_and_the_heart_is_bright() -> None:
    for number in range(6):
        drawn = draw(number, portable=number % 2 == 0)
        lungs, heart = drawn.regions[Region.LUNGS], drawn.regions[Region.HEART]
        assert drawn.image[lungs].mean() + 0.1 < drawn.image[heart].mean()
        assert not (lungs & heart).any()
        for part in (Region.ANGLES, Region.APICES):
            assert (drawn.regions[part] <= lungs).all()
        assert all(drawn.regions[region].sum() > 30 for region in Region)


def test_people_differ() -> None:
    """No pixel of the middle of the picture is nearly the same in everybody."""
    pictures = np.stack([draw(number, pixels=64, portable=number % 2 == 0).image for number in range(16)])
    assert pictures.std(axis=0)[8:48, 8:56].min() > 0.02


def test_a_larger_picture_shows_the_same_anatomy() -> None:
    found = (KINDS[1], KINDS[7], UNSIZED[6])
    small, large = (draw(5, *found, pixels=pixels) for pixels in (96, 384))
    assert np.abs(large.image.reshape(96, 4, 96, 4).mean(axis=(1, 3)) - small.image).mean() < 0.02
    for abnormality in found:
        mask, finer = small.masks[abnormality], large.masks[abnormality].reshape(96, 4, 96, 4).mean(axis=(1, 3)) > 0.5
        assert (mask & finer).sum() > 0.85 * (mask | finer).sum()


@pytest.mark.parametrize(("rows", "columns"), [(96, 132), (132, 96)])
def test_a_picture_that_is_not_square_shows_more_and_not_another_shape(rows: int, columns: int) -> None:
    body, pose, exposure = chest(6)
    still = replace(exposure, grain=0.0, marker="", shutters=WIDE_OPEN)
    drawn = [radiograph.radiograph(body, pose, still, KINDS, ("key",), *shape) for shape in ((96, 96), (rows, columns))]
    down, across = (rows - 96) // 2, (columns - 96) // 2
    within = drawn[1].image[down : down + 96, across : across + 96]
    assert np.abs(within - drawn[0].image)[3:-3, 3:-3].max() < 1e-9
    for kind in KINDS:
        assert np.array_equal(drawn[1].masks[kind][down : down + 96, across : across + 96], drawn[0].masks[kind])


# -- the film


def film(habit: Habit) -> Field:
    body, pose, exposure = chest(7, habit=habit)
    return radiograph.radiograph(
        body, pose, replace(exposure, marker="", shutters=WIDE_OPEN), (), ("key",), 128, 128
    ).image


def roughness(image: Field) -> float:
    return float(np.abs(np.diff(image, n=2)).mean())


def test_a_sites_habit_shows() -> None:
    usual = film(Habit())
    assert film(Habit(brightness=0.1)).mean() > usual.mean() + 0.05
    assert film(Habit(contrast=0.6)).std() < 0.8 * usual.std()
    assert roughness(film(Habit(noise=4))) > 1.5 * roughness(usual)
    assert roughness(film(Habit(sharpness=0.3, noise=0))) < 0.7 * roughness(film(Habit(noise=0)))


def test_the_marker_lies_on_the_side_that_it_names() -> None:
    body, pose, exposure = chest(8)
    for marker, right_half in (("L", True), ("R", False)):
        plain, marked = (
            radiograph.radiograph(body, pose, replace(exposure, marker=m), (), ("key",), 128, 128).image
            for m in ("", marker)
        )
        assert (np.nonzero(plain != marked)[1] > 64).all() == right_half
        assert (marked[plain != marked] > 0.9).all()


def test_closed_shutters_hide_the_rest_and_masks_end_there() -> None:
    body, pose, exposure = chest(9)
    closed = replace(exposure, shutters=(0.06, 0.06, 0.06, 0.06), marker="", label="")
    tube = UNSIZED[2]
    drawn = radiograph.radiograph(body, pose, closed, (tube,), ("key",), 128, 128)
    hidden = drawn.image < 0.02
    hidden &= np.all(hidden, axis=0)[None, :] | np.all(hidden, axis=1)[:, None]
    assert hidden.mean() > 0.05
    assert not drawn.masks[tube][hidden].any()
    assert drawn.masks[tube].any()


# -- from the side


@pytest.mark.parametrize("kind", [EVERY[i] for i in (1, 3, 4, 6, 7, 11, 15, 19)], ids=name)
def test_large_things_show_from_the_side(kind: Abnormality) -> None:
    given_ = chest(10)
    sick, healthy = (lateral_radiograph(*given_, found, ("key",), 96, 80) for found in ((kind,), ()))
    assert sick.shape == (96, 80)
    assert np.abs(sick - healthy).max() > 0.06
    assert (sick - healthy).mean() > 0


# -- the same key, the same bytes


def test_pixels_are_those_of_every_other_platform() -> None:
    front = radiograph.radiograph(*chest(0), EVERY, ("key",), 96, 80).image
    side = lateral_radiograph(*chest(1), EVERY, ("key",), 80, 96)
    assert [sha256(image.tobytes()).hexdigest()[:16] for image in (front, side)] == PICTURES_SHA256


def test_the_picture_does_not_depend_on_the_strips_it_is_drawn_in(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, whole_side = draw(0, *EVERY), lateral_radiograph(*chest(0), EVERY, ("key",), 96, 96)
    monkeypatch.setattr(radiograph, "PIXELS_AT_ONCE", PIXELS * 7)
    monkeypatch.setattr(lateral, "PIXELS_AT_ONCE", 96 * 5)
    strips = draw(0, *EVERY)
    assert np.array_equal(whole.image, strips.image)
    assert all(np.array_equal(whole.masks[kind], strips.masks[kind]) for kind in EVERY)
    assert np.array_equal(whole_side, lateral_radiograph(*chest(0), EVERY, ("key",), 96, 96))


@settings(max_examples=25)
@given(
    number=st.integers(100, 10**6),
    kind=st.sampled_from(EVERY),
    size=st.sampled_from(tuple(Size)),
    portable=st.booleans(),
    faint=st.booleans(),
)
def test_whoever_it_is_the_finding_is_in_the_picture(
    number: int, kind: Abnormality, size: Size, portable: bool, faint: bool
) -> None:
    found = replace(kind, size=size, faint=faint)
    drawn = draw(number, found, pixels=96, portable=portable)
    assert drawn.image.min() >= 0
    assert drawn.image.max() <= 1
    assert drawn.masks[found].sum() >= 8
