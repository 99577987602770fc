"""Runs that measure: suite file -> cases -> one fresh process each -> run bundles.

`suite` reads the question and its grid, `runner` walks it, `worker` runs one case,
`train` knows how to train, `measure` puts a window round every epoch and phase,
`records` says what a bundle holds. Names become modules here (`plugins`) and nowhere else.
"""
