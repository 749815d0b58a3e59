"""Feeds what others write (answers, connections, arguments) to the code that reads it: ``make fuzz``."""
