"""What happens to a fleet. Each scene is a function of the stage; it returns when the fault is over, and the keys should be held
again within the time that it promises."""
import signal
import time


def kill_worker(stage):
    """a worker is killed"""
    stage.workers["w1"].kill()
    stage.workers["w1"].wait()
    time.sleep(stage.lease / 2)
    stage.start_worker("w1")
    return stage.lease * 1.1 + 2


def freeze_worker(stage):
    """a worker is frozen for longer than its lease, and woken"""
    stage.workers["w2"].send_signal(signal.SIGSTOP)
    time.sleep(stage.lease * 1.6)
    stage.workers["w2"].send_signal(signal.SIGCONT)
    return stage.lease * 1.1 + 2


def cut_worker(stage):
    """a worker is cut from the broker"""
    stage.ways["w3"].cut()
    time.sleep(stage.lease * 1.6)
    stage.ways["w3"].mend()
    return stage.lease * 1.1 + 2


def restart_broker(stage):
    """the broker is killed, and back after half of the lease time"""
    stage.brokers[0].signal(signal.SIGKILL)
    time.sleep(stage.lease / 2)
    stage.brokers[0].start()
    return stage.lease * 1.1 + 2


def roll_workers(stage):
    """all workers are restarted, one after another"""
    for name in sorted(stage.workers):
        stage.workers[name].send_signal(signal.SIGTERM)
        assert stage.workers[name].wait(timeout=30) == 0, f"{name} has not ended well"
        stage.start_worker(name)
        time.sleep(stage.lease / 2)
    return 3


def leader_of(stage):
    name = stage.wait_for("a leader of the bucket", lambda: stage.questions.leader("bots"))
    return next(each for each in stage.brokers if each.name == name)


def kill_leader(stage):
    """the leader of three brokers is killed"""
    leader = leader_of(stage)
    leader.signal(signal.SIGKILL)
    time.sleep(stage.lease)
    leader.start()
    return stage.lease * 1.1 + 8


def freeze_leader(stage):
    """the leader of three brokers is frozen"""
    leader = leader_of(stage)
    leader.signal(signal.SIGSTOP)
    time.sleep(max(stage.lease, 15))
    leader.signal(signal.SIGCONT)
    return stage.lease * 1.1 + 12


ALONE = kill_worker, freeze_worker, cut_worker, restart_broker, roll_workers
OF_THREE = kill_leader, freeze_leader
DEMO = kill_worker, freeze_worker, restart_broker, roll_workers
