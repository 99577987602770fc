"""Masks of single weights: drawing them, holding them in training, what survivors become."""
