"""How data sets lie on disk: finding, fetching, checking and reading their files.

Everything that can be missing or broken in a file ends in one sentence that names the file,
what was found, and what to do: FileNotFoundError if it is not there, ValueError if it is not
what it should be.
"""
