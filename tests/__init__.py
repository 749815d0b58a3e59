"""Tests of the provider; nothing in them needs a Partner Center account."""
