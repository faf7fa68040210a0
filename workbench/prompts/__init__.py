"""Prompts as data: one YAML file a prompt, loaded, fitted to a rubric, scale or criteria, and rendered into a Chat."""

from workbench.prompts.load import list_prompts, load_prompt
from workbench.prompts.render import Prompt, form_for, render

__all__ = ["Prompt", "form_for", "list_prompts", "load_prompt", "render"]
