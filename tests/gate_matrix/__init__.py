"""Role x action x way in: generated, every cell decided, only the allowed ones pass."""
