"""Deterministic simulation: real clients and a real server in one process, driven by a seed.

    loop.py      an event loop whose time and ready order come from the seed
    disk.py      the client's store and the server's, which a crash cuts between durable steps
    network.py   what stands where aiohttp stands: loss, delay, duplication, partition
    host.py      a client and the server, as machines that crash and start again
    oracles.py   what must hold at each step, and at the end
    world.py     five people and what they do
    planted.py   bugs put in on purpose, which the oracles must find

`python -m tests.simulation --seeds 300`. A seed that fails prints the
command that plays it again. Keys and ciphertexts differ between two runs of a seed (the kernel's
randomness is inside HPKE); who does what when does not.
"""
