"""Initial weights: a module is one, by its file name.

A module defines `TRAINS`, and `initialise`, whose keyword-only parameters become settings of the
train section beside `initialisation`.

TRAINS False: `initialise(model, *, ...)` returns the model with weights drawn anew from torch's own
random numbers. Building a network draws from them too, so one seed settles both, and so does the
seed that a network built anew for a reinitialisation is given.

TRAINS True: `initialise(trainer, *, ...)` trains the weights of `trainer.model`, in a phase called
"pretrain" that is measured and counts in every total. `work(model, example, *, ...)`, with the same
settings, returns (passes over the training pictures, FLOPs of one picture in one pass) for plans.
"""
