"""How a network is trained: the loop, its batches, and going on where an attempt stopped."""
