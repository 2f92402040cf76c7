"""Alembic migrations; `migrate.py` applies them at start."""
