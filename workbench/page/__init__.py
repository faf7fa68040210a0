"""What all tabs share: theme, rating colours, plotly template, verdict card, frame strip. The only shared page code."""
