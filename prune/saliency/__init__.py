"""Unstructured criteria: one file scores single weights.

    SCOPE = "layer" or "global"   how the paper compares scores; a recipe may override it
    BATCHES = 0                   training batches that `scores` wants; 0: it takes no data
    AXIS = None                   or the axis whose slices leave as a whole
    ONES = True                   optional: instead of data, one input of ones (its label is 0)
    INITIAL = True                optional: `scores` takes the weights before training as a fourth
                                  argument {tensor name: value}; only recipes that keep them
    ITERATIONS = 1                optional: scorings that `at_init` takes by default
    scores(model, mask, batches, *, option=default) -> {tensor name: scores}
    flops(model, mask, batches, **options) -> int       optional: work of one scoring, 2 per MAC
    notes(model, mask, batches, **options)              optional: sentences of what could not be
                                                        done as asked
    check(**options)                                    optional: refuses values before any work
    surgery(model, mask, batches, **options)            optional, for recipe "obs": (scores, adjust)

`mask` names the tensors to score and the weights that are still there. Scores have the shape of
the weight, or [slices] with an axis. Higher means keep. What is masked already may score anything.
`adjust(mask, joint)` takes the mask drawn from the scores, changes the weights that stay so that
they make up for all that leave together (`joint`) or for each as if alone, and returns its FLOPs.
"""
