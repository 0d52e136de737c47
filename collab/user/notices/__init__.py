"""What a person is told about: requests, invitations, roles, beginnings and ends.

============  ==================================================================
commands      what a person asks for, and what happens
rules         which news is worth a notice; seen and not yet seen; snapshot and pages
============  ==================================================================
"""
