"""Small networks of every kind that pruning must survive, and where to find the large ones.

Every module defines NETS: name -> Net. A net is one idea that has broken somebody's pruning:
a shortcut, a concatenation, attention, a view. `whole` marks the nets of which nothing may be cut;
`seeds` lists `bench.models`, the networks of the papers that this project repeats, and `families`
torchvision's classification networks.
"""
