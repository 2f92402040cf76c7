"""A bot that says back what is said, and answers `/ping`: echo_bot.py PROFILE."""

import argparse

import mifeng


def main() -> None:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile")
    parser.add_argument("--passphrase-fd", type=int)
    told = parser.parse_args()
    passphrase = mifeng.read_passphrase(told.passphrase_fd)
    make(told.profile, passphrase).run()


def make(profile: str, passphrase: str | mifeng.Passphrase | None) -> mifeng.Bot:
    """Return the bot."""
    bot = mifeng.Bot(profile, passphrase=passphrase)

    @bot.on_command("ping")
    async def ping(it: mifeng.Happening) -> None:
        await it.reply("pong")

    @bot.on_message(~mifeng.filters.matches("^/"))
    async def echo(it: mifeng.Happening) -> None:
        if it.text:
            await it.reply(it.text)

    return bot


if __name__ == "__main__":
    main()
