"""What a file is, and what is said of it: made on the sender's device (protocol.md, "Files").

kind.py       its type, by its content
strip.py      pictures without the place and the camera, byte for byte the same otherwise
film.py       films, likewise
preview.py    size in pixels, duration, pages and a small picture, from a process with limits
worker.py     that process
source.py     the parts of a file that are sent

Nothing here trusts a file: what cannot be read within limits is sent without a preview.
"""
