"""The contract, for machines and for people: made from the kinds, never written by hand.

==============  ==============================================================
contract        what each kind has, with a schema for everything
answers         shapes of answers and snapshots, which rules give as plain maps
errors          every code that an answer may carry
json_schema     one document that describes any message
asyncapi        AsyncAPI 3: a channel, and an operation for everything one can do
typescript      types for clients
page            a reference in Markdown
documents       each of them as text
==============  ==============================================================
"""

from collab.schema.asyncapi import asyncapi_of
from collab.schema.contract import Contract, contract_of
from collab.schema.documents import Form, document
from collab.schema.json_schema import closed, json_schema_of
from collab.schema.typescript import typescript_of

__all__ = [
    "Contract",
    "Form",
    "asyncapi_of",
    "closed",
    "contract_of",
    "document",
    "json_schema_of",
    "typescript_of",
]
