"""What `make docs` builds the pages with; nothing of it is on the site."""
