"""Backends of the sign codes: one source file each, all equal to `reference` bit for bit.

    signs.h                 the contract of the compiled ones: layouts, ranges, errors
    rows.hpp, tiles.hpp     what all CPU backends share; entry.hpp exports their functions
    <backend>.cpp           an instruction set; a row of builder.RECIPES makes it known
    builder, native         the user's compiler at first use, and ctypes round the result
    cuda_build, cuda_driver the same for a GPU; gpu is the backend
    reference               plain NumPy, the definition

A backend has `pack`, `pack_hamming`, `hamming`, `cdist`, `popcount` and `nans` over arrays whose
shapes and types `prune.signcodes.signs` has checked; `backends.Backend` says what they take.
"""
