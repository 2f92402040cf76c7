"""A unit at its cap: one commit adds 999, and what follows stays small."""

from __future__ import annotations

import pytest

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.mls.group import Epoch, LeafIndex, PublicGroup, group_info, stage_commit
from tests.crypto.mls.world import NOW_S, CountingRng, Device, World

N = 1000


@pytest.fixture(scope="module")
def world() -> World:
    """A thousand members of whom four are played: the others' devices are asleep."""
    world = World(1)
    everybody = [Device(f"device {i}", rng=CountingRng(i)) for i in range(1, N)]
    packages = [device.key_package() for device in everybody]
    founder = world.members[0]
    pending = founder.commit(add=packages, path=False)
    assert len(pending.message) < 400_000
    founder.epoch = pending.next
    awake = [everybody[i] for i in (0, 500, N - 2)]
    for device in awake:
        device.join(pending)
    world.members += awake
    return world


def test_a_thousand_members_follow_commits_and_talk(world: World) -> None:
    founder, first, middle, last = world.members
    assert founder.now.public.n_members == N
    assert last.leaf == N - 1
    world.commit(middle)
    world.commit(last)
    world.commit(founder, remove=[first])
    world.assert_agreement()
    assert last.read(middle.send("hello")) == "hello"
    with pytest.raises(ProtocolError):
        first.read(middle.send("without the first"))
    new = Device("new", rng=CountingRng(5000))
    world.commit(last, add=[new], path=False)
    assert new.leaf == 1
    world.commit(new)
    world.assert_agreement()


def test_a_commit_at_a_thousand_members_writes_only_its_path(world: World) -> None:
    founder, last = world.members[0], world.members[2]
    before = last.now
    world.commit(founder)
    written = last.now.parts(before)
    nodes = [key for key in written if key.startswith(b"n")]
    assert len(nodes) == 11  # a leaf and ten levels
    assert sum(len(value or b"") for value in written.values()) < 5_000
    message = founder.send("hello")
    before = last.now
    last.read(message)
    assert sum(len(value or b"") for value in last.now.parts(before).values()) < 2_500


def test_a_loaded_member_of_a_thousand_goes_on(world: World) -> None:
    founder, last = world.members[0], world.members[2]
    last.epoch = Epoch.from_parts({k: v for k, v in last.now.parts(None).items() if v is not None})
    world.commit(founder)
    world.commit(last)
    world.assert_agreement()


def test_a_hundred_leave_in_one_commit(world: World) -> None:
    founder = world.members[0]
    gone = [LeafIndex(i) for i in range(600, 700)]
    pending = founder.commit(remove=gone)
    for member in world.members[1:]:
        member.follow(pending)
    founder.epoch = pending.next
    world.assert_agreement()
    assert founder.now.public.n_members == N - 100


def test_a_server_follows_without_a_secret(world: World) -> None:
    founder = world.members[0]
    info = group_info(founder.now, signature_key=founder.signature_key)
    server = PublicGroup.from_group_info(info, tree=founder.now.public.tree.to_wire())
    for member in world.members:
        pending = world.commit(member)
        server = stage_commit(server, pending.message, now_s=NOW_S).after
        assert server.context == founder.now.public.context
        assert server.interim_transcript_hash == founder.now.public.interim_transcript_hash
