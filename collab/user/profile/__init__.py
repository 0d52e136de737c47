"""Who a person is: what they say of themselves, and what their organisation's sign-in said.

============  ==================================================================
shapes        profile, account, card
taxonomy      the interests that can be named, by version
languages     language tags (BCP 47), checked and in their usual spelling
commands      what a person asks, what sign-in tells, what happens
rules         decide, evolve, views
cards         reading other people's cards, for whoever has something in common with them
============  ==================================================================
"""
