"""What is not bone: the body's outline, heart and vessels, breasts, the abdomen and its gas, the air of the lungs."""

import numpy as np

from model.findings import Side
from pipelines.sources.phantom.anatomy import SIGN, Chest
from pipelines.sources.phantom.changes import Changes
from pipelines.sources.phantom.fields import Field, bump, clamp, inside, smooth


def outline(chest: Chest) -> Field:
    """Positive inside the body: neck, shoulders, arms, and the flanks below them."""
    frame, body = chest.frame, chest.frame.body
    slope = smooth((chest.y - frame.top + 0.32) / 0.36)
    shoulders = 0.20 + 0.04 * body.fat + 1.2 * slope
    flank = body.width + 0.11 + 0.26 * body.fat
    below_arms = smooth((chest.y - frame.top - 0.42) / 0.4)
    return shoulders + (flank - shoulders) * below_arms - np.abs(chest.x)


def soft_tissue(chest: Chest, depth: Field) -> Field:
    """Chest wall, heart and mediastinum, and the abdomen below the diaphragm; `depth` is `outline(chest)`."""
    body = chest.frame.body
    wall = 0.38 + 0.08 * body.fat + 0.10 * smooth(depth / 0.6)
    heart = 0.12 * smooth(chest.heart / 0.25 + 0.10) + 0.03 * inside(chest.heart, 0.03)
    mediastinum = 0.09 * smooth(chest.mediastinum / 0.14 + 0.1) + 0.02 * inside(chest.mediastinum, 0.03)
    central = np.maximum(heart, mediastinum) + 0.4 * np.minimum(heart, mediastinum)
    tissue = wall + np.maximum(central, 0.85 * _abdomen(chest, depth) + 0.3 * central) - _airways(chest)
    return tissue + _breasts(chest) if body.breast else tissue


def _abdomen(chest: Chest, depth: Field) -> Field:
    """Liver at the right, the stomach with its gas bubble at the left."""
    frame, body = chest.frame, chest.frame.body
    leftward = smooth(chest.x / 0.24 + 0.5)
    right = frame.diaphragm(Side.RIGHT, clamp(-chest.x, 0.0, body.width))
    floor = right + leftward * (frame.diaphragm(Side.LEFT, clamp(chest.x, 0.0, body.width)) - right)
    beside = smooth((np.abs(chest.x) - body.width) / 0.2)
    abdomen = smooth((chest.y - floor) / (0.022 + 0.5 * beside) + 0.5) * smooth(depth / 0.2)
    abdomen *= 0.17 - 0.04 * leftward
    across, down = chest.x - 0.36, chest.y - frame.base + body.dome - 0.02 - frame.pose.stomach
    return abdomen - 0.10 * inside(frame.pose.stomach - np.sqrt(0.5 * across * across + down * down), 0.04)


def _breasts(chest: Chest) -> Field:
    size = chest.frame.body.breast
    across = (np.abs(chest.x) - 0.44) / (0.28 + 0.12 * size)
    down = (chest.y - chest.frame.base + 0.36 - 0.16 * size) / (0.22 + 0.14 * size)
    return (0.025 + 0.05 * size) * inside(1.0 - np.sqrt(across * across + down * down), 0.25) * smooth(0.9 + down)


def _airways(chest: Chest) -> Field:
    """The windpipe and the two main bronchi below its fork."""
    frame = chest.frame
    x, fork = chest.x - frame.pose.turned, frame.top + 0.40 * frame.height
    pipe = inside(0.040 - np.abs(x + 0.015 * frame.body.aorta), 0.03) * inside(fork - chest.y, 0.10)
    along = np.abs(x)
    bronchi = bump(chest.y - fork - 0.75 * along, 0.045) * inside(0.15 - along, 0.1)
    return 0.12 * pipe + 0.06 * bronchi


def air(chest: Chest, changes: Changes) -> Field:
    """How much the air along the ray darkens the film: all of the lung's depth, little behind the heart.

    A patient who is turned shows one lung darker than the other.
    """
    air = np.zeros_like(chest.x)
    for side, lung in chest.lung.items():
        depth = 0.25 + 0.11 * smooth(lung / 0.24)
        air += (1.0 + 2.0 * SIGN[side] * chest.frame.pose.turned) * inside(lung, 0.022) * depth
    air *= chest.frame.pose.lucency * (1.0 - 0.75 * inside(chest.shadow, 0.035))
    return air * (1.0 - changes.fluid) * (1.0 - changes.haze) * (1.0 + 0.28 * changes.gas)


def markings(chest: Chest, branches: Field, mottle: Field, changes: Changes) -> Field:
    """Vessels and lines of aerated lung; fluid hides them, and gas between the pleurae has none."""
    lung = inside(np.maximum(*chest.lung.values()) + 0.02, 0.05) * (1.0 - 0.85 * inside(chest.shadow, 0.05))
    aerated = lung * (1.0 - changes.fluid) * (1.0 - changes.gas)
    vessels = 0.10 * branches * (1.0 + changes.congestion)
    return aerated * (vessels + changes.lines + 0.04 * mottle) + 0.05 * lung * _hila(chest)


def _hila(chest: Chest) -> Field:
    hila = np.zeros_like(chest.x)
    for side, lift in ((Side.RIGHT, 0.0), (Side.LEFT, 0.04)):
        across = SIGN[side] * (chest.x - chest.frame.pose.turned) - 0.18
        down = 0.7 * (chest.y - chest.frame.top - 0.50 * chest.frame.height + lift)
        hila += bump(np.sqrt(across * across + down * down), 0.13)
    return hila
