"""Channel and weight pruning that ends in a physically smaller network.

`grouping` finds channels that must leave together, criteria score them, `select` draws a
`Mask`, `shrink` cuts, `export` saves; `fold_constants` and `optimizer_state` keep what a cut
alone would drop. `tickets` says when training has settled enough to draw early, `cost` counts
the work, recipes compose it all. Nothing here knows a watt.
"""
