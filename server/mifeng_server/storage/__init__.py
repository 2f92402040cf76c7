"""The store on SQLite through SQLAlchemy Core (protocol.md, "Storage").

schema.py      one table for each kind of row
migrations/    Alembic: how older databases become this one
migrate.py     applies them, and refuses a newer database
statements.py  the SQL for writes, folded so that many batches need few statements
writer.py      the one task that writes: many batches, one transaction, one fsync
sqlite.py      opens the database; reads
"""
