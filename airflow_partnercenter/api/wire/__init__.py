"""How requests leave, what is tried again, and what an answer other than 200 means."""
