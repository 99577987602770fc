"""Run bundles in, one self-contained page and the same tables as Markdown, CSV and LaTeX out.

Reads `bench.records` and nothing that needs torch, so a laptop can report what a board measured.
"""
