"""Structured criteria: one file scores channels.

    SCOPE = "layer" or "global"   how the paper compares scores; a recipe may override it
    BATCHES = 0                   training batches that `scores` wants; 0: it takes no data
    scores(model, groups, batches, *, option=default) -> {group name: tensor [channels]}
    flops(model, groups, batches, **options) -> int      optional: work of one scoring, 2 per MAC
    penalty(model, groups, *, option=default)            optional: adds its subgradient to `.grad`
    notes(model, groups, batches, **options)             optional: sentences of what could not be
                                                         done as asked
    check(**options)                                     optional: refuses values before any work

Higher means keep. A group that a criterion cannot judge is missing from its answer and stays whole.
A greedy method returns its removal order.
"""
