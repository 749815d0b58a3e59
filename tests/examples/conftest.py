"""Projects as users have them, shown in docs/. Each is run by a test in a process of its own, and not from here."""

collect_ignore_glob = ["*"]
