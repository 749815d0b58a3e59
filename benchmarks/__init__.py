"""How fast and how frugal we are, measured side by side with what users would write instead. ``make bench``."""
