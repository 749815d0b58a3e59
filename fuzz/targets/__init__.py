"""One module for each reader: ``seeds()`` gives inputs to begin with, ``check(data)`` raises where a promise breaks.

None of them needs atheris, so that tests and a debugger can run them.
"""

#: In the order in which ``make fuzz`` runs them.
TARGETS = (
    "pages",
    "next_links",
    "connections",
    "token_answers",
    "token_caches",
    "faults",
    "destinations",
    "expectations",
)
