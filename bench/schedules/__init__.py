"""Schedules of the learning rate. One file, one schedule, in closed form.

    rate(highest, done, length, *, option=default)   the learning rate at a place of a training
    EVERY                                            "epoch" or "step", None: the rate never moves

`highest` is `train.learning_rate`. `done` of `length` epochs or steps are over, in whole numbers,
so 0 is the first and length - 1 the last; `done` may reach `length` but never passes it. `EVERY` is
the default of the setting `rate_every`, which says whether epochs or steps are counted. The
keyword-only parameters are settings of [train] where `train.schedule` names the file.

A schedule knows nothing of a warm-up: it begins where the warm-up ends. A rate depends on the
place alone, so a training can begin anywhere: a retraining with `retrain = "last"` is the final
quarter of a schedule four times as long, and an interrupted training needs no schedule's state.
"""
