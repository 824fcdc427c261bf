"""The clients of a run: threads that do one kind of operation all the time, as applications do. After an error they connect again to the
first host that takes writes."""
import itertools
import random
import select
import threading
import time

import psycopg2
from psycopg2 import extensions

from history import FAIL, OK, UNKNOWN, History, Operation

ANSWER_S = 5.0     # seconds in which a statement must be answered; the client then gives the connection up
CONNECT_S = 1.5
ACCOUNTS, BALANCE = 8, 100
LEVELS = {"serializable": "serializable", "snapshot": "repeatable read"}
# The clients are no superusers, and their number is limited, so that sessions which wait for a standby leave connections to the daemon.
ROLE = """
drop schema if exists chaos cascade;
drop role if exists chaos;
create role chaos login password 'chaos' connection limit 60;
create schema chaos authorization chaos;
"""
TABLES = f"""
create table chaos_set(id bigint primary key);
create table chaos_lists(level text, key int, elements int[], primary key (level, key));
create table chaos_accounts(id int primary key, balance int);
create table chaos_counter(n bigint);
insert into chaos_accounts select id, {BALANCE} from generate_series(1, {ACCOUNTS}) id;
insert into chaos_counter values (0);
"""


class Session:
    """A connection to one server. No call waits longer than its deadline, even for a commit that waits for a standby. No timeout of the
    server is used, because it would end that wait and show others a commit that no standby has."""

    def __init__(self, host, wanted="read-write"):
        self.host = host
        self.conn = psycopg2.connect(host=host, user="chaos", password="chaos", dbname="postgres", target_session_attrs=wanted,
                                     tcp_user_timeout=2000, keepalives_idle=1, keepalives_interval=1, keepalives_count=2, application_name="chaos", async_=True)
        try:
            self._answered(CONNECT_S)
        except BaseException:
            self.conn.close()
            raise

    def _answered(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            state = self.conn.poll()
            if state == extensions.POLL_OK:
                return
            left = deadline - time.monotonic()
            fd = self.conn.fileno()
            if left <= 0 or not any(select.select(*(([fd], []) if state == extensions.POLL_READ else ([], [fd])), [], left)):
                raise psycopg2.OperationalError(f"no answer within {seconds} s")

    def run(self, query, *values):
        """The rows of the answer."""
        self.conn.notices.clear()
        cursor = self.conn.cursor()
        cursor.execute(query, values)
        self._answered(ANSWER_S)
        if any("synchronous replication" in notice for notice in self.conn.notices):
            raise psycopg2.OperationalError("committed there, but not acknowledged by a standby")
        return cursor.fetchall() if cursor.description else []

    def close(self):
        self.conn.close()


def refused(error):
    """Whether the server has told that it rolled the transaction back, rather than that it ends."""
    return bool(error.pgcode) and error.pgcode[:2] not in ("08", "57", "58", "XX")


class Client(threading.Thread):
    wanted = "read-write"

    def __init__(self, number, hosts, history, period, seed):
        super().__init__(daemon=True, name=f"client {number}")
        self.number, self.hosts, self.history, self.period = number, list(hosts), history, period
        self.rng = random.Random(f"{seed} {number}")
        self.ending = threading.Event()
        self.session = None

    def connect(self):
        """A session, or None while no host gives one."""
        for host in self.hosts:
            try:
                return Session(host, self.wanted)
            except psycopg2.Error:
                pass
        return None

    def drop(self):
        if self.session:
            self.session.close()
        self.session = None

    def run(self):
        while not self.ending.wait(self.period * self.rng.uniform(0.5, 1.5)):
            self.session = self.session or self.connect()
            if self.session:
                self.perform(self.next_operation())
        self.drop()

    def perform(self, operation):
        operation.process, operation.host, self.committing = self.number, self.session.host, False
        self.history.begin(operation)
        try:
            self.work(operation)
            History.end(operation, OK)
        except psycopg2.Error as error:
            History.end(operation, UNKNOWN if self.committing and not refused(error) else FAIL, f"{error.pgcode or ''} {error}".strip()[:200])
            self.drop()

    def transaction(self, level, steps):
        self.session.run(f"begin isolation level {level}")
        steps()
        self.committing = True
        self.session.run("commit")

    def statement(self, query, *values):
        """A statement that is a transaction of its own."""
        self.committing = True
        return self.session.run(query, *values)


class Inserter(Client):
    ids = itertools.count(1)

    def next_operation(self):
        return Operation(0, "insert", next(self.ids))

    def work(self, operation):
        self.statement("insert into chaos_set values (%s)", operation.value)


class Appender(Client):
    """Reads and appends to lists in transactions. A key is replaced by a new one when it has had its share of appends."""
    KEYS, APPENDS = 4, 60
    values = itertools.count(1)
    keys = {level: itertools.count(1) for level in LEVELS}
    active = {level: {} for level in LEVELS}   # key -> appends that were tried
    lock = threading.Lock()

    def __init__(self, level, *words):
        super().__init__(*words)
        self.level = level

    def _key(self):
        with self.lock:
            active = self.active[self.level]
            while len(active) < self.KEYS:
                active[next(self.keys[self.level])] = 0
            key = self.rng.choice(sorted(active))
            active[key] += 1
            if active[key] >= self.APPENDS:
                del active[key]
            return key

    def next_operation(self):
        steps = [["append", self._key(), next(self.values)] if self.rng.random() < 0.5 else ["read", self._key(), None]
                 for _ in range(self.rng.randint(1, 4))]
        return Operation(0, self.level, steps)

    def work(self, operation):
        done = [list(step) for step in operation.value]

        def steps():
            for step in done:
                if step[0] == "append":
                    self.session.run("insert into chaos_lists values (%s, %s, array[%s]) on conflict (level, key) do update "
                                     "set elements = chaos_lists.elements || excluded.elements", self.level, step[1], step[2])
                else:
                    rows = self.session.run("select elements from chaos_lists where level = %s and key = %s", self.level, step[1])
                    step[2] = rows[0][0] if rows else []
        self.transaction(LEVELS[self.level], steps)
        operation.value = done


class Payer(Client):
    def next_operation(self):
        payer, payee = self.rng.sample(range(1, ACCOUNTS + 1), 2)
        return Operation(0, "transfer", [payer, payee, self.rng.randint(1, 20)])

    def work(self, operation):
        payer, payee, amount = operation.value

        def steps():
            if self.session.run("update chaos_accounts set balance = balance - %s where id = %s and balance >= %s returning 1", amount, payer, amount):
                self.session.run("update chaos_accounts set balance = balance + %s where id = %s", amount, payee)
        self.transaction("repeatable read", steps)


class Auditor(Client):
    """Reads all balances on any host."""
    wanted = "any"

    def connect(self):
        self.rng.shuffle(self.hosts)
        return super().connect()

    def next_operation(self):
        if self.rng.random() < 0.02:
            self.drop()
            self.session = self.connect() or self.session
        return Operation(0, "balances", [])

    def work(self, operation):
        operation.value = [row[0] for row in self.statement("select balance from chaos_accounts order by id")]

    def perform(self, operation):
        if self.session:
            super().perform(operation)


class Counter(Client):
    def next_operation(self):
        return Operation(0, "increment", 0)

    def work(self, operation):
        operation.value = self.statement("update chaos_counter set n = n + 1 returning n")[0][0]


class Looker(Client):
    """Reads the counter on the primary."""

    def next_operation(self):
        return Operation(0, "look", 0)

    def work(self, operation):
        operation.value = self.statement("select n from chaos_counter")[0][0]


WRITES = ("insert", "transfer", "increment")   # operations that certainly write when they are acknowledged


class Load:
    """All clients of a run."""

    def __init__(self, hosts, seed):
        self.history = History()
        numbers = itertools.count(1)

        def client(kind, period, *first):
            return kind(*first, next(numbers), hosts, self.history, period, seed)
        Appender.active = {level: {} for level in LEVELS}
        self.clients = [client(Inserter, 0.03), client(Inserter, 0.03), client(Payer, 0.1), client(Auditor, 0.1), client(Counter, 0.1),
                        client(Looker, 0.1), client(Looker, 0.1), *(client(Appender, 0.1, level) for level in LEVELS for _ in range(2))]

    def start(self):
        for client in self.clients:
            client.start()

    def stop(self):
        for client in self.clients:
            client.ending.set()
        for client in self.clients:
            client.join(30)

    def acknowledged_writes(self):
        """(when, seconds that it took) in the order of the acknowledgements."""
        done = [o for o in self.history.of(*WRITES) if o.outcome == OK]
        return sorted((o.completed, o.completed - o.invoked) for o in done)


def prepare(leader):
    """Makes the tables on the node that leads."""
    leader.sql(ROLE)
    session = Session(leader.address)
    session.run(TABLES)
    session.close()


def final_state(host):
    """What is there in the end, for the checkers. The same on a standby that has replayed all."""
    session = Session(host, "any")
    lists = {level: {} for level in LEVELS}
    for level, key, elements in session.run("select level, key, elements from chaos_lists"):
        lists[level][key] = elements
    state = {"set": {row[0] for row in session.run("select id from chaos_set")}, "lists": lists,
             "balances": [row[0] for row in session.run("select balance from chaos_accounts order by id")],
             "counter": session.run("select n from chaos_counter")[0][0]}
    session.close()
    return state
