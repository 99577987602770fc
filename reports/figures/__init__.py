"""SVG figures: axes, marks, and one module per kind of plot."""
