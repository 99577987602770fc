"""Published tables beside our runs of them."""
