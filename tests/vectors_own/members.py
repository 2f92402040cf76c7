"""The people of the vectors, and the groups that they are in before something goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mifeng_crypto.mls.group import (
    Epoch,
    KeyPackageBundle,
    LeafIndex,
    PendingCommit,
    commit,
    create,
    create_key_package,
    join,
    process_commit,
    stage_commit,
    verify_key_package,
)
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.credential import BasicCredential, Credential
from mifeng_crypto.mls.wire.extension import (
    Extension,
    ExternalSender,
    ExternalSenders,
    RequiredCapabilities,
)
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import Capabilities, LeafNode, Lifetime
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite
from mifeng_crypto.tls import encode
from tests.vectors_own.signing import HashRng, sign_key_package, sign_leaf

NOW_S = 1_800_000_000
LIFETIME = Lifetime(NOW_S - 3600, NOW_S + 7 * 86_400)
GROUP_ID = b"a group of vectors"

# Private-use numbers (section 17): all members support the first ones, and nobody the last.
REQUIRED_EXTENSION, USED_EXTENSION, SUPPORTED_EXTENSION = 0xF100, 0xF101, 0xF102
UNKNOWN_EXTENSION = 0xF1FF
REQUIRED_PROPOSAL, REQUIRED_CREDENTIAL = 0xF200, 0xF300
EXTENSIONS = (REQUIRED_EXTENSION, USED_EXTENSION, SUPPORTED_EXTENSION)
CREDENTIALS = (registry.BASIC, registry.X509, REQUIRED_CREDENTIAL)
CAPABILITIES = Capabilities(
    (registry.MLS10,), tuple(SUITES), EXTENSIONS, (REQUIRED_PROPOSAL,), CREDENTIALS
)
BASIC_ONLY = replace(CAPABILITIES, credentials=(registry.BASIC, REQUIRED_CREDENTIAL))


@dataclass
class Person:
    """A client: its keys, its randomness, and where it is."""

    name: str
    suite: Suite = SUITES[1]
    capabilities: Capabilities = CAPABILITIES
    epoch: Epoch | None = None
    bundle: KeyPackageBundle | None = None
    joined_by: dict[str, Any] = field(default_factory=dict)
    commits: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = HashRng(f"{self.suite.id} {self.name}")
        pair = self.suite.generate_signature_key(rng=self.rng)
        self.key: Secret = pair.private
        self.public: bytes = pair.public

    @property
    def now(self) -> Epoch:
        assert self.epoch is not None, f"{self.name} is in no group"
        return self.epoch

    @property
    def leaf(self) -> LeafIndex:
        return self.now.own_leaf

    @property
    def credential(self) -> Credential:
        return BasicCredential(self.name.encode())

    def about(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "signature_key": self.key,
            "credential": self.credential,
            "capabilities": self.capabilities,
            "lifetime": LIFETIME,
            "rng": self.rng,
        }

    def new_bundle(self) -> KeyPackageBundle:
        self.bundle = create_key_package(**self.about())
        return self.bundle

    def signed_package(
        self,
        package: KeyPackage,
        *,
        leaf: LeafNode | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> KeyPackage:
        """Return a KeyPackage with changes, signed by its owner; the leaf signed if it is given."""
        if leaf is not None:
            changes["leaf_node"] = sign_leaf(self.suite, self.key, leaf)
        return sign_key_package(self.suite, self.key, replace(package, **changes))

    # -------------------------------------------------------------- in a group

    def commit(self, **what: Any) -> PendingCommit:  # noqa: ANN401
        return commit(self.now, signature_key=self.key, now_s=NOW_S, rng=self.rng, **what)

    def follow(self, message: bytes) -> None:
        staged = stage_commit(self.now.public, message, now_s=NOW_S)
        self.epoch = process_commit(self.now, staged)
        self.commits.append(message)

    def join(self, pending: PendingCommit) -> None:
        assert self.bundle is not None, f"{self.name} has no KeyPackage"
        assert pending.welcome is not None, "nobody was added"
        tree = pending.next.public.tree.to_wire()
        self.joined_by = {
            **private_of(self.bundle),
            "signature_priv": self.key.hex(),
            "welcome": pending.welcome.hex(),
            "ratchet_tree": encode(tree).hex(),
        }
        self.epoch, self.commits = join(pending.welcome, self.bundle, tree=tree).epoch, []

    def state(self) -> dict[str, Any]:
        """Return how to arrive at this state: a Welcome, then the commits since."""
        return {
            "cipher_suite": self.suite.id,
            "now_s": NOW_S,
            **self.joined_by,
            "commits": [message.hex() for message in self.commits],
            "epoch_authenticator": self.now.epoch_authenticator.hex(),
        }


def private_of(bundle: KeyPackageBundle) -> dict[str, Any]:
    """Return a KeyPackage and its private keys, as the vectors have them."""
    return {
        "key_package": encode_message(bundle.key_package).hex(),
        "init_priv": bundle.init_private.hex(),
        "encryption_priv": bundle.leaf_private.hex(),
    }


class Scene:
    """A group and its members by name; everybody follows everything."""

    def __init__(self, creator: Person, extensions: tuple[Extension, ...] = ()) -> None:
        self.people = {creator.name: creator}
        creator.epoch = create(group_id=GROUP_ID, extensions=extensions, **creator.about())

    def __getitem__(self, name: str) -> Person:
        return self.people[name]

    def commit(
        self,
        by: str,
        *,
        add: tuple[Person, ...] = (),
        remove: tuple[str, ...] = (),
        **how: Any,  # noqa: ANN401
    ) -> None:
        verified = [verify_key_package(who.new_bundle().key_package, now_s=NOW_S) for who in add]
        leaves = [self[name].leaf for name in remove]
        pending = self[by].commit(add=verified, remove=leaves, **how)
        self.people = {name: who for name, who in self.people.items() if name not in remove}
        for name, who in self.people.items():
            if name != by:
                who.follow(pending.message)
        self[by].epoch = pending.next
        for who in add:
            who.join(pending)
            self.people[who.name] = who


EVE = Person("eve")
"""An external sender of the group of seven."""


def group_extensions() -> tuple[Extension, ...]:
    """Return the extensions of the group of seven."""
    required = RequiredCapabilities(
        (REQUIRED_EXTENSION,), (REQUIRED_PROPOSAL,), (REQUIRED_CREDENTIAL,)
    )
    senders = ExternalSenders((ExternalSender(EVE.public, EVE.credential),))
    return (
        Extension(registry.REQUIRED_CAPABILITIES, encode(required)),
        Extension(registry.EXTERNAL_SENDERS, encode(senders)),
        Extension(USED_EXTENSION, b"in use"),
    )


def group_of_seven() -> Scene:
    """Seven came and one left; carl receives the vectors, fred goes bad.

                     7
            3                 11         1, 9, 13: blank
        1       5         9       13     3: hana is unmerged
      0   2   4   6     8  10   12  14
    anna hana carl dora - fred gina  -
    """
    scene = Scene(Person("anna"), group_extensions())
    names = ("bert", "carl", "dora", "emil", "fred")
    gina = Person("gina", capabilities=BASIC_ONLY)
    scene.commit("anna", add=(*(Person(name) for name in names), gina))
    for name in (
        "bert",
        "dora",
        "emil",
        "fred",
        "gina",
        "anna",
    ):  # a receiver has no commits of its own
        scene.commit(name)
    scene.commit("dora", remove=("bert",))
    scene.commit("fred", add=(Person("hana"),), path=False)
    scene.commit("gina", remove=("emil",))
    return scene


def pair(suite_id: int) -> Scene:
    """anna and bert; bert receives."""
    suite = SUITES[suite_id]
    scene = Scene(Person("anna", suite))
    scene.commit("anna", add=(Person("bert", suite),))
    return scene
