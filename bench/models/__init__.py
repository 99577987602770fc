"""Networks: a module is one, by its file name, or a family whose MEMBERS have names.

A module defines `INPUT_SHAPE` (c, h, w), `CLASSES`, and `build(classes, channels, *, ...)`, whose
keyword-only parameters are its settings. A family gives `build` more positional parameters, which
each member fills:

    MEMBERS = {"resnet20": {"blocks": 3, "shortcut": "B", "PARAMETERS": 272474, "MACS": 40813184}}

What a member says of a keyword-only parameter is that setting's default; what is written in
capitals is a fact about the member.
"""
