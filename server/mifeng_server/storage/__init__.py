"""The stores on SQLite and on PostgreSQL (protocol.md, "Storage").

tables.py           one table for each kind of row; schema.py tells SQLAlchemy of them
migrations/         Alembic: how older databases become this one
migrate.py          applies them, and refuses a newer database
queries.py          the SQL for reads, which both take
fold.py, writer.py  many batches become one; one task writes: one transaction, one fsync
sqlite*.py          one file: a connection that writes, and some that read
postgres*.py        one database for many nodes: writes, lookups, and hints to other nodes
"""
