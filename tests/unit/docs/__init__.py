"""The pages of docs/ that have tests of their own."""
