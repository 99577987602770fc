"""Optimisers: what makes a step of the gradients. One file, one optimiser.

    build(parameters, *, learning_rate=0.1, option=default)   a torch.optim.Optimizer

`parameters` are those of the network, in its order. The keyword-only parameters are settings of
[train] where `train.optimiser` names the file. The schedule sets the rate (`lr`) of every group of
parameters; `learning_rate` is what it begins from. To go on after an interruption, an optimiser
keeps tensors and numbers for each parameter, as torch's own do.
"""
