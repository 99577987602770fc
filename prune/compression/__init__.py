"""Networks in few bytes: shared weights, run lengths, Huffman codes, and a model of EIE.

Deep Compression (Han et al., 2016, arXiv:1510.00149) as `recipes/deep_compression.py` runs it:
`sharing` finds and trains the shared weights, `coded` turns a layer into codes and runs, `huffman`
packs them, `archive` is the file. `eie` models the accelerator that computes on such layers.
"""
