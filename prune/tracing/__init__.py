"""Finding which channels belong together: a model is run on labels instead of values.

`labels` holds what is known, `labelled` the tensors that carry labels, `rules_*` what each
operation does to them, `recorder` the run itself, `proof` the comparison with a smaller model.
"""
