"""The colours of ratings and choices: one scale, orange (low) to blue (high), told apart with any colour vision.

Colour never speaks alone: every place that uses it prints the number or letter too. Standard library only.
"""

# Hue tells the direction, lightness the distance from the middle; each stands out from white and from near-black.
RATING_ANCHORS = ("#a8430a", "#d5822a", "#8b919d", "#4a92d0", "#2567b3")
CHOICE_COLOURS = {"A": "#0f766e", "B": "#7a4fb5", "tie": "#6b7280", "inconsistent": "#92660a"}
DARK_INK, LIGHT_INK = "#14181f", "#ffffff"


def rating_colour(score: float, low: float = 1, high: float = 5) -> str:
    """The colour of a score on a scale, as #rrggbb; mixed between the anchors, clipped outside the scale."""
    place = (score - low) / (high - low) if high > low else 1.0
    place = min(max(place, 0.0), 1.0) * (len(RATING_ANCHORS) - 1)
    left = min(int(place), len(RATING_ANCHORS) - 2)
    return _mix(RATING_ANCHORS[left], RATING_ANCHORS[left + 1], place - left)


def choice_colour(choice: str) -> str:
    """The colour of a response or an outcome: A, B, tie or inconsistent; grey for any other."""
    return CHOICE_COLOURS.get(choice, CHOICE_COLOURS["tie"])


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour given as #rrggbb."""
    return max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _mix(one: str, other: str, share: float) -> str:
    mixed = [round(255 * (a + (b - a) * share)) for a, b in zip(_parts(one), _parts(other), strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _parts(colour: str) -> list[float]:
    return [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
