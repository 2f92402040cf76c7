"""Mifeng's delivery server: it orders and keeps ciphertext and holds no key to it."""
