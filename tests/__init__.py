"""Tests, by room: crypto, client, server; what belongs to none stands here."""
