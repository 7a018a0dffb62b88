"""The database: tables, sessions and the upgrade to the newest schema. Imports no discord."""
