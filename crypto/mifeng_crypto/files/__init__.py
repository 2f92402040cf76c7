"""Files: C2SP chunked encryption, Cobblestone-256 (protocol.md, "Files").

    file secret (in the message) --+
    share (from the server) -------+--> file key --+--> Cobblestone-256 over (plaintext, zeros)
    unit_id, file_id --------------+-- context ----+

key.py      the file key, and the hash by which a message names the share
sealed.py   how many bytes a file takes, and where a chunk of it lies
seal.py     plaintext in, ciphertext out, piece by piece
open.py     ciphertext in, verified plaintext out, piece by piece
ranged.py   any part of the plaintext, from only the chunks that hold it

What a received file must satisfy, each rule with its id:

    FILE-1   the share has the hash that the message names
    FILE-2   the ciphertext has the one length that the plaintext's size gives
    FILE-3   the commitment is that of this key, unit and file
    FILE-4   every chunk is authentic, in its place
    FILE-5   the padding is zeros
    FILE-6   the ciphertext has the hash that the message names
"""
