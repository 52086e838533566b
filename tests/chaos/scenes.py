"""What befalls a connection, scene by scene, on real sockets. prediction.cpp plays the same in the
simulator.

Each ends in the state in which it is to end. Bounds are generous, because how long something takes is not
asked here.
"""
import collections
import signal
import time

# Seconds between pings. With these, only who hears that the network has changed asks after the peer.
SELDOM = 600
LIVENESS_BOUND = 2.5  # seconds; `ping_interval` and `pong_deadline` of subject.cpp
TO_SERVER, FROM_SERVER = "input tcp dport 8080", "output tcp sport 8080"
LOST = "numgen random mod 100 < 3 counter drop"

Scene = collections.namedtuple("Scene", "name needs play")
SCENES = []


def scene(name, *needs):
    def enlist(play):
        SCENES.append(Scene(name, needs, play))
        return play

    return enlist


@scene("server killed (-9), then started")
def server_killed(here):
    here.connect()
    here.server.end()
    here.expect_failed_attempt()
    here.start_server()
    here.expect("connected")


@scene("server interrupted, then started")
def server_interrupted(here):
    here.connect()
    here.server.end(signal.SIGINT)
    here.expect_failed_attempt()
    here.start_server()
    here.expect("connected")


@scene("server started after the client")
def server_late(here):
    here.start_client()
    here.expect_failed_attempt()
    here.start_server()
    here.expect("connected")


@scene("server stopped (STOP), then continued")
def server_stopped(here):
    here.connect()
    here.server.tell(signal.SIGSTOP)
    here.expect("disconnected[upgrade")  # the kernel takes connections for it all the same
    here.server.tell(signal.SIGCONT)
    here.expect("connected")


@scene("server stopped for a moment")
def server_stopped_for_a_moment(here):
    here.connect()
    here.server.tell(signal.SIGSTOP)
    time.sleep(0.5)
    here.server.tell(signal.SIGCONT)
    time.sleep(LIVENESS_BOUND + 0.5)
    here.send(5)


def filtered(here, *rules):
    here.connect()
    here.place.server.filter(*rules)
    here.expect_failed_attempt()
    here.place.server.filter()
    here.expect("connected")


@scene("black hole both ways", "namespaces", "filter")
def black_hole(here):
    filtered(here, f"{TO_SERVER} drop", f"{FROM_SERVER} drop")


@scene("black hole on the way to the server", "namespaces", "filter")
def nothing_goes(here):
    filtered(here, f"{TO_SERVER} drop")


@scene("black hole on the way back", "namespaces", "filter")
def nothing_comes(here):
    filtered(here, f"{FROM_SERVER} drop")


@scene("rejected by a reset", "namespaces", "filter")
def rejected_by_reset(here):
    filtered(here, f"{TO_SERVER} reject with tcp reset")


@scene("rejected as unreachable", "namespaces", "filter")
def rejected_as_unreachable(here):
    # Else the kernel keeps its answers for later, when packets are repeated often.
    here.place.server.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit")
    filtered(here, f"{TO_SERVER} reject with icmp type host-unreachable")


def socket_destroyed(here, end, which_port):
    here.connect()
    end.run("ss", "--kill", "--tcp", which_port, "=", ":8080")
    here.expect("disconnected[session")
    here.expect("connected")


@scene("socket destroyed at the client", "namespaces", "destroy")
def socket_destroyed_here(here):
    socket_destroyed(here, here.place.client, "dport")


@scene("socket destroyed at the server", "namespaces", "destroy")
def socket_destroyed_there(here):
    socket_destroyed(here, here.place.server, "sport")


@scene("another address", "namespaces")
def another_address(here):
    here.connect(ping=SELDOM)
    here.place.client.ip(f"address del {here.place.client_address} dev wire",
                         f"address add {here.place.other_client_address} dev wire")
    here.expect("disconnected[session")
    here.expect("connected")


@scene("link down, then up", "namespaces")
def link_down(here):
    here.connect(ping=SELDOM)
    here.place.client.ip("link set wire down")
    here.expect_failed_attempt()
    here.place.client.ip("link set wire up")
    here.expect("connected")


@scene("loss", "namespaces", "filter")
def loss(here):
    here.connect()
    here.place.server.filter(f"{TO_SERVER} {LOST}", f"{FROM_SERVER} {LOST}")
    here.send(100)
    assert here.place.server.counted() > 0, "nothing was lost"


@scene("delay")
def delay(here):
    here.start_server()
    here.start_relay(0.15)
    here.start_client(here.place.relay_port)
    here.settle_in()
    began = time.monotonic()
    here.send(5)
    assert time.monotonic() - began > 5 * 0.3, "nothing was delayed"
    time.sleep(LIVENESS_BOUND + 0.5)
