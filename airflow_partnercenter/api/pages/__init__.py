"""A body becomes a page: its envelope, its next link, and its rows as typed columns."""
