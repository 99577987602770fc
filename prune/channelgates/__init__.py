"""Channels that are judged while the network trains: gates on them, and clusters of them.

A gate hangs on the batch norm of a group and is trained with the network; afterwards it is folded
into the norm or leaves with it. Clusters pull filters together until they can be merged.
"""
