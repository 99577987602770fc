"""What scores are made of: gradients, hyperplanes, greedy removal, reconstruction."""
