"""A run and its folder: sittings, evaluations, alarms, progress, and the state that survives a kill."""
