"""One module for each reader: ``seeds()`` gives inputs to begin with, ``check(data)`` raises where a promise breaks.

None of them needs atheris, so that tests and a debugger can run them.
"""

#: What each is fed, in the order in which ``make fuzz`` runs them.
TARGETS = {
    "pages": "a body of each resource, by both ways",
    "next_links": "envelopes and their links",
    "connections": "fields, Extra and URIs, with a planted secret",
    "token_answers": "answers of Entra ID, through MSAL",
    "token_caches": "text of a token cache",
    "faults": "error bodies, `Retry-After`, dates, times",
    "destinations": "destinations, with planted keys",
    "expectations": "expectations as JSON text",
}
