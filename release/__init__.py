"""How a release is made: ``make release``; see docs/releases.md."""
