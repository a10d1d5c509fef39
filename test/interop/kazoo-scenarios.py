"""What kazoo does with a server: SCENARIO HOST:PORT. Prints what came of it as one line of JSON; two servers that are alike give
the same line. What must hold on any server is asserted here."""
import json
import os
import subprocess
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.protocol.connection import _CONNECTION_DROP
from kazoo.recipe.cache import TreeCache
from kazoo.recipe.lock import ReadLock, WriteLock
from kazoo.retry import KazooRetry
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, make_digest_acl

PATIENCE = 30
HOSTS = sys.argv[2]
opened = []


def client(**options):
    """A started client, which is closed at the end."""
    zk = KazooClient(
        hosts=options.pop("hosts", HOSTS),
        timeout=20,
        connection_retry=KazooRetry(max_tries=-1, delay=0.02, backoff=1, max_jitter=0),
        **options
    )
    opened.append(zk)
    zk.start(timeout=PATIENCE)
    return zk


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain until " + what
        time.sleep(0.01)




class Background(threading.Thread):
    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.result, self.error = work, None, None
        self.start()

    def run(self):
        try:
            self.result = self.work()
        except Exception as error:  # told by finished()
            self.error = error

    def finished(self):
        self.join(PATIENCE)
        assert not self.is_alive(), "it did not end"
        if self.error is not None:
            raise self.error
        return self.result


def refused(work):
    """The name of what was raised, and nothing when nothing was."""
    try:
        work()
    except Exception as error:
        return type(error).__name__
    return None


def facts(zk, stat):
    """What of a stat is the same on every server."""
    if stat is None:
        return None
    owner = {0: "nobody", zk.client_id[0]: "me"}.get(stat.ephemeralOwner, "another")
    return [stat.version, stat.cversion, stat.aversion, owner, stat.dataLength, stat.numChildren]


def lock():
    """Three want it; each has it alone, in the order in which they came."""
    zks = [client() for _ in range(3)]
    locks = [zk.Lock("/lock", "c%d" % index) for index, zk in enumerate(zks)]
    order, holders, release = [], [], [threading.Event() for _ in zks]

    def hold(index):
        with locks[index]:
            holders.append(index)
            assert len(holders) == 1, holders
            order.append(index)
            release[index].wait(PATIENCE)
            holders.remove(index)

    threads = []
    for index in range(3):
        threads.append(Background(lambda index=index: hold(index)))
        until(lambda: len(locks[0].contenders()) == index + 1, "it is in the queue")
    queue = locks[0].contenders()
    for index, thread in enumerate(threads):
        until(lambda: holders == [index], "it is its turn")
        release[index].set()
        thread.finished()
    return [queue, order, locks[0].contenders(), zks[0].get_children("/lock")]


def lock_given_up():
    """Who gives up waiting leaves no node; whose session ends gives way."""
    first, second = client(), client()
    held = first.Lock("/lock", "first")
    assert held.acquire(timeout=PATIENCE)
    waiting = second.Lock("/lock", "second")
    told = [waiting.acquire(blocking=False), refused(lambda: waiting.acquire(timeout=0.3))]
    left = first.get_children("/lock")
    cancelled = second.Lock("/lock", "third")
    thread = Background(lambda: refused(cancelled.acquire))
    until(lambda: len(held.contenders()) == 2, "it waits")
    cancelled.cancel()
    told.append(thread.finished())
    heir = second.Lock("/lock", "heir")
    thread = Background(lambda: heir.acquire(timeout=PATIENCE))
    until(lambda: len(held.contenders()) == 2, "it waits")
    first.stop()
    return [told, len(left), thread.finished(), heir.contenders()]


def read_write_lock():
    """Readers share it, a writer has it alone, and a reader that comes after a writer waits for it."""
    zks = [client() for _ in range(4)]
    readers = [ReadLock(zk, "/rw", "r%d" % index) for index, zk in enumerate(zks[:2])]
    for reader in readers:
        assert reader.acquire(timeout=PATIENCE)
    writer, late = WriteLock(zks[2], "/rw", "w"), ReadLock(zks[3], "/rw", "late")
    writing = Background(lambda: writer.acquire(timeout=PATIENCE))
    until(lambda: len(zks[0].get_children("/rw")) == 3, "the writer waits")
    reading = Background(lambda: late.acquire(timeout=PATIENCE))
    until(lambda: len(zks[0].get_children("/rw")) == 4, "the reader waits")
    told = [WriteLock(zks[0], "/rw").acquire(blocking=False), writing.is_alive(), reading.is_alive()]
    readers[0].release()
    told.append(writing.is_alive())
    readers[1].release()
    told += [writing.finished(), reading.is_alive()]
    writer.release()
    told.append(reading.finished())
    late.release()
    return [told, zks[0].get_children("/rw")]


def semaphore():
    """Two have it, the third waits for one of them; another idea of how many is refused."""
    zks = [client() for _ in range(3)]
    leases = [zk.Semaphore("/semaphore", "c%d" % i, max_leases=2) for i, zk in enumerate(zks)]
    told = [leases[0].acquire(), leases[1].acquire(), leases[2].acquire(blocking=False)]
    told.append(refused(lambda: leases[2].acquire(timeout=0.3)))
    holders = sorted(leases[0].lease_holders())
    told.append(refused(lambda: zks[2].Semaphore("/semaphore", max_leases=3).acquire()))
    third = Background(lambda: leases[2].acquire(timeout=PATIENCE))
    zks[0].stop()
    told.append(third.finished())
    return [told, holders, sorted(leases[2].lease_holders()), len(zks[1].get_children("/semaphore"))]


def election():
    """Each leads in its turn; who cancels never does."""
    zks = [client() for _ in range(3)]
    elections = [zk.Election("/election", "c%d" % index) for index, zk in enumerate(zks)]
    leaders, end = [], [threading.Event() for _ in zks]

    def lead(index):
        leaders.append(index)
        end[index].wait(PATIENCE)

    threads = []
    for index in range(3):
        threads.append(Background(lambda index=index: elections[index].run(lead, index)))
        until(lambda: len(elections[0].contenders()) == index + 1, "it stands")
    standing = elections[0].contenders()
    elections[1].cancel()
    threads[1].finished()
    left = elections[0].contenders()
    until(lambda: leaders == [0], "the first leads")
    end[0].set()
    until(lambda: leaders == [0, 2], "the third leads")
    end[2].set()
    for thread in threads:
        thread.finished()
    return [standing, left, leaders, elections[0].contenders()]


def queue():
    """First in, first out, within a priority."""
    zk, other = client(), client()
    items = zk.Queue("/queue")
    told = [items.get()]
    for value, priority in [(b"b1", 100), (b"c", 200), (b"a", 1), (b"b2", 100)]:
        items.put(value, priority)
    told.append(len(items))
    reader = other.Queue("/queue")
    while len(reader):
        told.append(reader.get().decode())
    told.append(refused(lambda: items.put(b"x", 5000)))
    return told


def locking_queue():
    """An entry is held until it is consumed, and comes back when its holder goes."""
    first, second = client(), client()
    mine, yours = first.LockingQueue("/queue"), second.LockingQueue("/queue")
    mine.put_all([b"one", b"two"], priority=50)
    mine.put(b"urgent", priority=1)
    told = [len(mine), mine.get(PATIENCE).decode(), mine.holds_lock(), yours.get(PATIENCE).decode()]
    told += [mine.consume(), mine.consume(), yours.release(), len(yours)]
    told += [yours.get(PATIENCE).decode(), mine.get(PATIENCE).decode(), yours.get(0.3)]
    waiting = Background(lambda: first.LockingQueue("/queue").get(PATIENCE).decode())
    second.stop()
    told.append(waiting.finished())
    told += [mine.consume(), len(mine)]
    return told


def barrier():
    """Who waits goes on when it is taken away."""
    zk, other = client(), client()
    gate = zk.Barrier("/barrier")
    told = [gate.wait(1)]
    gate.create()
    told.append(other.Barrier("/barrier").wait(0.3))
    waiting = Background(lambda: other.Barrier("/barrier").wait(PATIENCE))
    told += [gate.remove(), waiting.finished(), gate.remove()]
    return told


def double_barrier():
    """Nobody is through before all have come, nobody is out before all go."""
    zks = [client() for _ in range(3)]
    gates = [zk.DoubleBarrier("/double", 3, "c%d" % index) for index, zk in enumerate(zks)]
    entering = [Background(gate.enter) for gate in gates[:2]]
    until(lambda: zks[0].exists("/double") and len(zks[0].get_children("/double")) == 2, "two have come")
    told = [thread.is_alive() for thread in entering]
    entering.append(Background(gates[2].enter))
    for thread in entering:
        thread.finished()
    told.append([gate.participating for gate in gates])
    inside = zks[0].get_children("/double")
    told.append([len(inside), "ready" in inside])
    leaving = [Background(gate.leave) for gate in gates]
    for thread in leaving:
        thread.finished()
    told.append([gate.participating for gate in gates])
    told.append(zks[0].get_children("/double"))
    return told


def party():
    """Who has joined, and who is gone with its session."""
    zks = [client() for _ in range(3)]
    parties = [zk.Party("/party", "c%d" % index) for index, zk in enumerate(zks)]
    told = [len(parties[0])]
    for each in parties:
        each.join()
    told += [len(parties[0]), sorted(parties[1])]
    parties[1].leave()
    zks[2].stop()
    told += [len(parties[0]), sorted(parties[0])]
    shallow = zks[0].ShallowParty("/shallow", "me")
    shallow.join()
    told += [len(shallow), list(shallow), shallow.leave(), shallow.leave()]
    return told


def counter():
    """Whatever is added at the same time counts."""
    zks = [client() for _ in range(3)]
    zks[0].ensure_path("/counter")

    def add(zk):
        count = zk.Counter("/counter/n")
        for _ in range(10):
            count += 2
            count -= 1

    for thread in [Background(lambda zk=zk: add(zk)) for zk in zks]:
        thread.finished()
    count = zks[0].Counter("/counter/n")
    told = [count.value]
    count += 5
    told += [count.pre_value, count.post_value, zks[1].Counter("/counter/n").value]
    floating = zks[0].Counter("/counter/f", default=1.5)
    floating += 2.25
    told += [floating.value, refused(lambda: zks[0].Counter("/counter/f").value)]
    return told


def children_watch():
    """Each change of the list is told of, until the watch gives up; also those made by another."""
    zk, other = client(), client()
    zk.create("/watched")
    seen, events = [], []

    @zk.ChildrenWatch("/watched", send_event=True)
    def changed(children, event):
        seen.append(sorted(children))
        events.append(event and [event.type, event.state, event.path])
        return len(seen) < 5

    steps = [
        lambda: other.create("/watched/a"),
        lambda: zk.create("/watched/b", ephemeral=True),
        lambda: other.delete("/watched/a"),
        lambda: other.create("/watched/c"),
    ]
    for index, step in enumerate(steps):
        until(lambda: len(seen) == index + 1, "the change is told of")
        step()
    until(lambda: len(seen) == 5, "the last change is told of")
    other.create("/watched/d")
    other.sync("/watched")
    zk.sync("/watched")
    return [seen, events]


def data_watch():
    """A node that is not there, is made, changes, is deleted and made again; one change is not told of twice."""
    zk, other = client(), client()
    seen = []

    @zk.DataWatch("/data")
    def changed(data, stat, event):
        seen.append([data and data.decode(), facts(zk, stat), event and [event.type, event.path]])

    steps = [
        lambda: other.create("/data", b"1"),
        lambda: other.set("/data", b"2"),
        lambda: zk.delete("/data"),
        lambda: zk.create("/data", b"3", ephemeral=True),
        lambda: other.set("/data", b""),
    ]
    for index, step in enumerate(steps):
        until(lambda: len(seen) == index + 1, "the change is told of")
        step()
    until(lambda: len(seen) == 6, "the last change is told of")
    return seen


def one_shot_watches():
    """Watches of single reads: what each kind is told, once."""
    zk, other = client(), client()
    seen = []

    def watch(name):
        return lambda event: seen.append([name, event.type, event.state, event.path])

    zk.create("/once", b"x")
    zk.get("/once", watch("get"))
    zk.get_children("/once", watch("children"))
    zk.exists("/once/x", watch("exists"))
    zk.exists("/once", watch("exists too"))
    other.create("/once/x", b"")
    other.set("/once", b"y")
    other.set("/once", b"z")
    until(lambda: len(seen) == 4, "all are told of")
    zk.get("/once/x", watch("get"))
    zk.get_children("/once/x", watch("children"))
    other.delete("/once/x")
    until(lambda: len(seen) == 6, "the deletion is told of")
    zk.sync("/once")
    return sorted(seen)


def transactions():
    """All or nothing, and each step says what became of it."""
    zk = client()
    zk.create("/t", b"0")
    zk.create("/t/old", b"")

    def told(results):
        return [type(r).__name__ if isinstance(r, Exception) else r if isinstance(r, (str, bool)) else facts(zk, r) for r in results]

    good = zk.transaction()
    good.check("/t", 0)
    good.create("/t/a", b"a")
    good.create("/t/s-", b"", sequence=True)
    good.create("/t/e", b"", ephemeral=True)
    good.create("/t/a/b", b"below one of the same transaction")
    good.set_data("/t", b"1", version=0)
    good.delete("/t/old")
    results = [told(good.commit())]
    bad = zk.transaction()
    bad.create("/t/never", b"")
    bad.set_data("/t", b"2")
    bad.check("/t", 7)
    bad.delete("/t/a")
    results.append(told(bad.commit()))
    results.append(told(zk.transaction().commit()))
    with zk.transaction() as clean:
        clean.delete("/t/a/b")
        clean.delete("/t/a")
    data, stat = zk.get("/t")
    return [results, data.decode(), facts(zk, stat), sorted(zk.get_children("/t"))]


def access():
    """ACLs with digests: who may do what, and what others are told."""
    owner = client(auth_data=[("digest", "owner:secret")])
    other = client()
    acl = [make_digest_acl("owner", "secret", all=True), READ_ACL_UNSAFE[0]]
    owner.create("/private", b"x", acl=acl)
    owner.create("/mine", b"x", acl=CREATOR_ALL_ACL)
    told = [
        refused(lambda: other.get("/private")),
        refused(lambda: other.get("/mine")),
        refused(lambda: other.set("/private", b"y")),
        refused(lambda: other.create("/private/x", b"y")),
        refused(lambda: other.set_acls("/private", OPEN_ACL_UNSAFE)),
        refused(lambda: other.create("/bad", b"", acl=[])),
        refused(lambda: client().create("/none", b"", acl=CREATOR_ALL_ACL)),
    ]

    def acls(zk, path):
        found, stat = zk.get_acls(path)
        return [[[each.perms, each.id.scheme, each.id.id] for each in found], facts(zk, stat)]

    told += [acls(owner, "/private"), acls(other, "/private"), acls(owner, "/mine")]
    told.append(refused(lambda: other.get_acls("/mine")))
    other.add_auth("digest", "wrong:secret")
    told.append(refused(lambda: other.get("/mine")))
    other.add_auth("digest", "owner:secret")
    told.append(other.get("/mine")[0].decode())
    told.append(facts(owner, owner.set_acls("/private", OPEN_ACL_UNSAFE, version=0)))
    told.append(refused(lambda: owner.set_acls("/private", OPEN_ACL_UNSAFE, version=0)))
    told.append(refused(lambda: client().get("/private")))
    told.append(refused(lambda: client().add_auth("no-such-scheme", "x:y")))
    return told


CHILD = """
import json, os, sys
from kazoo.client import KazooClient
zk = KazooClient(hosts=sys.argv[1], timeout=20)
zk.start(timeout=30)
zk.create("/left", b"behind", ephemeral=True)
print(json.dumps([zk.client_id[0], zk.client_id[1].hex()]), flush=True)
os._exit(0)
"""


def reattach():
    """A session is taken up by who knows its password, with its ephemeral nodes; a wrong one gets a new session."""
    words = subprocess.check_output([sys.executable, "-c", CHILD, HOSTS], timeout=PATIENCE)
    session_id, password = json.loads(words)
    watcher = client()
    told = [watcher.exists("/left") is not None]
    thief = client(client_id=(session_id, b"p" * 16))
    told += [thief.client_id[0] == session_id, facts(thief, thief.exists("/left"))]
    again = client(client_id=(session_id, bytes.fromhex(password)))
    told += [again.client_id[0] == session_id, facts(again, again.exists("/left"))]
    again.set("/left", b"found")
    again.stop()
    told.append(watcher.exists("/left") is None)
    return told


def dropped_connection():
    """After a lost connection the session, its nodes and kazoo's lasting watches go on; what was missed is seen."""
    zk, other = client(), client()
    states, lists, values = [], [], []
    zk.add_listener(states.append)
    zk.create("/drop", b"0")
    zk.create("/drop/mine", b"", ephemeral=True)
    zk.ChildrenWatch("/drop", lambda children: lists.append(sorted(children)))
    zk.DataWatch("/drop", lambda data, stat: values.append(data.decode()))
    until(lambda: lists and values, "the watches are laid")
    before = zk.client_id
    for turn in range(2):
        zk._call(_CONNECTION_DROP, zk.handler.async_result())
        until(lambda: len(states) == 2 * turn + 2, "it is back")
        other.create("/drop/n%d" % turn, b"")
        other.set("/drop", b"%d" % (turn + 1))
        until(lambda: "n%d" % turn in lists[-1] and values[-1] == str(turn + 1), "it is seen")
    return [states, lists[-1], values[-1], zk.client_id == before, facts(zk, zk.exists("/drop/mine"))]


def plain():
    """Every single operation, and how each is refused."""
    zk = client()
    told = [
        zk.ensure_path("/p/q/r"),
        zk.create("/p/a", b"data"),
        zk.create("/p/s-", b"", sequence=True),
        zk.create("/p/es-", b"", sequence=True, ephemeral=True),
        zk.create("/p/deep/er", b"", makepath=True),
        [zk.create("/p/two", b"xx", include_data=True)[0]],
        facts(zk, zk.create("/p/three", b"xxx", ephemeral=True, include_data=True)[1]),
        zk.create("/p/\u00e9\u4e2d", "\u00fc".encode(), acl=None),
        facts(zk, zk.set("/p/a", b"")),
        zk.get("/p/a")[0].decode(),
        facts(zk, zk.exists("/p/a")),
        facts(zk, zk.exists("/p")),
        zk.exists("/nope"),
        sorted(zk.get_children("/p")),
        [sorted(zk.get_children("/p", include_data=True)[0]), facts(zk, zk.get_children("/p", include_data=True)[1])],
        zk.sync("/p"),
        zk.sync("/nope"),
        refused(lambda: zk.create("/p/a", b"")),
        refused(lambda: zk.create("/nope/x", b"")),
        refused(lambda: zk.create("/p/three/x", b"")),
        refused(lambda: zk.create("relative/../x", b"")),
        refused(lambda: zk.create("/p/\u0001", b"")),
        refused(lambda: zk.get("/nope")),
        refused(lambda: zk.get_children("/nope")),
        refused(lambda: zk.set("/nope", b"")),
        refused(lambda: zk.set("/p/a", b"", version=7)),
        refused(lambda: zk.delete("/nope")),
        refused(lambda: zk.delete("/p/a", version=7)),
        refused(lambda: zk.delete("/p")),
        refused(lambda: zk.delete("/")),
        refused(lambda: zk.get_acls("/nope")),
        zk.delete("/p/a", version=1),
    ]
    big = zk.create("/p/big", b"x" * 900000)
    told.append([big, len(zk.get(big)[0])])
    zk.delete("/p", recursive=True)
    told += [zk.exists("/p"), list(zk.server_version())[:2], zk.command(b"ruok"), zk.command(b"isro")]
    return told


def chroot():
    """A client that lives below a node sees that node as the root, in events too."""
    zk = client()
    zk.ensure_path("/root/inner")
    below = client(hosts=HOSTS + "/root/inner")
    seen = []
    told = [below.create("/a", b"1"), below.create("/a/s-", b"", sequence=True)]
    below.exists("/a", lambda event: seen.append([event.type, event.path]))
    zk.set("/root/inner/a", b"2")
    until(lambda: seen, "the event came")
    told += [seen, below.get_children("/"), zk.get_children("/root/inner")]
    with below.transaction() as steps:
        steps.create("/b", b"")
    told += [zk.exists("/root/inner/b") is not None, refused(lambda: below.delete("/a"))]
    return told


def leases():
    """Leases and their clocks, and a set that members share out among themselves."""
    from datetime import datetime, timedelta

    zk, other = client(), client()
    now = datetime(2020, 1, 1)
    told = []
    for who, identifier, moment in [
        (zk, "one", now),
        (other, "two", now),
        (zk, "one", now + timedelta(minutes=5)),
        (other, "two", now + timedelta(minutes=30)),
    ]:
        told.append(bool(who.NonBlockingLease("/lease", timedelta(minutes=10), identifier=identifier, utcnow=lambda: moment)))
    shares = [each.SetPartitioner("/set", set("abcd"), identifier=name, time_boundary=1) for each, name in [(zk, "one"), (other, "two")]]

    def share(partitioner):
        while not partitioner.acquired:
            if partitioner.release:
                partitioner.release_set()
            else:
                partitioner.wait_for_acquire(PATIENCE)
        return sorted(partitioner)

    parts = [each.finished() for each in [Background(lambda p=p: share(p)) for p in shares]]
    told.append(sorted(sum(parts, [])))
    for partitioner in shares:
        partitioner.finish()
    return told


def tree_cache():
    """A whole tree is followed, over a lost connection too."""
    zk, other = client(), client()
    other.ensure_path("/tree/a/b")
    cache = TreeCache(zk, "/tree")
    cache.start()

    def data(path):
        found = cache.get_data(path)
        return found and found.data

    until(lambda: cache.get_children("/tree/a") == {"b"}, "the tree is there")
    other.set("/tree/a/b", b"1")
    until(lambda: data("/tree/a/b") == b"1", "the change is there")
    zk._call(_CONNECTION_DROP, zk.handler.async_result())
    other.create("/tree/c", b"2")
    other.delete("/tree/a/b")
    until(lambda: data("/tree/c") == b"2" and data("/tree/a/b") is None, "what was missed is there")
    told = [sorted(cache.get_children("/tree")), list(cache.get_children("/tree/a"))]
    cache.close()
    return told


def main():
    result = globals()[sys.argv[1]]()
    print(json.dumps(result, default=lambda each: each.decode()))
    sys.stdout.flush()
    for zk in opened:
        zk.stop()
        zk.close()


try:
    main()
except BaseException:
    import traceback

    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)  # threads may still wait for what does not come
