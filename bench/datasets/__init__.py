"""One data set per module, its file name is its name in a suite.

A module defines `CLASSES`, `INPUT_SHAPE` (c, h, w), `TRAIN_IMAGES`, `TEST_IMAGES`, `LICENCE`,
`CHECKSUMS`, and `load(root, *, ...)`, whose keyword-only parameters are its settings. With
`RESIZES = True` it has a setting `resize`: pixels a side of its pictures, None for `INPUT_SHAPE`.
"""
