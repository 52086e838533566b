"""examples/conformance_client against a small conformance suite of WebSockets: each case sends what it likes, and
judges what comes back.

Usage: conformance_test.py CONFORMANCE_CLIENT, which is the path of the program.
"""
import asyncio
import itertools
import struct
import sys
import urllib.parse
import zlib

from raw_server import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame, header_fields, unmasked,
                        upgrade_answer)

PATIENCE = 60  # seconds for one case


class Peer:
    """The client under test, once its upgrade has been answered."""

    def __init__(self, reader, writer, compressed):
        self.reader, self.writer, self.compressed = reader, writer, compressed

    def send(self, *frames):
        self.writer.write(b"".join(frames))

    async def next_frame(self):
        first, second = await self.reader.readexactly(2)
        assert second & 0x80, "a frame of the client is not masked"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        payload = unmasked(mask, await self.reader.readexactly(size))
        assert first & 0x80, "the client has sent a fragment, although nothing was so large"
        if first & 0x40:
            assert self.compressed, "compressed, although that was not agreed on"
            payload = zlib.decompress(payload + b"\x00\x00\xff\xff\x01\x00\x00\xff\xff", -15)
        assert not first & 0x30, "a reserved bit is set"
        return first & 0x0F, payload

    async def expect(self, opcode, payload):
        found = await self.next_frame()
        assert found == (opcode, payload), f"{found[0]}, {len(found[1])} bytes {found[1][:80]!r}"

    async def expect_close(self, *codes):
        """A close frame with one of these codes (None: without), and nothing else before it."""
        opcode, payload = await self.next_frame()
        assert opcode == CLOSE, f"not a close frame, but {opcode}, {payload[:80]!r}"
        code = struct.unpack("!H", payload[:2])[0] if payload else None
        assert code in codes, f"closed with {code} {payload[2:]!r}, not {codes}"

    async def expect_end(self):
        """The client leaves the closing of TCP to us (RFC 6455 section 7.1.1), or closes itself: no byte more."""
        self.writer.write_eof()
        rest = await self.reader.read()
        assert not rest, f"{len(rest)} bytes behind the close frame"

    async def close(self):
        self.send(close_frame())
        await self.expect_close(1000)


async def messages_of_all_sizes(peer):
    for size in 0, 1, 125, 126, 127, 65535, 65536:
        peer.send(frame(TEXT, b"*" * size))
        await peer.expect(TEXT, b"*" * size)
        peer.send(frame(BINARY, b"\xfe" * size))
        await peer.expect(BINARY, b"\xfe" * size)
    await peer.close()


async def a_large_message(peer):
    for opcode in TEXT, BINARY:
        payload = b"0123456789abcdef" * (1 << 16)  # 1 MiB
        peer.send(frame(opcode, payload))
        await peer.expect(opcode, payload)
    await peer.close()


async def the_largest_message(peer):
    payload = b"0123456789abcdef" * (1 << 20)  # 16 MiB, as suites send it
    peer.send(frame(BINARY, payload))
    await peer.expect(BINARY, payload)
    await peer.close()


async def one_byte_at_a_time(peer):
    for byte in frame(TEXT, "κόσμε".encode()):
        peer.send(bytes([byte]))
        await peer.writer.drain()
        await asyncio.sleep(0.001)
    await peer.expect(TEXT, "κόσμε".encode())
    await peer.close()


async def pings_are_answered_with_what_they_carry(peer):
    for payload in b"", b"hello", bytes(range(125)):
        peer.send(frame(PING, payload))
        await peer.expect(PONG, payload)
    peer.send(frame(PONG, b"nobody asked"), frame(PING, b"behind it"))
    await peer.expect(PONG, b"behind it")
    await peer.close()


async def a_ping_larger_than_allowed(peer):
    peer.send(frame(PING, bytes(126)))
    await peer.expect_close(1002)


async def fragments_with_a_ping_between_them(peer):
    peer.send(frame(TEXT, b"frag", fin=False), frame(PING, b"between"), frame(CONTINUATION, b"", fin=False),
              frame(CONTINUATION, b"ment"))
    await peer.expect(PONG, b"between")
    await peer.expect(TEXT, b"fragment")
    await peer.close()


async def a_character_cut_by_fragments(peer):
    cut = "Hellö".encode()
    peer.send(frame(TEXT, cut[:5], fin=False), frame(CONTINUATION, cut[5:]))
    await peer.expect(TEXT, cut)
    await peer.close()


async def a_continuation_of_nothing(peer):
    peer.send(frame(CONTINUATION, b"of nothing"))
    await peer.expect_close(1002)


async def a_message_inside_another(peer):
    peer.send(frame(TEXT, b"first", fin=False), frame(TEXT, b"second"))
    await peer.expect_close(1002)


async def invalid_text_ends_the_message_before_its_end(peer):
    peer.send(frame(TEXT, b"good", fin=False), frame(CONTINUATION, b"bad \xed\xa0\x80", fin=False))
    await peer.expect_close(1007)  # no further fragment comes


async def invalid_text_inside_one_frame(peer):
    whole = frame(TEXT, b"\xce\xba\xf4\x90\x80\x80" + b"x" * 1000)
    peer.send(whole[:-900])
    await peer.expect_close(1007)  # the rest never comes


async def reserved_bits(peer):
    peer.send(frame(TEXT, b"good"), frame(TEXT, b"reserved", reserved=2), frame(PING, b"too late"))
    await peer.expect(TEXT, b"good")
    await peer.expect_close(1002)


async def reserved_opcodes(peer):
    peer.send(frame(11, b"unknown"))
    await peer.expect_close(1002)


async def masked_by_the_server(peer):
    peer.send(bytes([0x81, 0x82]) + b"\0\0\0\0" + b"hi")
    await peer.expect_close(1002)


async def a_close_frame_behind_messages_in_one_write(peer):
    peer.send(frame(TEXT, b"one"), frame(PING, b"two"), frame(BINARY, b"three"), close_frame(1000, b"enough"))
    answers = [await peer.next_frame() for _ in range(3)]
    assert sorted(answers) == [(TEXT, b"one"), (BINARY, b"three"), (PONG, b"two")], answers
    assert answers.index((TEXT, b"one")) < answers.index((BINARY, b"three")), answers
    await peer.expect_close(1000)
    await peer.expect_end()


async def nothing_counts_behind_a_close_frame(peer):
    peer.send(close_frame(), frame(PING, b"late"), frame(TEXT, b"late"))
    await peer.expect_close(1000)
    await peer.expect_end()


async def close_codes_that_may_be_sent(peer, code):
    peer.send(close_frame(code, "grüße".encode()))
    await peer.expect_close(code, 1000)
    await peer.expect_end()


async def a_close_frame_without_a_code(peer):
    peer.send(frame(CLOSE))
    await peer.expect_close(None, 1000)
    await peer.expect_end()


async def close_codes_that_must_not_be_sent(peer, code):
    peer.send(close_frame(code))
    await peer.expect_close(1002)


async def close_frames_that_are_malformed(peer):
    peer.send(frame(CLOSE, b"\x03"))
    await peer.expect_close(1002)


async def a_close_text_that_is_no_utf8(peer):
    peer.send(close_frame(1000, b"\xce\xba\xff"))
    await peer.expect_close(1007)


async def an_end_without_a_close_frame(peer):
    peer.send(frame(TEXT, b"last words"))
    peer.writer.write_eof()
    await peer.expect(TEXT, b"last words")


async def compressed_messages(peer):
    if not peer.compressed:
        return await peer.close()
    for payload in b"", b"compress me " * 1000, b"compress me " * 1000:
        deflater = zlib.compressobj(wbits=-15)
        packed = (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
        peer.send(frame(TEXT, packed, reserved=4))
        await peer.expect(TEXT, payload)
    await peer.close()


def variants(case, *codes):
    return [(f"{case.__name__}: {code}", lambda peer, code=code: case(peer, code)) for code in codes]


# covers R64, R75
CASES = [(case.__name__, case) for case in (
    messages_of_all_sizes, a_large_message, the_largest_message, one_byte_at_a_time,
    pings_are_answered_with_what_they_carry, a_ping_larger_than_allowed, fragments_with_a_ping_between_them,
    a_character_cut_by_fragments, a_continuation_of_nothing, a_message_inside_another,
    invalid_text_ends_the_message_before_its_end, invalid_text_inside_one_frame, reserved_bits, reserved_opcodes,
    masked_by_the_server, a_close_frame_behind_messages_in_one_write, nothing_counts_behind_a_close_frame,
    a_close_frame_without_a_code, close_frames_that_are_malformed, a_close_text_that_is_no_utf8,
    an_end_without_a_close_frame, compressed_messages)]
CASES += variants(close_codes_that_may_be_sent, 1000, 1001, 1003, 1007, 1011, 3000, 4999)
CASES += variants(close_codes_that_must_not_be_sent, 0, 999, 1004, 1005, 1006, 1016, 2999, 5000, 65535)


class Suite:
    """What a client has asked for, and how it has done."""

    def __init__(self):
        self.requests, self.failures = [], []

    async def serve(self, reader, writer):
        try:
            await asyncio.wait_for(self.play(reader, writer), PATIENCE)
        except Exception as failure:  # the verdict on the case; the client's own end tells nothing
            self.failures.append(f"{self.requests[-1] if self.requests else 'request'}: {failure!r}")
        finally:
            writer.close()

    async def play(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        fields = header_fields(head)
        target = urllib.parse.urlsplit(head.split()[1].decode())
        query = urllib.parse.parse_qs(target.query)
        self.requests.append(target.path + "?" + target.query)
        compressed = "permessage-deflate" in fields.get("sec-websocket-extensions", "")
        extension = ["Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                     "client_no_context_takeover"] if compressed else []
        writer.write(upgrade_answer(fields, *extension))
        peer = Peer(reader, writer, compressed)
        if target.path == "/runCase":
            name, case = CASES[int(query["case"][0]) - 1]
            print(name, flush=True)
            self.requests[-1] += f" ({name})"
            await case(peer)
        else:
            if target.path == "/getCaseCount":
                peer.send(frame(TEXT, str(len(CASES)).encode()))
            await peer.close()


async def test(program, *options):
    print("--- with", *options or ["no options"], flush=True)
    suite = Suite()
    server = await asyncio.start_server(suite.serve, "127.0.0.1", 0, limit=1 << 25)
    port = server.sockets[0].getsockname()[1]
    client = await asyncio.create_subprocess_exec(program, f"ws://127.0.0.1:{port}", "--agent", "tested", *options)
    try:
        status = await asyncio.wait_for(client.wait(), 10 * PATIENCE)
    finally:
        if client.returncode is None:
            client.kill()
    server.close()
    assert not suite.failures, "\n".join(["failed:", *suite.failures])
    asked = [request.split(" ")[0] for request in suite.requests]
    wanted = itertools.chain(["/getCaseCount?"], (f"/runCase?case={n + 1}&agent=tested" for n in range(len(CASES))),
                             ["/updateReports?agent=tested"])
    assert asked == list(wanted), asked  # each once, in their order
    assert status == 0, status


# covers R75
async def a_server_that_is_not_there_is_dialled_once(program):
    print("--- without a server", flush=True)
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    client = await asyncio.create_subprocess_exec(program, f"ws://127.0.0.1:{port}")
    assert await asyncio.wait_for(client.wait(), PATIENCE) == 2


async def main():
    await test(sys.argv[1])
    await test(sys.argv[1], "--compress")
    await a_server_that_is_not_there_is_dialled_once(sys.argv[1])


asyncio.run(main())
