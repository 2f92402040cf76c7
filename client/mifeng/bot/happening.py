"""What a handler is given: a message, where it stands, and ways to answer it."""

from __future__ import annotations

from dataclasses import dataclass

from mifeng.sdk import File, Message, Person, Unit, Workspace

__all__ = ["Happening"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A message that has arrived.

    Attributes:
        me: the bot's open profile.
        unit: where it was said.
        message: what was said.
        sender: by whom.
        words: in a handler of a command, what follows the command, split at spaces.
        is_again: whether the process ended while this message was being handled: what its
            handlers do may have been done already. `reply` looks for itself.
    """

    me: Workspace
    unit: Unit
    message: Message
    sender: Person
    words: tuple[str, ...] = ()
    is_again: bool = False

    @property
    def text(self) -> str:
        """What it says, in Markdown."""
        return self.message.text

    @property
    def files(self) -> tuple[File, ...]:
        """What it shows; `unit.download` fetches one."""
        return self.message.files

    async def reply(self, text: str) -> Message:
        """Answer it. When this returns, the server has the answer on its disk.

        If it was answered in these words before the process ended, that answer is returned.

        Raises:
            TransportError: the server was not reached; the answer is kept and goes out later.
            MifengError: as `Unit.send`.
        """
        if self.is_again:
            for number in (await self.unit.message(self.message.sequence)).answers:
                answer = await self.unit.message(number)
                if answer.is_mine and answer.text == text:
                    return answer
        return await self.unit.send(text, reply_to=self.message)

    async def react(self, emoji: str) -> Message:
        """React to it. A second time changes nothing.

        Raises:
            MifengError: as `Unit.react`.
        """
        message = await self.unit.message(self.message.sequence)
        for reaction in message.reactions:
            if reaction.emoji == emoji and self.me.me.id in {who.id for who in reaction.people}:
                return message
        return await self.unit.react(message, emoji)
