"""examples/chat_server against clients that are wrong, slow, silent or too many.

Usage: chat_server_limits_test.py CHAT_SERVER, which is the path of the program.
"""
import asyncio
import subprocess
import time

from foreign_server import PATIENCE, skip_without_websockets

skip_without_websockets()

from chat_client import ChatServer, Socket, run


async def without_the_token_nobody_comes_in(path):
    with ChatServer(path, "--token", "secret") as server:
        for more in {}, {"token": "other"}, {"token": ""}:
            async with Socket(server) as ann:
                await ann.send({"type": "hello", "version": 1, "client": "a1", **more})
                await ann.fatal("unauthorized")
        async with Socket(server) as ann:
            await ann.hello("a1", token="secret")


async def a_bad_frame_is_fatal(path):
    hello = {"type": "hello", "version": 1, "client": "a1"}
    anytime = ["", "not JSON", '{"type":"ping","id":1}x', "[" * 100, "[]", "1", "null", '"ping"', {}, {"type": 1},
               {"type": None}, b"\0\1", b'{"type":"ping","id":1}']
    first = [{"type": "ping", "id": 1}, {"type": "of the future"}, {"type": "message", "id": 1, "data": 1},
             {**hello, "version": 2}, {**hello, "version": "1"}, {"type": "hello", "version": 1},
             {"type": "hello", "client": "a1"}, {**hello, "client": "xyz"}, {**hello, "client": ""},
             {**hello, "client": "a" * 65}, {**hello, "client": 1}, {**hello, "token": 1}, {**hello, "resume": "s"},
             {**hello, "resume": {"session": "s"}}, {**hello, "resume": {"session": 1, "last_seq": 1}},
             {**hello, "resume": {"session": "s", "last_seq": -1}}]
    later = [hello, {"type": "message", "data": 1}, {"type": "message", "id": "1", "data": 1},
             {"type": "message", "id": 0, "data": 1}, {"type": "message", "id": -1, "data": 1},
             {"type": "message", "id": 1.5, "data": 1}, {"type": "message", "id": 2**64, "data": 1},
             {"type": "message", "id": 2**64 - 1, "data": 1}, {"type": "message", "id": 1},
             {"type": "message", "id": 1, "data": 1, "feature": 1}, {"type": "ping"}, {"type": "ping", "id": []},
             {"type": "ack"}, {"type": "ack", "seq": "1"}, {"type": "ack", "seq": 1}]
    with ChatServer(path) as server:
        for is_later, frames in (False, anytime + first), (True, anytime + later):
            for frame in frames:
                async with Socket(server) as ann:
                    if is_later:
                        await ann.hello("a1")
                    await ann.send(frame)
                    print(frame if len(frame) < 99 else "...", "->", await ann.fatal("bad_request"))
        async with Socket(server) as ann:
            session = (await ann.hello("a1"))["session"]
        async with Socket(server) as ann:
            await ann.send({**hello, "resume": {"session": session, "last_seq": 1}})
            await ann.fatal("bad_request")
        async with Socket(server) as ann:
            assert (await ann.resume("a1", session, 0))["resumed"] is True  # for all that


async def a_frame_has_at_most_a_mebibyte(path):
    with ChatServer(path) as server:
        async with Socket(server) as ann:
            await ann.hello("a1")
            await ann.send('{"type":"ping","id":77}'.ljust(1 << 20))
            assert await ann.hear("pong") == {"type": "pong", "id": 77}
            await ann.send(" " * ((1 << 20) + 1))
            assert await ann.closed() == 1009


async def who_says_nothing_is_sent_away(path):
    with ChatServer(path) as server:
        began = time.monotonic()
        async with Socket(server) as ann:
            await ann.fatal("bad_request")
            assert 9.5 < time.monotonic() - began < 9.5 + PATIENCE


async def who_does_not_read_is_closed_and_finds_a_gap(path):
    with ChatServer(path) as server:
        async with Socket(server) as ann, Socket(server, max_queue=1) as bob:
            await ann.hello("a1")
            await ann.join(1, 1, "r", "ann", ["ann"])
            session = (await bob.hello("b2"))["session"]
            await bob.join(1, 1, "r", "bob", ["ann", "bob"])
            await ann.event(2, "joined")
            count = 80  # 80 MB: the kernel takes some of it, the server keeps 16 MiB
            for number in range(2, 2 + count):
                await ann.message(number, {"op": "say", "room": "r", "text": "x" * 1_000_000})
                await ann.event(number + 1, "said")
                await ann.acknowledged(number)
            last_seq = 1
            try:
                while True:
                    last_seq = (await bob.event(last_seq + 1, "said")) and last_seq + 1
            except Exception as ended:
                assert "ConnectionClosed" in type(ended).__name__, repr(ended)
            # 1006 if it did not get so far as to read the close frame in time.
            assert bob.ws.close_code in (1013, 1006), bob.ws.close_code
            assert last_seq < 1 + count
            async with Socket(server) as bob:
                ready = await bob.resume("b2", session, last_seq)
                assert ready["resumed"] is True and ready["gap"]["from"] == last_seq + 1, ready
                assert count - 10 < ready["gap"]["to"] < 1 + count, ready
                for seq in range(ready["seq"] + 1, 2 + count):
                    await bob.event(seq, "said")
                await bob.nothing_more()


async def a_full_house_forgets_who_has_been_gone_longest(path):
    with ChatServer(path) as server:
        async def visit(client):
            async with Socket(server) as guest:
                return (await guest.hello(client))["session"]

        first = await visit("abcdef")
        for start in range(0, 1000, 50):
            *_, last = await asyncio.gather(*(visit(f"{number:x}") for number in range(start, start + 50)))
        async with Socket(server) as guest:
            assert (await guest.resume(f"{999:x}", last, 0))["resumed"] is True
        async with Socket(server) as guest:
            assert (await guest.resume("abcdef", first, 0))["resumed"] is False


async def a_wrong_command_line_is_told_in_one_line(path):
    with ChatServer(path) as server:
        for arguments, status in ((["--port", "-1"], 2), (["--port", "65536"], 2), (["--buffer", "many"], 2),
                                  (["--keep", "nan"], 2), (["--unknown"], 2), (["stray"], 2),
                                  (["--port", str(server.port)], 1)):
            ended = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
            print(arguments, "->", ended.stderr, end="")
            assert ended.returncode == status, (arguments, ended)
            assert ended.stdout == "" and ended.stderr.count("\n") == 1, (arguments, ended)


run(
    without_the_token_nobody_comes_in,
    a_bad_frame_is_fatal,
    a_frame_has_at_most_a_mebibyte,
    who_says_nothing_is_sent_away,
    who_does_not_read_is_closed_and_finds_a_gap,
    a_full_house_forgets_who_has_been_gone_longest,
    a_wrong_command_line_is_told_in_one_line,
)
