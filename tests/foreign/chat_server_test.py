"""examples/chat_server, spoken to by a client that we did not write: the profile holdfast.v1, and the chat.

Usage: chat_server_test.py CHAT_SERVER, which is the path of the program.
"""
import asyncio
import signal
import socket
import time

from foreign_server import skip_without_websockets

skip_without_websockets()

from chat_client import ChatServer, Socket, run


async def two_clients_talk(path):
    with ChatServer(path) as server:
        async with Socket(server) as ann, Socket(server) as bob:
            ready = await ann.hello("a1", field_of_the_future=[1])
            assert ready["resumed"] is False and ready["seq"] == 0 and ready["session"], ready
            assert "last_id" not in ready and "gap" not in ready, ready
            await bob.hello("B2")
            await ann.join(1, 1, "r", "ann", ["ann"])
            await bob.join(1, 1, "r", "bob", ["ann", "bob"])
            await ann.event(2, "joined", room="r", name="bob")

            await ann.message(2, {"op": "say", "room": "r", "text": "Grüß \"dich\"\n\U0001f600"})
            said = await ann.event(3, "said", room="r", name="ann", text="Grüß \"dich\"\n\U0001f600")
            await ann.acknowledged(2)
            assert await bob.event(2, "said") == said and said["id"], said
            await ann.message(3, {"op": "typing", "room": "r"}, feature="typing")
            await ann.acknowledged(3)
            await bob.event(3, "typing", room="r", name="ann")
            await bob.message(2, {"op": "read", "room": "r", "of": said["id"]}, feature="receipts")
            await bob.acknowledged(2)
            await ann.event(4, "read", room="r", name="bob", of=said["id"])
            await bob.message(3, {"op": "leave", "room": "r"})
            await bob.acknowledged(3)
            await ann.event(5, "left", room="r", name="bob")
            await ann.message(4, {"op": "say", "room": "r", "text": "alone"})
            assert (await ann.event(6, "said"))["id"] != said["id"]
            await ann.acknowledged(4)
            await ann.nothing_more()
            await bob.nothing_more()


async def what_the_chat_cannot_do_is_no_reason_to_close(path):
    with ChatServer(path) as server:
        async with Socket(server) as ann:
            await ann.hello("a1")
            await ann.join(1, 1, "r", "ann", ["ann"])
            wrong = [{"op": "say", "room": "elsewhere", "text": "x"}, {"op": "leave", "room": "elsewhere"},
                     {"op": "say", "room": "r", "text": 1}, {"op": "say", "text": "x"}, {"op": "join", "room": "q"},
                     {"op": "join", "room": "q", "name": ""}, {"op": "join", "room": "x" * 65, "name": "ann"},
                     {"op": "read", "room": "r"}]
            for number, data in enumerate(wrong, 2):
                await ann.message(number, data)
                error = await ann.hear("error")
                assert error["code"] == "bad_request" and error["fatal"] is False, (data, error)
                await ann.acknowledged(number)
            unknown = [{"op": "dance"}, {"op": 3}, {}, [], None, "text", 1.5]
            for number, data in enumerate(unknown, 2 + len(wrong)):
                await ann.message(number, data)
                await ann.acknowledged(number)
            await ann.send({"type": "of the future", "id": "x"})
            await ann.nothing_more()


async def joining_again_is_news_only_under_another_name(path):
    with ChatServer(path) as server:
        async with Socket(server) as ann, Socket(server) as bob:
            await ann.hello("a1")
            await ann.join(1, 1, "r", "ann", ["ann"])
            await bob.hello("b2")
            await bob.join(1, 1, "r", "bob", ["ann", "bob"])
            await bob.join(2, 2, "r", "bob", ["ann", "bob"])
            await ann.event(2, "joined", name="bob")
            await ann.nothing_more()
            await bob.join(3, 3, "r", "rob", ["ann", "rob"])
            await ann.event(3, "left", name="bob")
            await ann.event(4, "joined", name="rob")


async def what_was_processed_is_acknowledged_and_passed_over(path):
    with ChatServer(path) as server:
        async with Socket(server) as ann:
            first = await ann.hello("a1")
            await ann.join(1, 1, "r", "ann", ["ann"])
            await ann.message(7, {"op": "say", "room": "r", "text": "once"})
            await ann.event(2, "said", text="once")
            await ann.acknowledged(7)
            for number in 7, 2:
                await ann.message(number, {"op": "say", "room": "r", "text": "once"})
                await ann.acknowledged(7)
            ann.vanish()
        async with Socket(server) as ann:  # without a resume: another session, but the same client
            second = await ann.hello("a1")
            assert second["resumed"] is False and second["last_id"] == 7 and second["seq"] == 0, second
            assert second["session"] != first["session"]
            await ann.message(7, {"op": "join", "room": "r", "name": "ann"})
            await ann.acknowledged(7)
            await ann.join(8, 1, "r", "ann", ["ann"])  # the session before has left the room
        async with Socket(server) as other:
            ready = await other.hello("a2")
            assert "last_id" not in ready, ready
        async with Socket(server) as ann:
            ready = await ann.resume("a1", first["session"], 0)
            assert ready["resumed"] is False and ready["last_id"] == 8, ready


async def a_resume_loses_nothing(path):
    with ChatServer(path) as server:
        async with Socket(server) as ann, Socket(server) as bob:
            await ann.hello("a1")
            await ann.join(1, 1, "r", "ann", ["ann"])
            session = (await bob.hello("b2"))["session"]
            await bob.join(1, 1, "r", "bob", ["ann", "bob"])
            await ann.event(2, "joined")
            bob.vanish()
            for number in 2, 3, 4:
                await ann.message(number, {"op": "say", "room": "r", "text": f"t{number}"})
                await ann.event(number + 1, "said")
                await ann.acknowledged(number)
            async with Socket(server) as again:
                ready = await again.resume("b2", session, 1)
                assert ready["resumed"] is True and ready["session"] == session, ready
                assert ready["seq"] == 1 and ready["last_id"] == 1 and "gap" not in ready, ready
                for number in 2, 3, 4:
                    await again.event(number, "said", text=f"t{number}")
                await again.message(1, {"op": "join", "room": "r", "name": "bob"})  # its acknowledgement was lost
                await again.acknowledged(1)
                await again.message(2, {"op": "say", "room": "r", "text": "back"})
                await again.event(5, "said", text="back", name="bob")
                await again.acknowledged(2)
                await ann.event(6, "said", text="back", name="bob")

                async with Socket(server) as third:  # while the second is still open
                    ready = await third.resume("b2", session, 3)
                    assert ready["resumed"] is True and ready["seq"] == 3, ready
                    await third.event(4, "said", text="t4")
                    await third.event(5, "said", text="back")
                    assert await again.closed() == 1008
                    await third.nothing_more()
            async with Socket(server) as thief:
                ready = await thief.resume("c3", session, 3)
                assert ready["resumed"] is False and ready["session"] != session, ready
            await ann.nothing_more()


async def what_is_no_longer_kept_is_a_gap(path):
    with ChatServer(path, "--buffer", "3") as server:
        async with Socket(server) as ann, Socket(server) as bob:
            await ann.hello("a1")
            await ann.join(1, 1, "r", "ann", ["ann"])
            session = (await bob.hello("b2"))["session"]
            await bob.join(1, 1, "r", "bob", ["ann", "bob"])
            await ann.event(2, "joined")
            bob.vanish()
            for number in 2, 3, 4, 5, 6:
                await ann.message(number, {"op": "say", "room": "r", "text": f"t{number}"})
                await ann.event(number + 1, "said")
                await ann.acknowledged(number)
            for last_seq, seq, gap in (1, 3, {"from": 2, "to": 3}), (2, 3, {"from": 3, "to": 3}), (3, 3, None):
                async with Socket(server) as bob:
                    ready = await bob.resume("b2", session, last_seq)
                    assert ready["resumed"] is True and ready.get("gap") == gap and ready["seq"] == seq, ready
                    for number in 4, 5, 6:
                        await bob.event(number, "said", text=f"t{number}")
                    await bob.nothing_more()
            async with Socket(server) as bob:
                await bob.resume("b2", session, 6)
                await bob.send({"type": "ack", "seq": 5})
                await bob.nothing_more()
            async with Socket(server) as bob:
                ready = await bob.resume("b2", session, 3)
                assert ready["gap"] == {"from": 4, "to": 5} and ready["seq"] == 5, ready
                await bob.event(6, "said")
                await bob.nothing_more()


async def who_stays_away_leaves(path):
    with ChatServer(path, "--keep", "0.3") as server:
        async with Socket(server) as ann, Socket(server) as bob:
            await ann.hello("a1")
            await ann.join(1, 1, "r", "ann", ["ann"])
            session = (await bob.hello("b2"))["session"]
            await bob.join(1, 1, "r", "bob", ["ann", "bob"])
            await ann.event(2, "joined")
            gone = time.monotonic()
            bob.vanish()
            await ann.event(3, "left", name="bob")
            assert time.monotonic() - gone > 0.25
            async with Socket(server) as bob:
                ready = await bob.resume("b2", session, 1)
                assert ready["resumed"] is False and ready["seq"] == 0 and ready["last_id"] == 1, ready
                assert ready["session"] != session
            await ann.nothing_more()


async def too_much_typing_is_throttled_for_a_while(path):
    with ChatServer(path, "--typing-per-second", "1") as server:
        async with Socket(server) as ann, Socket(server) as bob:
            session = (await ann.hello("a1"))["session"]
            await ann.join(1, 1, "r", "ann", ["ann"])
            await bob.hello("b2")
            await bob.join(1, 1, "r", "bob", ["ann", "bob"])
            await ann.event(2, "joined")
            for number in range(2, 22):
                await ann.message(number, {"op": "typing", "room": "r"}, feature="typing")
            notices = []
            for number in range(2, 22):
                frame = await ann.next()
                if frame["type"] == "throttle":
                    notices.append(frame["features"])
                    began = time.monotonic()
                    passed = number - 2
                    frame = await ann.next()
                assert frame == {"type": "ack", "id": number}, frame
            assert len(notices) == 1 and len(notices[0]) == 1, notices
            feature = notices[0][0]
            assert feature["name"] == "typing" and feature["reason"], feature
            assert 1900 < feature["for_ms"] <= 2000, feature
            assert 1 <= passed <= 3, passed  # one, but for a machine that takes seconds for twenty frames
            for number in range(passed):
                await bob.event(2 + number, "typing", name="ann")
            await bob.nothing_more()

            await ann.message(22, {"op": "say", "room": "r", "text": "not throttled"})
            await ann.event(3, "said")
            await ann.acknowledged(22)
            ann.vanish()
            async with Socket(server) as ann:
                await ann.resume("a1", session, 3)
                again = (await ann.hear("throttle"))["features"]
                assert [each["name"] for each in again] == ["typing"] and 0 < again[0]["for_ms"] <= 2000, again
                assert (await ann.hear("throttle"))["features"] == []
                assert time.monotonic() - began > 1.8
                await ann.message(23, {"op": "typing", "room": "r"}, feature="typing")
                await ann.acknowledged(23)
            await bob.event(2 + passed, "said")
            await bob.event(3 + passed, "typing", name="ann")


async def sigterm_gives_go_away_and_1012(path):
    with ChatServer(path) as server:
        async with Socket(server) as ann, Socket(server) as stranger:
            await ann.hello("a1")
            await ann.join(1, 1, "r", "ann", ["ann"])
            server.process.terminate()
            for each in ann, stranger:
                farewell = await each.hear("go_away")
                assert farewell["reason"] and farewell["reconnect_in_ms"] > 0, farewell
                assert await each.closed() == 1012
            assert await asyncio.to_thread(server.exit_status) == 0


async def sigint_ends_it_whatever_the_clients_do(path):
    with ChatServer(path) as server:
        with socket.create_connection(("127.0.0.1", server.port)), \
                socket.create_connection(("127.0.0.1", server.port)) as silent:
            silent.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            assert silent.recv(99).startswith(b"HTTP/1.1 101 ")
            began = time.monotonic()
            server.process.send_signal(signal.SIGINT)
            assert await asyncio.to_thread(server.exit_status) == 0
            assert 4.5 < time.monotonic() - began < 20  # it waits for an answer to its close frame


async def each_socket_is_asked_to_leave_at_its_age(path):
    with ChatServer(path, "--go-away-after", "0.3") as server:
        async with Socket(server) as ann:
            began = time.monotonic()
            session = (await ann.hello("a1"))["session"]
            farewell = await ann.hear("go_away")
            assert farewell["reason"] and farewell["reconnect_in_ms"] == 0, farewell
            assert time.monotonic() - began > 0.25
            await ann.join(1, 1, "r", "ann", ["ann"])  # it may still speak
        async with Socket(server) as ann:
            assert (await ann.resume("a1", session, 1))["resumed"] is True
            await ann.hear("go_away")
            assert await ann.closed() == 1012  # it stayed


async def the_sub_protocol_is_chosen_if_it_is_offered(path):
    with ChatServer(path) as server:
        for offered, chosen in (["other", "holdfast.v1"], "holdfast.v1"), (["other"], None), (None, None):
            async with Socket(server, subprotocols=offered) as ann:
                assert ann.ws.subprotocol == chosen, (offered, ann.ws.subprotocol)
                await ann.hello("a1")


run(
    two_clients_talk,
    what_the_chat_cannot_do_is_no_reason_to_close,
    joining_again_is_news_only_under_another_name,
    what_was_processed_is_acknowledged_and_passed_over,
    a_resume_loses_nothing,
    what_is_no_longer_kept_is_a_gap,
    who_stays_away_leaves,
    too_much_typing_is_throttled_for_a_while,
    sigterm_gives_go_away_and_1012,
    sigint_ends_it_whatever_the_clients_do,
    each_socket_is_asked_to_leave_at_its_age,
    the_sub_protocol_is_chosen_if_it_is_offered,
)
