"""Reads one epoch of RFC 9420, written down by `stories.py`, without this project's MLS.

From the secrets of the epoch before and the bytes on the wire it works out by itself what the next
epoch is, with hashlib, hmac and `cryptography`, and compares. It decides nothing: no rule is
checked here. Sections are those of RFC 9420.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

b = bytes.fromhex


# ------------------------------------------------------------------ section 2.1: bytes


class Bytes:
    """A place in a byte string."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        assert self.at + n <= len(self.data), "the input is too short"
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, n: int) -> int:
        return int.from_bytes(self.take(n), "big")

    def vector(self) -> bytes:
        first = self.number(1)
        size = 1 << (first >> 6)
        rest = int.from_bytes(self.take(size - 1), "big")
        return self.take((first & 0x3F) << 8 * (size - 1) | rest)

    def skip(self, pattern: str) -> None:
        """Pass over fields: V a vector, a digit that many bytes, L a leaf, K a KeyPackage."""
        for field in pattern:
            match field:
                case "V":
                    self.vector()
                case "L":  # section 7.2: keys, credential, capabilities, source, rest
                    self.skip("VV2VVVVVV")
                    self.skip({1: "88", 2: "", 3: "V"}[self.number(1)] + "VV")
                case "K":  # section 10
                    self.skip("22VLVV")
                case "P":  # section 12.1, by proposal type; a PSK by its own type
                    kind = self.number(2)
                    if kind == 4:
                        self.skip({1: "V", 2: "1V8"}[self.number(1)] + "V")
                    else:
                        self.skip({1: "K", 2: "L", 3: "4", 5: "V22V", 6: "V", 7: "V"}[kind])
                case "C":  # section 12.4
                    self.skip("V")
                    self.skip("LV" if self.number(1) else "")
                case digit:
                    self.take(int(digit))

    def since(self, start: int) -> bytes:
        return self.data[start : self.at]


def vector(data: bytes) -> bytes:
    n = len(data)
    if n < 0x40:
        return bytes([n]) + data
    if n < 0x4000:
        return (n | 0x4000).to_bytes(2, "big") + data
    return (n | 0x8000_0000).to_bytes(4, "big") + data


# ------------------------------------------------------------------ section 5: primitives


@dataclass(frozen=True)
class Suite:
    """The primitives of one cipher suite."""

    hash: str
    aead: type[AESGCM | ChaCha20Poly1305]
    key_bytes: int
    hpke: hpke.Suite
    curve: ec.EllipticCurve | None

    @property
    def n(self) -> int:
        return hashlib.new(self.hash).digest_size

    def digest(self, data: bytes) -> bytes:
        return hashlib.new(self.hash, data).digest()

    def mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self.hash).digest()

    def expand(self, secret: bytes, label: str, context: bytes, n: int) -> bytes:
        """ExpandWithLabel, section 8; HKDF-Expand by RFC 5869."""
        info = n.to_bytes(2, "big") + vector(b"MLS 1.0 " + label.encode()) + vector(context)
        out = block = b""
        while len(out) < n:
            block = self.mac(secret, block + info + bytes([len(out) // self.n + 1]))
            out += block
        return out[:n]

    def derive(self, secret: bytes, label: str) -> bytes:
        return self.expand(secret, label, b"", self.n)

    def open(self, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        return self.aead(key).decrypt(nonce, ciphertext, aad)

    def verify(self, public: bytes, label: str, content: bytes, signature: bytes) -> None:
        """VerifyWithLabel, section 5.1.2; raises InvalidSignature."""
        signed = vector(b"MLS 1.0 " + label.encode()) + vector(content)
        if self.curve is None:
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
        else:
            by_size: dict[str, hashes.HashAlgorithm] = {
                "sha256": hashes.SHA256(),
                "sha384": hashes.SHA384(),
                "sha512": hashes.SHA512(),
            }
            key = ec.EllipticCurvePublicKey.from_encoded_point(self.curve, public)
            key.verify(signature, signed, ec.ECDSA(by_size[self.hash]))

    def decrypt(self, private: bytes, label: str, context: bytes, sealed: Bytes) -> bytes:
        """DecryptWithLabel of an HPKECiphertext, section 5.1.3."""
        info = vector(b"MLS 1.0 " + label.encode()) + vector(context)
        return self.hpke.decrypt(sealed.vector() + sealed.vector(), self._load(private), info)

    def _load(self, private: bytes) -> Any:  # noqa: ANN401
        if self.curve is not None:
            return ec.derive_private_key(int.from_bytes(private, "big"), self.curve)
        if self.hash == "sha256":
            return x25519.X25519PrivateKey.from_private_bytes(private)
        seed = hashlib.shake_256(private).digest(96)  # X-Wing
        return hpke.MLKEM768X25519PrivateKey(
            mlkem.MLKEM768PrivateKey.from_seed_bytes(seed[:64]),
            x25519.X25519PrivateKey.from_private_bytes(seed[64:]),
        )


_K, _F, _A = hpke.KEM, hpke.KDF, hpke.AEAD
_128, _256, _CHACHA = _A.AES_128_GCM, _A.AES_256_GCM, _A.CHACHA20_POLY1305
_X, _S2, _S3, _S5 = _K.X25519, _F.HKDF_SHA256, _F.HKDF_SHA384, _F.HKDF_SHA512
SUITES = {
    1: Suite("sha256", AESGCM, 16, hpke.Suite(_X, _S2, _128), None),
    2: Suite("sha256", AESGCM, 16, hpke.Suite(_K.P256, _S2, _128), ec.SECP256R1()),
    3: Suite("sha256", ChaCha20Poly1305, 32, hpke.Suite(_X, _S2, _CHACHA), None),
    5: Suite("sha512", AESGCM, 32, hpke.Suite(_K.P521, _S5, _256), ec.SECP521R1()),
    7: Suite("sha384", AESGCM, 32, hpke.Suite(_K.P384, _S3, _256), ec.SECP384R1()),
    0xF002: Suite("sha384", AESGCM, 32, hpke.Suite(_K.MLKEM768_X25519, _S3, _256), None),
}


# ------------------------------------------------------------------ sections 7 and 8.1: the tree


class Tree:
    """A ratchet_tree, as raw nodes."""

    def __init__(self, suite: Suite, wire: bytes) -> None:
        self.suite, self.nodes = suite, list[bytes | None]()
        data = Bytes(Bytes(wire).vector())
        while data.at < len(data.data):
            self.nodes.append(self._node(data) if data.number(1) else None)
        while (len(self.nodes) + 1) & len(self.nodes):  # to 2^d - 1
            self.nodes.append(None)

    @staticmethod
    def _node(data: Bytes) -> bytes:
        start = data.at
        data.skip({1: "L", 2: "VVV"}[data.number(1)])
        return data.since(start)

    def hash(self) -> bytes:
        return self._hash(0, len(self.nodes))

    def _hash(self, start: int, end: int) -> bytes:
        """Section 7.8."""
        middle = (start + end) // 2
        node = self.nodes[middle]
        present = b"\0" if node is None else b"\1" + node[1:]
        if end - start == 1:
            return self.suite.digest(b"\1" + (start // 2).to_bytes(4, "big") + present)
        below = vector(self._hash(start, middle)) + vector(self._hash(middle + 1, end))
        return self.suite.digest(b"\2" + present + below)

    def signature_key(self, leaf: int) -> bytes:
        node = self.nodes[2 * leaf]
        assert node is not None, "somebody is there"
        fields = Bytes(node, 1)
        fields.skip("V")
        return fields.vector()

    def leaf_secret(self, encryption_secret: bytes, leaf: int) -> bytes:
        """Section 9."""
        secret, start, end = encryption_secret, 0, len(self.nodes)
        while end - start > 1:
            middle = (start + end) // 2
            side, start, end = (
                (b"left", start, middle) if 2 * leaf < middle else (b"right", middle + 1, end)
            )
            secret = self.suite.expand(secret, "tree", side, self.suite.n)
        return secret


@dataclass(frozen=True)
class Context:
    """The fields of a GroupContext that are looked at, section 8.1."""

    head: bytes
    tree_hash: bytes
    confirmed: bytes
    extensions: bytes

    @classmethod
    def of(cls, data: bytes) -> Context:
        fields = Bytes(data)
        fields.skip("22V8")
        head = fields.since(0)
        return cls(head, fields.vector(), fields.vector(), fields.vector())

    def with_confirmed(self, confirmed: bytes) -> bytes:
        return self.head + vector(self.tree_hash) + vector(confirmed) + vector(self.extensions)


# ------------------------------------------------------------------ the reading of one epoch


class Reading:
    """One step of a group, from the file."""

    def __init__(self, step: dict[str, Any]) -> None:
        self.step, self.suite = step, SUITES[step["cipher_suite"]]
        before, after = step["before"], step["after"]
        self.old, self.new = b(before["group_context"]), b(after["group_context"])
        self.old_tree = Tree(self.suite, b(before["tree"]))
        self.new_tree = Tree(self.suite, b(after["tree"]))
        self.secrets = {name: b(value) for name, value in before["secrets"].items()}

    def check(self) -> None:
        """Raise AssertionError or an error of `cryptography` if anything differs."""
        suite, step = self.suite, self.step
        assert self.old_tree.hash() == Context.of(self.old).tree_hash
        assert self.new_tree.hash() == Context.of(self.new).tree_hash
        for sent in step["messages"]:
            self.check_message(sent)
        content, signature, tag, wire_format = self.open(b(step["commit"]))
        covered = wire_format + content + vector(signature)
        confirmed = suite.digest(b(step["before"]["interim_transcript_hash"]) + covered)
        assert Context.of(self.new).confirmed == confirmed
        interim = suite.digest(confirmed + vector(tag))
        assert interim == b(step["after"]["interim_transcript_hash"])
        welcome = None if step["welcome"] is None else Welcome(self, step["welcome"])
        joiner = self.joiner_secret(content, welcome)
        epoch = self.check_epoch(joiner, confirmed, tag)
        if welcome is not None:
            assert welcome.joiner == joiner
            welcome.check_group_info(tag)
        exported = suite.derive(suite.derive(epoch, "exporter"), "a label")
        exported = suite.expand(exported, "exported", suite.digest(b"a context"), 77)
        assert exported == b(step["after"]["exported"])

    # -------------------------------------------------------------- sections 6.1 to 6.3

    def check_message(self, sent: dict[str, Any]) -> None:
        content, _, _, _ = self.open(b(sent["message"]))
        assert content == b(sent["framed_content"])

    def open(self, message: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """Return FramedContent, signature, confirmation tag and wire format, all verified."""
        fields = Bytes(message)
        assert fields.number(2) == 1, "mls10"
        wire_format = fields.take(2)
        read = {1: self._open_public, 2: self._open_private}[int.from_bytes(wire_format, "big")]
        content, signature, tag, leaf = read(fields)
        tbs = message[:4] + content + self.old
        key = self.old_tree.signature_key(leaf)
        self.suite.verify(key, "FramedContentTBS", tbs, signature)
        return content, signature, tag, wire_format

    def _open_public(self, fields: Bytes) -> tuple[bytes, bytes, bytes, int]:
        start = fields.at
        fields.skip("V8")
        assert fields.number(1) == 1, "a member"
        leaf = fields.number(4)
        fields.skip("V")
        kind = fields.number(1)
        fields.skip({2: "P", 3: "C"}[kind])
        content, auth = fields.since(start), fields.at
        signature = fields.vector()
        tag = fields.vector() if kind == 3 else b""
        tbm = fields.data[:4] + content + self.old + fields.since(auth)
        assert fields.vector() == self.suite.mac(self.secrets["membership"], tbm)
        assert fields.at == len(fields.data)
        return content, signature, tag, leaf

    def _open_private(self, fields: Bytes) -> tuple[bytes, bytes, bytes, int]:
        suite, start = self.suite, fields.at
        fields.skip("V8")
        head, kind = fields.since(start), fields.number(1)
        data = fields.vector()
        sender_data, ciphertext = fields.vector(), fields.vector()
        sample, secret = ciphertext[: suite.n], self.secrets["sender_data"]
        key = suite.expand(secret, "key", sample, suite.key_bytes)
        nonce = suite.expand(secret, "nonce", sample, 12)
        sender = Bytes(suite.open(key, nonce, head + bytes([kind]), sender_data))
        leaf, generation, guard = sender.number(4), sender.number(4), sender.take(4)
        secret = self.old_tree.leaf_secret(self.secrets["encryption"], leaf)
        ratchet = suite.derive(secret, "application" if kind == 1 else "handshake")
        for n in range(generation):
            ratchet = suite.expand(ratchet, "secret", n.to_bytes(4, "big"), suite.n)
        n4 = generation.to_bytes(4, "big")
        key = suite.expand(ratchet, "key", n4, suite.key_bytes)
        nonce = suite.expand(ratchet, "nonce", n4, 12)
        nonce = bytes(x ^ y for x, y in zip(nonce, guard + bytes(8), strict=True))
        aad = head + bytes([kind]) + vector(data)
        plain = Bytes(suite.open(key, nonce, aad, ciphertext))
        plain.skip({1: "V", 2: "P", 3: "C"}[kind])
        body, signature = plain.since(0), plain.vector()
        tag = plain.vector() if kind == 3 else b""
        assert not any(plain.data[plain.at :]), "padding of zeros"
        sent_by = b"\1" + leaf.to_bytes(4, "big")
        return head + sent_by + vector(data) + bytes([kind]) + body, signature, tag, leaf

    # -------------------------------------------------------------- sections 7.4, 8, 8.4

    def joiner_secret(self, content: bytes, welcome: Welcome | None) -> bytes:
        suite, commit_secret = self.suite, bytes(self.suite.n)
        fields = Bytes(content)
        fields.skip("V814V1V")
        path = self.step["path"]
        if fields.number(1):
            fields.skip("L")
            nodes = Bytes(fields.vector())
            if path is None:  # the first commit of a group: only a new member is told
                assert welcome is not None, "there is somebody else"
                nodes.skip("VV")
                assert nodes.at == len(nodes.data), "a path of one node"
                commit_secret = suite.derive(welcome.path_secret, "path")
            else:
                commit_secret = self._commit_secret(nodes, path)
        else:
            assert path is None, "the file knows of a path that the commit does not have"
        intermediate = suite.mac(self.secrets["init"], commit_secret)
        return suite.expand(intermediate, "joiner", self.new, suite.n)

    def _commit_secret(self, nodes: Bytes, path: dict[str, Any]) -> bytes:
        """Open the one ciphertext, and go up from there to the root."""
        suite, secret = self.suite, b""
        provisional = Context.of(self.new).with_confirmed(Context.of(self.old).confirmed)
        at = 0
        while nodes.at < len(nodes.data):
            nodes.skip("V")
            sealed = Bytes(nodes.vector())
            if at == path["node"]:
                for _ in range(path["ciphertext"]):
                    sealed.skip("VV")
                key = b(path["private"])
                secret = suite.decrypt(key, "UpdatePathNode", provisional, sealed)
            if at >= path["node"]:
                secret = suite.derive(secret, "path")
            at += 1
        return secret

    def psk_secret(self) -> bytes:
        suite, psks = self.suite, self.step["psks"]
        secret = bytes(suite.n)
        for i, psk in enumerate(psks):
            label = b(psk["id"]) + i.to_bytes(2, "big") + len(psks).to_bytes(2, "big")
            extracted = suite.mac(bytes(suite.n), b(psk["psk"]))
            secret = suite.mac(suite.expand(extracted, "derived psk", label, suite.n), secret)
        return secret

    def check_epoch(self, joiner: bytes, confirmed: bytes, tag: bytes) -> bytes:
        """Compare the next epoch's secrets; return its epoch_secret."""
        suite = self.suite
        member = suite.mac(joiner, self.psk_secret())
        epoch = suite.expand(member, "epoch", self.new, suite.n)
        authenticator = suite.derive(epoch, "authentication")
        assert authenticator == b(self.step["after"]["epoch_authenticator"])
        assert tag == suite.mac(suite.derive(epoch, "confirm"), confirmed)
        resumption = b(self.step["after"]["resumption_psk"])
        assert suite.derive(epoch, "resumption") == resumption
        return epoch


class Welcome:
    """What a new member reads, section 12.4.3.1."""

    def __init__(self, reading: Reading, given: dict[str, Any]) -> None:
        self.reading, suite = reading, reading.suite
        package = b(given["key_package"])[4:]
        fields = Bytes(b(given["message"]))
        fields.skip("222")
        entries, self.sealed_info = Bytes(fields.vector()), fields.vector()
        label = vector(b"MLS 1.0 KeyPackage Reference")
        reference = suite.digest(label + vector(package))
        while entries.vector() != reference:
            entries.skip("VV")
        private = b(given["init_priv"])
        secrets = Bytes(suite.decrypt(private, "Welcome", self.sealed_info, entries))
        self.joiner = secrets.vector()
        self.path_secret = secrets.vector() if secrets.number(1) else b""
        listed = b"".join(b(psk["id"]) for psk in reading.step["psks"])
        assert secrets.vector() == listed

    def check_group_info(self, confirmation_tag: bytes) -> None:
        suite, reading = self.reading.suite, self.reading
        member = suite.mac(self.joiner, reading.psk_secret())
        secret = suite.derive(member, "welcome")
        key = suite.expand(secret, "key", b"", suite.key_bytes)
        info = suite.open(key, suite.expand(secret, "nonce", b"", 12), b"", self.sealed_info)
        fields = Bytes(info)
        fields.skip("22V8VVV")
        assert fields.since(0) == reading.new
        fields.skip("V")
        assert fields.vector() == confirmation_tag
        public = reading.new_tree.signature_key(fields.number(4))
        tbs = fields.since(0)
        suite.verify(public, "GroupInfoTBS", tbs, fields.vector())
