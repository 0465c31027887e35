"""What scanners and cameras do to a sheet, and pictures that look like photographs: all by numbers that are fixed."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.sheets import Grey

Levels = NDArray[np.float64]


def blurred(page: Grey, radius: float) -> Grey:
    return np.asarray(Image.fromarray(page).filter(ImageFilter.GaussianBlur(radius)))


def grainy(page: Grey, sigma: float, seed: int) -> Grey:
    noise = np.random.default_rng(seed).normal(0, sigma, page.shape)
    return np.clip(page + noise, 0, 255).astype(np.uint8)


def on_paper(page: Grey, paper: int, ink: int) -> Grey:
    """Paper that is not white and ink that is not black."""
    return _grey(ink + page.astype(np.float64) * (paper - ink) / 255)


def skewed(page: Grey, degrees: float, paper: int = 255) -> Grey:
    turned = Image.fromarray(page).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=paper)
    return np.asarray(turned)


def shadowed(page: Grey, darkest: float, reach: float) -> Grey:
    """A book's gutter at the left: light falls off towards it."""
    across = np.linspace(0, 1, page.shape[1])
    light = 1 - (1 - darkest) * np.exp(-((across / reach) ** 2))
    return _grey(page * light[None, :])


def unevenly_lit(page: Grey, weakest: float, seed: int) -> Grey:
    """A photograph of a page, taken by hand under a lamp."""
    rows, columns = page.shape
    y, x = np.mgrid[:rows, :columns]
    chance = np.random.default_rng(seed)
    cy, cx = chance.uniform(0.2, 0.5, 2)
    away = np.hypot(y / rows - cy, x / columns - cx)
    light = 1 - (1 - weakest) * np.clip(away / 0.8, 0, 1)
    return _grey(page * light)


def dusty(page: Grey, specks: int, seed: int) -> Grey:
    """Dark specks of one to three pixels anywhere."""
    chance = np.random.default_rng(seed)
    out = page.copy()
    for y, x, size in zip(
        chance.integers(0, page.shape[0] - 3, specks),
        chance.integers(0, page.shape[1] - 3, specks),
        chance.integers(1, 4, specks),
        strict=True,
    ):
        out[y : y + size, x : x + max(1, size - 1)] = 60
    return out


def shining_through(page: Grey, back: Grey, strength: float) -> Grey:
    """The print of the back, mirrored."""
    other = blurred(np.ascontiguousarray(back[:, ::-1]), 2.0)
    return np.clip(page.astype(np.float64) - (255.0 - other) * strength, 0, 255).astype(np.uint8)


def bilevel(page: Grey, salt: float, seed: int) -> Image.Image:
    """As an old machine scans: black and white, with pepper."""
    chance = np.random.default_rng(seed).random(page.shape)
    black = (page < 128) ^ (chance < salt)
    return Image.fromarray(~black)


def cloud(shape: tuple[int, int], seed: int, roughness: float) -> Levels:
    """Noise whose strength falls with its frequency, as in pictures of nature: 0 to 1."""
    chance = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    strength = 1 / np.maximum(np.hypot(fy, fx), 1 / max(shape)) ** roughness
    phases = np.exp(2j * np.pi * chance.random(strength.shape))
    field: Levels = np.fft.irfft2(strength * phases, s=shape)
    low, high = np.percentile(field, [1, 99])
    clipped: Levels = np.clip((field - low) / (high - low), 0, 1)
    return clipped


def landscape(size: tuple[int, int], seed: int) -> Image.Image:
    """Sky over hills, each hill with its own texture and haze."""
    width, height = size
    y = np.linspace(0, 1, height)[:, None]
    levels = 0.95 - 0.35 * y + 0.15 * (cloud((height, width), seed, 1.9) - 0.5)
    for hill in range(4):
        ridge = 0.35 + 0.15 * hill + 0.12 * (cloud((1, width), seed + hill + 1, 1.6)[0] - 0.5)
        texture = cloud((height, width), seed + 10 + hill, 1.2)
        shade = 0.62 - 0.14 * hill
        levels = np.where(y > ridge[None, :], shade * (0.55 + 0.8 * texture), levels)
    return _image(levels)


def still_life(size: tuple[int, int], seed: int) -> Image.Image:
    """Round things, lit from the upper left, on a table."""
    width, height = size
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / height
    levels = 0.75 - 0.3 * y + 0.12 * (cloud((height, width), seed, 1.4) - 0.5)
    for ball in range(7):
        radius = chance.uniform(0.08, 0.2)
        cx, cy = chance.uniform(0.1, width / height - 0.1), chance.uniform(0.35, 0.85)
        dx, dy = (x - cx) / radius, (y - cy) / radius
        inside = dx**2 + dy**2 < 1
        z = np.sqrt(np.clip(1 - dx**2 - dy**2, 0, 1))
        light = np.clip(-0.5 * dx - 0.6 * dy + 0.62 * z, 0, 1)
        texture = cloud((height, width), seed + 20 + ball, 1.0)
        shadow = ((dx - 0.5) ** 2 + ((dy - 0.9) * 2.5) ** 2 < 1) & ~inside
        levels = np.where(shadow, levels * 0.55, levels)
        surface = chance.uniform(0.4, 0.95) * (0.12 + 0.88 * light) * (0.75 + 0.4 * texture) + 0.5 * light**30
        levels = np.where(inside, surface, levels)
    return _image(levels)


def portrait(size: tuple[int, int], seed: int) -> Image.Image:
    """A head before a wall: large soft shades, small sharp features."""
    width, height = size
    y, x = np.mgrid[:height, :width] / height
    middle = width / height / 2
    levels = 0.72 - 0.25 * x + 0.06 * (cloud((height, width), seed, 1.8) - 0.5)
    shoulders = ((x - middle) / 0.42) ** 2 + ((y - 1.08) / 0.32) ** 2 < 1
    levels = np.where(shoulders, 0.25 + 0.25 * cloud((height, width), seed + 1, 1.1), levels)
    dx, dy = (x - middle) / 0.21, (y - 0.47) / 0.28
    head = dx**2 + dy**2 < 1
    z = np.sqrt(np.clip(1 - dx**2 - dy**2, 0, 1))
    skin = (
        0.3
        + 0.55 * np.clip(-0.45 * dx - 0.3 * dy + 0.75 * z, 0, 1)
        + 0.06 * (cloud((height, width), seed + 2, 0.9) - 0.5)
    )
    levels = np.where(head, skin, levels)
    hair = ((x - middle) / 0.24) ** 2 + ((y - 0.36) / 0.24) ** 2 < 1
    levels = np.where(hair & ~(head & (dy > -0.45)), 0.12 + 0.3 * cloud((height, width), seed + 3, 0.8), levels)
    for side in (-1, 1):
        ex, ey = (x - middle - side * 0.085) / 0.035, (y - 0.44) / 0.018
        levels = np.where(ex**2 + ey**2 < 1, 0.9, levels)
        levels = np.where((ex * 2) ** 2 + ey**2 < 1, 0.08, levels)
        levels = np.where((np.abs(ex) < 1.3) & (np.abs(ey + 2.2) < 0.5), 0.18, levels)
    levels = np.where(((x - middle) / 0.07) ** 2 + ((y - 0.62) / 0.016) ** 2 < 1, 0.32, levels)
    return _image(levels)


def _grey(levels: Levels) -> Grey:
    grey: Grey = np.clip(levels, 0, 255).astype(np.uint8)
    return grey


def _image(levels: Levels) -> Image.Image:
    return Image.fromarray((np.clip(levels, 0, 1) * 255).astype(np.uint8))
