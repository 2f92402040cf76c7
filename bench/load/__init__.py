"""Load on real server processes, with bytes that real clients could have sent.

stage.py   a company with units of any size, written straight into a data folder
wire.py    HTTP and WebSocket with as little work on this side as can be
crowd.py   a thousand devices in one process
parts.py   what is measured of accepting and delivering
alone.py   what is measured of a server that has one thing to do, or nothing (empty.py)
many.py    what is measured of a thousand clients that do something at once
pressure.py   what is measured of a server that has too much to do
"""
