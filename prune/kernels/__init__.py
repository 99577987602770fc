"""Backends of the sign codes: one file per backend, all of them equal to `reference` bit for bit.

A backend is a module (or object) with `pack`, `hamming` and `cdist` over NumPy arrays:

    pack(values [rows, bits] int32 or int16, infinity) -> uint64 [rows, words]
    hamming(a, b [rows, words] uint64)                 -> int64 [rows]
    cdist(a [rows_a, words], b [rows_b, words], dtype) -> [rows_a, rows_b]

Callers use `prune.signs`, which checks shapes and types once for every backend.
"""
