"""A company as it might be, for pictures: a tree of units, people, a day's talk, files."""

# ruff: noqa: E501 - what somebody says is a line

from __future__ import annotations

import contextlib
import io
import os
import random
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

import mifeng
from mifeng.keychain import Passphrase
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from tests.e2e.people import PASSPHRASE
from tests.support.server import RunningServer

__all__ = ["Company", "company"]

STAFF = """
林晓雯|产品总监|产品部|Lin Xiaowen
Anna Berg|Head of Design|设计部
李伟|高级设计师|设计部
陈思远|前端工程师|研发部
Tomás Alvarez|Backend Engineer|研发部
王芳|人力资源经理|人力资源部
赵一鸣|测试工程师|研发部
Priya Raman|Data Engineer|研发部
周婷|品牌设计师|设计部
吴昊|运维工程师|研发部
Elena Petrova|Product Manager|产品部
孙悦|市场经理|市场部
Marcus Chen|Solutions Architect|研发部
刘洋|销售代表|销售部
郑雅文|财务主管|财务部
Hannah Schmidt|UX Researcher|设计部
黄志强|法务顾问|法务部
欧阳雪|总经理助理|总经办
Kenji Watanabe|Security Engineer|研发部
徐静|客户成功经理|销售部
""".strip().splitlines()
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕张孔曹严华金魏陶姜"
GIVEN = [
    "子涵",
    "雨桐",
    "浩然",
    "思琪",
    "文博",
    "嘉怡",
    "俊杰",
    "梓萱",
    "明哲",
    "欣然",
    "建国",
    "丽娜",
]
LATIN = ["Sofia Rossi", "James Okafor", "Mei-Ling Wu", "Lukas Novak", "Aisha Khan", "David Kim",
         "Clara Dubois", "Noah Fischer", "Ines Costa", "Oleg Ivanov"]  # fmt: skip
UNITS = [
    ("星海科技", "全公司", None), ("产品部", "路线图、评审、发布", "星海科技"),
    ("设计部", "界面、品牌与用户研究", "产品部"), ("研发部", "代码、值班、事故复盘", "产品部"),
    ("平台组 Platform", "Infrastructure and on-call", "研发部"), ("客户端组", "桌面端与移动端", "研发部"),
    ("市场部", "活动与内容", "星海科技"), ("销售部", "华东、华南、海外", "星海科技"),
    ("海外 Overseas", "Customers outside China", "销售部"), ("人力资源部", "招聘、入职、福利", "星海科技"),
]  # fmt: skip
TALK = [
    ("李伟", "早上好！新版首页的设计稿放在文件里了，请大家看看。"),
    (
        "Anna Berg",
        "Thanks Wei. The hierarchy is much calmer now. Two thoughts: the contrast of the secondary text, and the empty state.",
    ),
    ("周婷", "空状态我来画，今天下班前给初稿。"),
    (
        "Hannah Schmidt",
        "From yesterday's five interviews: **four of five** found the new navigation without help. Notes:\n\n- 搜索入口太隐蔽\n- “保留文件”这个词大家都懂\n- nobody reads the footer",
    ),
    ("林晓雯", "太好了。周四评审会我们就用这一版，请 @李伟 准备十分钟的演示。"),
    ("李伟", "收到，没问题。"),
    ("陈思远", "前端这边需要 `--accent` 的深色值，现在的深色主题里链接看不清。"),
    (
        "Anna Berg",
        "`#f0bd68` on `#1f1d1a`, that is 9.6 : 1. I have put both palettes at https://design.example/palette",
    ),
    ("王芳", "提醒：本周五下午三点全员会议，会议室改到三楼。"),
    ("Tomás Alvarez", "Can we have the icons as one sprite? > 40 requests at the moment."),
    ("周婷", "可以，我合并成一个文件。"),
]


@dataclass
class Company:
    """The one whose screen is shown, a colleague who is online, and where all is."""

    folder: Path
    server: RunningServer
    me: mifeng.Workspace
    colleague: mifeng.Workspace
    units: dict[str, mifeng.Unit]


def names(count: int) -> list[tuple[str, str, str]]:
    """Return so many people: name, position, department."""
    draw = random.Random(7)
    found = [(row.split("|")[0], row.split("|")[1], row.split("|")[2]) for row in STAFF]
    departments = ["研发部", "设计部", "销售部", "市场部", "财务部"]
    titles = ["工程师", "专员", "Analyst", "经理"]
    others = [*LATIN, *(a + b for a in SURNAMES for b in draw.sample(GIVEN, 2))]
    found += ((name, draw.choice(titles), draw.choice(departments)) for name in others)
    return found[:count]


def picture(width: int = 1280, height: int = 800) -> bytes:
    """A drawing that looks like a page."""
    image = Image.new("RGB", (width, height), "#f4efe6")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 260, height), fill="#e7dfd0")
    for n in range(9):
        draw.rounded_rectangle((32, 60 + n * 58, 228, 90 + n * 58), 10, fill="#d9ccb4")
    draw.rounded_rectangle((320, 60, width - 60, 320), 24, fill="#e9a83a")
    draw.regular_polygon((460, 190, 80), 6, fill="#2b2621")
    for n in range(3):
        x = 320 + n * 300
        draw.rounded_rectangle(
            (x, 370, x + 270, 620), 18, fill="#ffffff", outline="#e0d6c4", width=3
        )
        draw.rectangle((x + 28, 410, x + 200, 428), fill="#2b2621")
        for m in range(4):
            draw.rectangle((x + 28, 460 + m * 30, x + 230 - m * 20, 472 + m * 30), fill="#cbbfa8")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def portrait(n: int) -> bytes:
    """A face, more or less: no two are alike."""
    draw = random.Random(n)
    sky, skin, hair, shirt = (
        tuple(draw.randrange(*of) for of in tints)
        for tints in (
            ((150, 220),) * 3,
            ((190, 235), (150, 190), (120, 160)),
            ((20, 110),) * 3,
            ((60, 200),) * 3,
        )
    )
    image = Image.new("RGB", (256, 256), sky)
    pen = ImageDraw.Draw(image)
    pen.ellipse((28, 182, 228, 380), fill=shirt)
    pen.ellipse((70, 34, 186, 170), fill=hair)
    pen.ellipse((80, 60 + n % 3 * 6, 176, 190), fill=skin)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def sound(seconds: int = 12) -> bytes:
    """A quiet recording."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(os.urandom(16000 * seconds))
    return out.getvalue()


@contextlib.asynccontextmanager
async def company(
    folder: Path, server: RunningServer, *, people: int, messages: int
) -> AsyncIterator[Company]:
    """Found it, let everybody in, and let them talk."""
    staff = names(people)
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        word: Passphrase = PASSPHRASE
        name, title, department = staff[0]
        me = await enter(
            mifeng.found(
                server.founding_link, profile=folder / "me", name=name, title=title, passphrase=word
            )
        )
        await me.set_profile(department=department, picture=portrait(0))
        others: dict[str, mifeng.Workspace] = {}
        for n, (name, title, department) in enumerate(staff[1:], 1):
            link = (await me.invite()).link
            joined = mifeng.join(
                link, profile=folder / f"p{n}", name=name, title=title, passphrase=word
            )
            if n <= 10:
                others[name] = await enter(joined)
                face = portrait(n) if n % 3 else None
                await others[name].set_profile(department=department, picture=face)
            else:
                async with joined as once:
                    await once.set_profile(department=department)
        await me.sync()
        units: dict[str, mifeng.Unit] = {}
        for title, topic, parent in UNITS:
            units[title] = await me.create_unit(
                title, topic=topic, parent=units[parent] if parent else None
            )
        news = await me.create_unit(
            "公司动态 News", topic="每个人都能读到", kind=UnitKind.CHANNEL, parent=units["星海科技"]
        )
        trip = await me.create_unit("秋游筹备", topic="十一月，去哪里？", kind=UnitKind.GROUP)
        units |= {"news": news, "trip": trip}
        main = units["设计部"]
        for person in me.people()[1:]:
            if person.department == "设计部" or person.name in others:
                await main.grant(person)
        for title in ("研发部", "星海科技", "news", "trip", "海外 Overseas"):
            for person in me.people()[1:6]:
                await units[title].grant(
                    person, UnitRole.READER if title == "news" else UnitRole.MEMBER
                )
        for other in others.values():
            await other.sync()
        lines = [TALK[n % len(TALK)] for n in range(messages)]
        for n, (who, text) in enumerate(lines):
            speaker = others.get(who, me if who == staff[0][0] else None)
            if speaker is None or main.title not in [unit.title for unit in speaker.units()]:
                continue
            is_last = n >= len(lines) - len(TALK)
            await speaker.unit(main.title).send(text if is_last else text.split("\n")[0][:80])
        await me.sync()
        yield Company(folder, server, me, others["李伟"], units)
