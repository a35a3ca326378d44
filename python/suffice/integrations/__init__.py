"""Adapters for other libraries, each imported only when it is asked for.

``quantus`` gives an ``explain_func``, ``captum`` an object with ``attribute``, ``lightning`` a
callback. Each says what to install where its library is missing. `docs/integrations.md` has an
example of each.
"""
