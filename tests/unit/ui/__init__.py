"""Tests of the UI command."""
