"""Connections between two people: each keeps a register of its own, and both end the same.

============  ==================================================================
link          the register of one side, and what it makes of the other side's
commands      what a person asks for, what happens, and what the other is told
rules         decide and evolve
view          snapshot and pages
============  ==================================================================
"""
