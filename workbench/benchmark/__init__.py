"""How much sooner judging is with shared prompts, measured against plain `generate`: `python -m workbench bench`."""
