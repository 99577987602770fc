"""One data set per module, its file name is its name in a suite.

A module defines `CLASSES`, `INPUT_SHAPE` (c, h, w), `TRAIN_IMAGES`, `TEST_IMAGES`, `LICENCE`,
`CHECKSUMS`, and `load(root, *, ...)`, whose keyword-only parameters are its settings.
"""
