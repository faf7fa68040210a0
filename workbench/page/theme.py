"""The look of every tab: a Gradio theme of our own, the style sheet beside it, and what `launch` is told about both."""

from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent
STYLE_SHEETS = [HERE / "page.css", HERE / "figures.css", HERE / "tour.css", HERE / "look.css"]
SCRIPTS = sorted((HERE / "scripts").glob("*.js"))

# Fonts of the reader's own system: nothing is fetched from anywhere.
TEXT_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif")
CODE_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

TEAL = gr.themes.Color(
    name="teal", c50="#eef8f6", c100="#d5eeea", c200="#aaddd5", c300="#74c5ba", c400="#3fa79b", c500="#1b8a7e",
    c600="#0f766e", c700="#0d5f59", c800="#0f4c48", c900="#103f3c", c950="#062725",
)  # fmt: skip
SLATE = gr.themes.Color(
    name="slate", c50="#f7f8fa", c100="#eff1f4", c200="#e1e4ea", c300="#cbd0d9", c400="#949cab", c500="#646d7d",
    c600="#4b5362", c700="#353c49", c800="#20262f", c900="#171b22", c950="#101318",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """Calm surfaces, one accent, clear edges; light and dark."""
    base = gr.themes.Base(
        primary_hue=TEAL, secondary_hue=TEAL, neutral_hue=SLATE, font=TEXT_FONTS, font_mono=CODE_FONTS
    )
    return base.set(**_surfaces(), **_text(), **_controls(), **_buttons())


def _surfaces() -> dict[str, str]:
    return {
        "body_background_fill": "*neutral_50",
        "body_background_fill_dark": "*neutral_950",
        "background_fill_primary": "#ffffff",
        "background_fill_primary_dark": "*neutral_900",
        "background_fill_secondary": "*neutral_50",
        "background_fill_secondary_dark": "*neutral_950",
        "block_background_fill": "#ffffff",
        "block_background_fill_dark": "*neutral_900",
        "block_border_width": "1px",
        "block_border_color": "*neutral_200",
        "block_border_color_dark": "*neutral_700",
        "border_color_primary": "*neutral_200",
        "border_color_primary_dark": "*neutral_700",
        "block_shadow": "none",
        "block_shadow_dark": "none",
        "block_radius": "10px",
        "container_radius": "10px",
        "layout_gap": "14px",
    }


def _text() -> dict[str, str]:
    return {
        "body_text_color": "*neutral_900",
        "body_text_color_dark": "#e7eaef",
        "body_text_color_subdued": "*neutral_600",
        "body_text_color_subdued_dark": "#a6aebb",
        "block_title_text_weight": "600",
        "block_title_text_size": "*text_sm",
        "block_title_text_color": "*neutral_800",
        "block_title_text_color_dark": "#dfe3ea",
        "block_label_text_weight": "600",
        "block_label_text_size": "*text_sm",
        "block_label_text_color": "*neutral_700",
        "block_label_text_color_dark": "#dfe3ea",
        "block_info_text_color": "*neutral_600",
        "block_info_text_color_dark": "#a6aebb",
        "accordion_text_color": "*neutral_800",
        "link_text_color": "*primary_700",
        "link_text_color_dark": "*primary_300",
    }


def _controls() -> dict[str, str]:
    return {
        "input_background_fill": "#ffffff",
        "input_background_fill_dark": "*neutral_950",
        "input_border_width": "1px",
        "input_border_color": "*neutral_300",
        "input_border_color_dark": "*neutral_600",
        "input_border_color_focus": "*primary_600",
        "input_border_color_focus_dark": "*primary_400",
        "input_placeholder_color": "*neutral_500",
        "input_placeholder_color_dark": "*neutral_400",
        "input_shadow_focus": "0 0 0 3px *primary_100",
        "input_shadow_focus_dark": "0 0 0 3px *primary_900",
        "checkbox_background_color_selected": "*primary_600",
        "checkbox_background_color_selected_dark": "*primary_500",
        "checkbox_border_color": "*neutral_400",
        "checkbox_border_color_dark": "*neutral_500",
        "checkbox_label_background_fill_selected": "*primary_50",
        "checkbox_label_background_fill_selected_dark": "*primary_950",
        "checkbox_label_border_color_selected": "*primary_600",
        "checkbox_label_border_color_selected_dark": "*primary_400",
        "checkbox_label_text_color_selected": "*primary_800",
        "checkbox_label_text_color_selected_dark": "*primary_100",
        "slider_color": "*primary_600",
        "slider_color_dark": "*primary_400",
    }


def _buttons() -> dict[str, str]:
    return {
        "button_primary_background_fill": "*primary_600",
        "button_primary_background_fill_dark": "*primary_600",
        "button_primary_background_fill_hover": "*primary_700",
        "button_primary_background_fill_hover_dark": "*primary_700",
        "button_primary_text_color": "#ffffff",
        "button_primary_text_color_dark": "#ffffff",
        "button_secondary_background_fill": "#ffffff",
        "button_secondary_background_fill_dark": "*neutral_800",
        "button_secondary_background_fill_hover": "*neutral_100",
        "button_secondary_background_fill_hover_dark": "*neutral_700",
        "button_secondary_border_color": "*neutral_300",
        "button_secondary_border_color_dark": "*neutral_600",
        "button_border_width": "1px",
        "button_large_text_weight": "600",
        "button_medium_text_weight": "500",
        "button_small_text_weight": "500",
    }


def launch_look() -> dict[str, Any]:
    """Keyword arguments for `Blocks.launch` that give the page its look, and what it does in the browser by itself."""
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    return {"theme": theme(), "css_paths": STYLE_SHEETS, "head": f"<script>\n{scripts}</script>"}
