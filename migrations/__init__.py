"""Database migrations: one file per change, run by alembic."""
