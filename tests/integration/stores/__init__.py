"""Tests of hook and operators against the emulator and an object store."""
