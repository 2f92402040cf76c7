"""`make demo`: four people and one server, played through the real programs.

story.py      what happens, step by step
people.py     one person: a profile, and the `mifeng` command as a process of its own
stage.py      the server as a process, the proxy before it, and the folder for all of it
outsider.py   a removed person's device, alone with its keys and the next message
proxy.py      records what the server gets and says, under the server's own TLS key
stored.py     what the server's database has more than before
material.py   a PDF and a large file to send
scan.py       the search for plaintext in all that the server has, in every form
screen.py     how it looks
"""
