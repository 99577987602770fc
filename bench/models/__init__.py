"""One network per module, its file name is its name in a suite.

A module defines `INPUT_SHAPE` (c, h, w), `CLASSES`, and
`build(classes, channels, *, ...)`, whose keyword-only parameters are its settings.
"""
