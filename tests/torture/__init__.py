"""Kills, power cuts and faults of real processes and disks; `make torture` plays all of them."""
