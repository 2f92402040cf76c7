"""Attacks on the product, row by row, and what must hold. `make attack` plays them."""
