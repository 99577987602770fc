"""Recipes: what to do. One file composes the steps of one pipeline and knows no watt.

    run(trainer, *, setting, option=default, **options) -> prune.outcome.Outcome

Keyword-only parameters are the recipe's settings, those without default are required; `**options`
are the settings of its criterion or saliency. A recipe only asks its trainer for epochs: it calls
`phase(name)`, `train`, `batches`, `replace`, `charge`, `warn`, and reads `model`, `example`,
`epochs`, `seed` and what else `prune.trainer` names. Phases are "dense", "search", "score" and
"retrain".
"""
