"""Mifeng for users: the SDK, the command line and the local page."""
