"""Icons before training: sources of every kind, decoded into one set, with a report on what was left out and why."""
