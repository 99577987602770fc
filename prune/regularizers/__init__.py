"""Regularizers: what pulls a network towards sparsity while it is trained. One file, one pull.

    penalty(model, groups, *, option=default)   adds its subgradient to the gradients, in place

The trainer calls it after every backward pass and before the step. `groups` are the channel groups
of the model as it is now. A criterion may name the one that its paper trains with
(`REGULARIZER = "gamma_l1"`); a recipe's setting `regularizer` chooses another.
"""
