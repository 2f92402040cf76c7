"""Mifeng's protocol, without I/O, clock or global randomness; client and server import it."""
