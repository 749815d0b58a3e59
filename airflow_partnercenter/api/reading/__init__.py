"""Many requests become one complete result: ids, pace, pages in order, and the proof that nothing is missing."""
