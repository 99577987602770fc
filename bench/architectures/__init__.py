"""Families of networks, shared by the modules of `bench/models`.

A family is one `nn.Module` (or a function that returns one) whose arguments are the shape of
the network; a model is a family with its shape filled in and its size pinned.
"""
